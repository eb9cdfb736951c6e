"""The same networks trained by PyTorch: its layers' draws, its gradients and its optimisers.

All networks of a setting are trained at once, as a stack of matrices: sums of their losses keep their gradients apart,
and what the optimisers do is done to each number by itself.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from relubench import config, data

if TYPE_CHECKING:
    import torch

#: Weights and biases of a layer of all networks: [networks, in, out] and [networks, 1, out].
Layer = tuple["torch.Tensor", "torch.Tensor"]


@functools.cache
def dead_shares(values: tuple[tuple[str, Any], ...], networks: int, seed: int) -> np.ndarray:
    """Return the share of dead units of each layer of each network after training: [networks, layers].

    `values` are the setting by dotted key; `seed` is PyTorch's.
    """
    import torch

    setting = config.build_setting(dict(values))
    loaded = data.load(setting.data)
    torch.set_num_threads(1)  # matrices this small are no work for two
    torch.manual_seed(seed)
    x, y = torch.tensor(loaded.x_train, dtype=torch.float32), torch.tensor(loaded.y_train).long()
    layers = _drawn([x.shape[1], *setting.model.widths, loaded.outputs], setting.model.init, networks)
    optimizer = _OPTIMIZERS[setting.optimizer.name](_groups(layers, setting.optimizer), setting.optimizer)
    for rows in itertools.islice(_batches(len(x), setting.train, networks), setting.train.steps):
        optimizer.zero_grad()
        output = _forward(layers, x[rows])[-1]
        loss = torch.nn.functional.cross_entropy(output.flatten(0, 1), y[rows].flatten(), reduction="sum")
        (loss / rows.shape[1]).backward()  # the mean over each network's batch
        optimizer.step()
    with torch.no_grad():
        hidden = _forward(layers, x.expand(networks, *x.shape))[:-1]
    return np.stack([(z <= 0).all(1).float().mean(1).numpy() for z in hidden], axis=1)


def _drawn(sizes: Sequence[int], init: config.Init, networks: int) -> list[Layer]:
    """Return the initial layers: every network's linear layers, drawn one after the other."""
    import torch

    drawn: list[list[torch.nn.Linear]] = []
    for _ in range(networks):
        drawn.append([torch.nn.Linear(*pair) for pair in itertools.pairwise(sizes)])
        for place, layer in enumerate(drawn[-1]):
            _INITIALIZERS[init.name](layer)
            if init.bias is not None and place < len(sizes) - 2:
                torch.nn.init.constant_(layer.bias, init.bias)
    stacks = zip(*drawn, strict=True)
    return [
        (
            torch.stack([layer.weight.detach().T for layer in stack]).requires_grad_(),
            torch.stack([layer.bias.detach()[None, :] for layer in stack]).requires_grad_(),
        )
        for stack in stacks
    ]


def _he(layer: torch.nn.Linear) -> None:
    import torch

    torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    torch.nn.init.zeros_(layer.bias)


#: By the names of relubench.
_INITIALIZERS: dict[str, Callable[[torch.nn.Linear], None]] = {"he": _he, "pytorch": lambda layer: None}


def _forward(layers: Sequence[Layer], x: torch.Tensor) -> list[torch.Tensor]:
    """Return the pre-activations of all layers, [networks, examples, units], the output last."""
    import torch

    zs: list[torch.Tensor] = []
    for weights, bias in layers:
        zs.append(torch.baddbmm(bias, torch.relu(zs[-1]) if zs else x, weights))
    return zs


def _batches(examples: int, train: config.Train, networks: int) -> Any:
    """Yield rows [networks, batch]: every epoch each network's own permutation, the remainder left out."""
    import torch

    assert train.batch_size is not None, "every level has one"
    while True:
        order = torch.stack([torch.randperm(examples) for _ in range(networks)])
        for start in range(0, examples - train.batch_size + 1, train.batch_size):
            yield order[:, start : start + train.batch_size]


def _groups(layers: Sequence[Layer], optimizer: config.Optimizer) -> list[dict[str, Any]]:
    """Return the parameters as an optimiser takes them: the decay is of weights alone."""
    weights, biases = zip(*layers, strict=True)
    return [{"params": weights, "weight_decay": optimizer.weight_decay}, {"params": biases, "weight_decay": 0.0}]


def _sgd(groups: list[dict[str, Any]], optimizer: config.Optimizer) -> Any:
    import torch

    momentum = optimizer.own["momentum"] if optimizer.name != "sgd" else 0.0
    return torch.optim.SGD(groups, optimizer.learning_rate, momentum, nesterov=optimizer.name == "nesterov")


def _other(name: str) -> Callable[[list[dict[str, Any]], config.Optimizer], Any]:
    def make(groups: list[dict[str, Any]], optimizer: config.Optimizer) -> Any:
        import torch

        return getattr(torch.optim, name)(groups, optimizer.learning_rate)

    return make


#: By the names of relubench; what its keys do not say is PyTorch's default, which is relubench's, too.
_OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], config.Optimizer], Any]] = {
    "sgd": _sgd,
    "momentum": _sgd,
    "nesterov": _sgd,
    "adam": _other("Adam"),
    "adamw": _other("AdamW"),
    "rmsprop": _other("RMSprop"),
}

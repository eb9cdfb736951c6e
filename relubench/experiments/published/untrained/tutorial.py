"""The tutorial's own network and images, as PyTorch draws them, counted by relubench.

P. Lippe, "Activation Functions": `torch.manual_seed(42)`, then `random_split` of the 60,000 training images; the same
seed again, then the layers one after the other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from relubench import config, data
from relubench.data.streams import as_seen
from relubench.experiments import designs

SEED = 42
#: Images of the training set, and those of them that are trained on; the tutorial validates on the others.
IMAGES, TRAINED = 60_000, 50_000
#: Images that pass through the network at once.
_BLOCK = 5_000


@functools.cache
def dead_shares() -> tuple[float, ...]:
    """Return the share of each hidden layer's units that are dead on the tutorial's images."""
    import jax
    import jax.numpy as jnp

    from relubench import nn, units

    base = _setting()
    loaded = data.load(base.data)
    x = loaded.x_train[images()]
    network: Any = nn.build(
        base.model, jax.random.key(0), features=x.shape[1], image_shape=loaded.image_shape, outputs=loaded.outputs
    )
    layers = drawn([x.shape[1], *base.model.widths, loaded.outputs])
    for layer, (kernel, bias) in zip(network.affine_layers(), layers, strict=True):
        layer.kernel.set_value(jnp.asarray(kernel))
        layer.bias.set_value(jnp.asarray(bias))
    seen = [
        [units.observe(*layer) for layer in network(jnp.asarray(block, jnp.float32), train=False).hidden]
        for block in (as_seen(base.data, part) for part in np.split(x, len(x) // _BLOCK))
    ]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *seen)
    return tuple(float(units.dead(units.merge(parts)).mean()) for parts in stacked)


def _setting() -> config.Setting:
    design = designs.design("published/untrained")
    assert design is not None, "its YAML file lies beside this package"
    whole = {"data.train_examples": None, "data.test_examples": None}
    return config.build_setting(design.base | whole)


def images() -> np.ndarray:
    """Return which of the training images are the tutorial's: [50,000]."""
    import torch

    torch.manual_seed(SEED)
    return torch.randperm(IMAGES)[:TRAINED].numpy()  # as torch.utils.data.random_split draws them


def drawn(sizes: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (kernel [in, out], bias [out]) of linear layers of these sizes, as PyTorch draws them one by one."""
    import torch

    torch.manual_seed(SEED)
    layers = [torch.nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
    return [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in layers]

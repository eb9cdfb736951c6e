"""PyTorch: a loop over steps on one thread, the same compiled, and one `torch.func` step of many models."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from workloads import Workload

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh}
EXAMPLES = 1437


def _model(workload: Workload) -> nn.Module:
    layers: list[nn.Module] = []
    if workload.dense:
        for size, out in workload.sizes[:-1]:
            layers += [nn.Linear(size, out), ACTIVATIONS[workload.activation]()]
        return nn.Sequential(*layers, nn.Linear(*workload.sizes[-1]))
    channels = 1
    layers.append(nn.Unflatten(1, (1, 8, 8)))
    for width in workload.widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), ACTIVATIONS[workload.activation](), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, workload.outputs))


def _data(workload: Workload) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(EXAMPLES, workload.features)
    return x, (x.abs() if workload.outputs == 1 else torch.randint(workload.outputs, (EXAMPLES,)))


def _loss(workload: Workload) -> Callable[..., torch.Tensor]:
    return nn.functional.mse_loss if workload.outputs == 1 else nn.functional.cross_entropy


def loop(workload: Workload, *, compiled: bool = False) -> dict[str, Callable[[int], float]]:
    """Return what takes so many steps of one model: seconds a run-step on one thread."""
    torch.set_num_threads(1)
    (x, y), model, loss = _data(workload), _model(workload), _loss(workload)
    rule = torch.optim.Adam if workload.optimizer == "adam" else torch.optim.SGD
    optimizer = rule(model.parameters(), lr=0.001)
    called = torch.compile(model) if compiled else model

    def measure(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            rows = torch.randint(EXAMPLES, (workload.batch,))
            optimizer.zero_grad()
            loss(called(x[rows]), y[rows]).backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    return {"step": measure}


def compiled_loop(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return the same with the model compiled by `torch.compile`."""
    return loop(workload, compiled=True)


def many(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what takes so many steps of all models at once by `torch.func`: seconds a run-step, all threads."""
    (x, y), loss, base = _data(workload), _loss(workload), _model(workload)
    params, _ = stack_module_state([_model(workload) for _ in range(workload.runs)])
    params = {name: value.detach() for name, value in params.items()}
    moments = [{name: torch.zeros_like(value) for name, value in params.items()} for _ in range(2)]

    def one(params: Any, rows: torch.Tensor) -> torch.Tensor:
        return loss(functional_call(base, params, (x[rows],)), y[rows])

    gradients = vmap(grad(one))
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1
        rows = torch.randint(EXAMPLES, (workload.runs, workload.batch))
        for name, gradient in gradients(params, rows).items():
            if workload.optimizer == "adam":
                first, second = moments[0][name], moments[1][name]
                first.lerp_(gradient, 0.1)
                second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                scale = (second / (1 - 0.999**taken)).sqrt_().add_(1e-8)
                params[name].addcdiv_(first, scale, value=-0.001 / (1 - 0.9**taken))
            else:
                params[name].sub_(gradient, alpha=0.001)

    def measure(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            step()
        return (time.perf_counter() - start) / steps / workload.runs

    return {"step": measure}

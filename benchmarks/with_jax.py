"""JAX by hand, counting nothing: a Python loop of jitted steps of one model, and one vmap of all models."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from workloads import Workload

ACTIVATIONS = {"relu": jax.nn.relu, "elu": jax.nn.elu, "tanh": jnp.tanh}
EXAMPLES = 1437


def _forward(workload: Workload, params: Any, x: Any) -> Any:
    activation = ACTIVATIONS[workload.activation]
    if not workload.dense:
        x = x.reshape(-1, 8, 8, 1)
    for kernel, bias in params[:-1]:
        if workload.dense:
            x = activation(x @ kernel + bias)
        else:
            x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = lax.reduce_window(activation(x + bias), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    if not workload.dense:
        x = x.mean((1, 2))
    return x @ params[-1][0] + params[-1][1]


def _step(workload: Workload) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    """Return (init(key), step(state, key))."""
    x = jax.random.normal(jax.random.key(2), (EXAMPLES, workload.features))
    y = jnp.abs(x) if workload.outputs == 1 else jax.random.randint(jax.random.key(3), (EXAMPLES,), 0, 10)
    rule = (optax.adam if workload.optimizer == "adam" else optax.sgd)(0.001)
    shapes: list[tuple[int, ...]] = [(size, out) for size, out in workload.sizes]
    if not workload.dense:
        channels = (1, *workload.widths)
        shapes = [(3, 3, size, out) for size, out in zip(channels, workload.widths, strict=False)] + [shapes[-1]]

    def init(key: Any) -> Any:
        keys = jax.random.split(key, len(shapes))
        params = [
            (jax.random.normal(key, shape) * (2 / shape[-2]) ** 0.5, jnp.zeros(shape[-1]))
            for key, shape in zip(keys, shapes, strict=True)
        ]
        return params, rule.init(params)

    def loss(params: Any, rows: Any) -> Any:
        output, target = _forward(workload, params, x[rows]), y[rows]
        if workload.outputs == 1:
            return jnp.mean(jnp.square(output - target))
        return optax.softmax_cross_entropy_with_integer_labels(output, target).mean()

    def step(state: Any, key: Any) -> Any:
        params, moments = state
        gradient = jax.grad(loss)(params, jax.random.randint(key, (workload.batch,), 0, EXAMPLES))
        updates, moments = rule.update(gradient, moments, params)
        return optax.apply_updates(params, updates), moments

    return init, step


def loop(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what takes so many jitted steps of one model: seconds a run-step."""
    init, step = _step(workload)
    jitted, state = jax.jit(step, donate_argnums=0), jax.jit(init)(jax.random.key(0))

    def measure(steps: int) -> float:
        nonlocal state
        keys = list(jax.random.split(jax.random.key(1), steps))
        start = time.perf_counter()
        for key in keys:
            state = jitted(state, key)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / steps

    return {"step": measure}


def many(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what takes so many steps of all models in one vmap: seconds a run-step."""
    init, step = _step(workload)

    def train(steps: Any, state: Any, key: Any) -> Any:
        return lax.fori_loop(0, steps, lambda at, state: step(state, jax.random.fold_in(key, at)), state)

    program = jax.jit(jax.vmap(train, in_axes=(None, 0, 0)), donate_argnums=1)
    state = jax.jit(jax.vmap(init))(jax.random.split(jax.random.key(0), workload.runs))
    keys = jax.random.split(jax.random.key(1), workload.runs)

    def measure(steps: int) -> float:
        nonlocal state
        start = time.perf_counter()
        state = jax.block_until_ready(program(steps, state, keys))
        return (time.perf_counter() - start) / steps / workload.runs

    return {"step": measure}

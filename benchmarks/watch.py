"""What watching costs: steps of training with and without it, at every step and at every 100th.

    python benchmarks/watch.py [--rounds 7]

The three take turns; a row tells the fewest seconds of each, and the ratios to the plain steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

import relubench

EVERY = 100


class Dense(nn.Module):
    """784-256×4-10."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the logits."""
        for _ in range(4):
            x = nn.relu(nn.Dense(256)(x))
        return nn.Dense(10)(x)


class Convolutional(nn.Module):
    """Two convolutions and a dense layer."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the logits."""
        x = x.reshape(-1, 28, 28, 1)
        for channels in (16, 32):
            x = nn.max_pool(nn.relu(nn.Conv(channels, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Dense(128)(x.reshape(x.shape[0], -1)))
        return nn.Dense(10)(x)


class Transformer(nn.Module):
    """Two blocks of width 128 on 28 rows of an image."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the logits."""
        h = nn.Dense(128)(x.reshape(-1, 28, 28)) + self.param("position", nn.initializers.normal(), (28, 128))
        for _ in range(2):
            h = h + nn.MultiHeadDotProductAttention(4)(nn.LayerNorm()(h))
            h = h + nn.Dense(128)(nn.gelu(nn.Dense(512)(nn.LayerNorm()(h))))
        return nn.Dense(10)(h.mean(1))


def _steps(module: nn.Module, x: jax.Array, y: jax.Array) -> tuple[Callable[..., Any], Callable[..., Any], Any]:
    """Return a plain step, a watched one, and the state that both take and return."""
    optimizer = optax.adam(1e-3)
    parameters = module.init(jax.random.key(0), x)

    def loss(parameters: Any, apply: Callable[..., Any]) -> Any:
        logits, sites = apply(parameters, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), sites

    def step(apply: Callable[..., Any], state: Any) -> Any:
        parameters, moments = state
        (value, sites), slope = jax.value_and_grad(loss, has_aux=True)(parameters, apply)
        updates, moments = optimizer.update(slope, moments, parameters)
        return (optax.apply_updates(parameters, updates), moments), value, sites

    plain = jax.jit(lambda state: step(lambda p, x: (module.apply(p, x), ()), state))
    watched = jax.jit(lambda state: step(relubench.watch(module.apply), state))
    return plain, watched, (parameters, optimizer.init(parameters))


def _seconds(plain: Callable[..., Any], watched: Callable[..., Any], state: Any, steps: int, every: int) -> float:
    begun = time.perf_counter()
    for n in range(steps):
        state, _, _ = (watched if every and n % every == 0 else plain)(state)
    jax.block_until_ready(state)
    return time.perf_counter() - begun


def main() -> None:
    """Print a row a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    x = jax.random.normal(jax.random.key(1), (128, 784))
    y = jnp.arange(128) % 10
    print(f"{'network':15} {'plain ms':>9} {'every step':>11} {'every 100th':>12}")
    for module in (Dense(), Convolutional(), Transformer()):
        plain, watched, state = _steps(module, x, y)
        for step in (plain, watched):
            jax.block_until_ready(step(state))
        seconds = {every: [] for every in (0, 1, EVERY)}
        for _ in range(rounds):
            for every, taken in seconds.items():
                taken.append(_seconds(plain, watched, state, EVERY, every))
        least = {every: min(taken) for every, taken in seconds.items()}
        ratios = (least[every] / least[0] - 1 for every in (1, EVERY))
        print(f"{type(module).__name__:15} {1e3 * least[0] / EVERY:9.2f} {next(ratios):+11.1%} {next(ratios):+12.1%}")


if __name__ == "__main__":
    main()

"""The learning rate over time, as a factor; closed formulas, since optax's own schedules branch on Python values."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from relubench import config
from relubench.registry import Registry

#: (share of the decay that has passed [0, 1], end factor) -> factor
Shape = Callable[[Array, ArrayLike], ArrayLike]

SCHEDULES: Registry[Shape] = Registry("optimizer.schedule.name")


@SCHEDULES.register("constant")
def _constant(passed: Array, end: ArrayLike) -> ArrayLike:
    return jnp.ones_like(passed)


@SCHEDULES.register("linear")
def _linear(passed: Array, end: ArrayLike) -> ArrayLike:
    return 1 + (end - 1) * passed


@SCHEDULES.register("cosine")
def _cosine(passed: Array, end: ArrayLike) -> ArrayLike:
    """Half a cosine from 1 to `end` (Loshchilov & Hutter 2017, eq. 5, one period)."""
    return end + (1 - end) * 0.5 * (1 + jnp.cos(jnp.pi * passed))


def schedule_factor(schedule: config.Schedule, total_steps: int) -> Callable[[Array], Array]:
    """Return the factor on the learning rate as a function of the step (from 0).

    Step t of a warm-up of n steps has factor (t + 1) / n; the decay starts after it and takes `decay_steps`
    (null: the rest of `total_steps`).
    """
    dtype = jnp.result_type(float)
    warmup = jnp.asarray(schedule.warmup_steps, dtype)
    decay = total_steps - warmup if schedule.decay_steps is None else jnp.asarray(schedule.decay_steps, dtype)
    shape = SCHEDULES[schedule.name]

    def factor(step: Array) -> Array:
        now = jnp.asarray(step, dtype)
        rising = jnp.minimum(1, (now + 1) / jnp.maximum(warmup, 1))
        passed = jnp.clip((now - warmup) / jnp.maximum(decay, 1), 0, 1)
        return rising * shape(passed, schedule.end_factor)

    return factor

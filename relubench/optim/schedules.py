"""The learning rate over time, as a factor; closed formulas, since optax's own schedules branch on Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relubench import config
from relubench.config import knob
from relubench.lazy import jnp
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

    #: (share of the decay that has passed [0, 1], and its own keys but `decay_steps` by name) -> factor
    Shape = Callable[..., ArrayLike]

SCHEDULES: Registry[Shape] = Registry("optimizer.schedule.name")
STEPS = knob(None, "steps of decay after the warm-up; null: to the end", low=1, type=int)
END = knob(0.0, "factor after the decay", low=0.0)


@SCHEDULES.register("constant")
def _constant(passed: Array) -> ArrayLike:
    return jnp.ones_like(passed)


@SCHEDULES.register("linear", decay_steps=STEPS, end_factor=END)
def _linear(passed: Array, end_factor: ArrayLike) -> ArrayLike:
    return 1 + (end_factor - 1) * passed


@SCHEDULES.register("cosine", decay_steps=STEPS, end_factor=END)
def _cosine(passed: Array, end_factor: ArrayLike) -> ArrayLike:
    """Half a cosine from 1 to `end_factor` (Loshchilov & Hutter 2017, eq. 5, one period)."""
    return end_factor + (1 - end_factor) * 0.5 * (1 + jnp.cos(jnp.pi * passed))


def schedule_factor(schedule: config.Schedule, total_steps: int) -> Callable[[Array], Array]:
    """Return the factor on the learning rate as a function of the step (from 0).

    Step t of a warm-up of n steps has factor (t + 1) / n; the decay starts after it and takes `decay_steps`
    (null, or a shape that has none: the rest of `total_steps`).
    """
    dtype = jnp.result_type(float)
    warmup = jnp.asarray(schedule.warmup_steps, dtype)
    own = SCHEDULES.own(schedule)
    steps = own.pop("decay_steps", None)
    decay = total_steps - warmup if steps is None else jnp.asarray(steps, dtype)
    shape = SCHEDULES[schedule.name]

    def factor(step: Array) -> Array:
        now = jnp.asarray(step, dtype)
        rising = jnp.minimum(1, (now + 1) / jnp.maximum(warmup, 1))
        passed = jnp.clip((now - warmup) / jnp.maximum(decay, 1), 0, 1)
        return rising * shape(passed, **own)

    return factor

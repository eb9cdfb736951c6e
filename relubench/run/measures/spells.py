"""Which units are dead, silent or saturated, probe by probe: 1 for a unit that is, else 0; [units] a layer."""

from __future__ import annotations

from jax import Array

from relubench import units
from relubench.run.recorder import Context, at_probe


@at_probe("unit_dead")
def unit_dead(context: Context) -> tuple[Array, ...]:
    """Return which units are dead on the training set."""
    return context.dead_now()


@at_probe("unit_silent")
def unit_silent(context: Context) -> tuple[Array, ...]:
    """Return which units are silent on the training set."""
    return tuple(units.silent(stats) for stats in context.train.hidden)


@at_probe("unit_saturated")
def unit_saturated(context: Context) -> tuple[Array, ...]:
    """Return which units are saturated on the training set."""
    return tuple(units.saturated(stats) for stats in context.train.hidden)

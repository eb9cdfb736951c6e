"""Which units are dead, probe by probe."""

from __future__ import annotations

from jax import Array

from relubench.run.recorder import Context, at_probe


@at_probe("unit_dead")
def unit_dead(context: Context) -> tuple[Array, ...]:
    """Return 1 for each unit that is dead on the training set, else 0: [units] a layer."""
    return context.dead_now()

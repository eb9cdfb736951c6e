"""What every run records of each hidden layer at each probe: the columns of layers, which count units."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jax.numpy as jnp
from jax import Array

from relubench import units
from relubench.run.recorder import Context, column


def _numbers(flags: Iterable[Array]) -> list[Array]:
    return [jnp.sum(each, dtype=jnp.int32) for each in flags]


def _counting(definition: Callable[[units.UnitStats], Array]) -> Callable[[Context], list[Array]]:
    """Return the number of units that are so by their statistics over the training set."""
    return lambda context: _numbers(map(definition, context.train.hidden))


for _name, _definition in units.DEFINITIONS.items():
    column("layers", f"{_name}_train")(_counting(_definition))


@column("layers")
def dead_test(context: Context) -> list[Array]:
    """Return the number of units that are dead on the test set."""
    return _numbers(map(units.dead, context.test.hidden))


@column("layers")
def dormant_train(context: Context) -> list[Array]:
    """Return the number of dormant units."""
    return _numbers(units.dormant(stats, context.setting.probe.tau) for stats in context.train.hidden)


@column("layers")
def batch_dead(context: Context) -> list[Array]:
    """Return the number of batch-dead units, summed over the steps since the last probe."""
    return [counter.batch_dead for counter in context.state.counters]


@column("layers")
def deaths(context: Context) -> list[Array]:
    """Return the number of units that are dead and were alive at the last probe; none at step 0."""
    before = zip(context.dead_now(), context.state.died_step, strict=True)
    return _numbers(dead & (since < 0) & (context.step > 0) for dead, since in before)


@column("layers")
def revivals(context: Context) -> list[Array]:
    """Return the number of units that are alive and were dead at the last probe."""
    before = zip(context.dead_now(), context.state.died_step, strict=True)
    return _numbers(~dead & (since >= 0) for dead, since in before)

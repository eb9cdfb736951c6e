"""Dead units on other examples than those that killed them."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from relubench import units
from relubench.data import streams
from relubench.run.evaluate import evaluate
from relubench.run.recorder import Context, at_probe
from relubench.run.state import named_key


@at_probe("woken_by_test")
def woken_by_test(context: Context) -> tuple[Array, ...]:
    """Return the number of units that are dead on the training set and active on the test set: a scalar a layer."""
    test = (units.dead(stats) for stats in context.test.hidden)
    return tuple(jnp.sum(dead & ~other) for dead, other in zip(context.dead_now(), test, strict=True))


@at_probe("woken_by_next_task")
def woken_by_next_task(context: Context) -> tuple[Array, ...]:
    """Return the number of units that are dead on this task's training set and active on the next one's."""
    setting, state = context.setting, context.state
    task = jnp.maximum(context.step - 1, 0) // setting.data.stream.own["period"] + 1
    view = streams.next_view(setting, context.data, named_key(setting.seed, "stream"), task, state.view)
    after, _ = evaluate(setting, context.network, context.data, state.params, state.buffers, view)
    next_dead = (units.dead(stats) for stats in after.hidden)
    return tuple(jnp.sum(dead & ~other) for dead, other in zip(context.dead_now(), next_dead, strict=True))

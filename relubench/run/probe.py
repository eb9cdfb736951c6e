"""Exact counts on whole sets with the weights held still."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from relubench import units
from relubench.config import Setting
from relubench.errors import UserError
from relubench.nn.networks import Network
from relubench.run import recorder
from relubench.run.evaluate import Evaluation, evaluate, is_finite
from relubench.run.state import Arrays, RunState, first_non_finite


def record(
    setting: Setting, network: Network, data: Arrays, index: Array, before: Array, step: Array, state: RunState
) -> RunState:
    """Record probe number `index`, an exact count on both sets; `before` is the step of the last one."""
    train, test = evaluate(setting, network, data, state.params, state.buffers, state.view)
    context = recorder.Context(setting, network, data, state, step, before, train, test)
    finite = units.isfinite_tree(state.params) & is_finite(train) & is_finite(test)
    return state._replace(
        records=recorder.put(state.records, index, recorder.take(context)),
        died_step=context.died_step(),
        sums=jax.tree.map(jnp.zeros_like, state.sums),
        counters=tuple(c._replace(batch_dead=jnp.zeros_like(c.batch_dead)) for c in state.counters),
        diverged_step=first_non_finite(state.diverged_step, finite, step),
    )


def with_room(setting: Setting, network: Network, data: Arrays, state: RunState, probes: int) -> RunState:
    """Return a state at step 0 with what is kept of each unit, and with room for what so many probes record."""
    shapes = jax.eval_shape(lambda: evaluate(setting, network, data, state.params, state.buffers, state.view))
    widths, reported = [stats.active.shape[0] for stats in shapes[0].hidden], len(network.structure.hidden)
    if len(widths) != reported:
        raise UserError(
            f"model.name={setting.model.name}: its pass has {len(widths)} hidden layers, its report {reported}; it "
            "reports each"
        )
    state = state._replace(
        counters=tuple(map(units.new_counter, widths)),
        died_step=tuple(jnp.full(width, -1, jnp.int32) for width in widths),
    )
    start = jnp.zeros((), jnp.int32)

    def take(train: Evaluation, test: Evaluation) -> recorder.Records:
        return recorder.take(recorder.Context(setting, network, data, state, start, start, train, test))

    return state._replace(records=recorder.room(jax.eval_shape(take, *shapes), probes))

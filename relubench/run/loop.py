"""One run as one pure function: initial weights, updates with the counter inside, exact probes.

`advance` takes a run from one step to another; it is what the engine vectorises and compiles.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from relubench import nn, units
from relubench.config import Setting
from relubench.data import streams
from relubench.nn.networks import Network
from relubench.optim import make_update_rule
from relubench.run import batches, probe, recorder
from relubench.run.state import (
    Arrays,
    RunState,
    batch_size,
    born,
    first_non_finite,
    make_network,
    named_key,
    probe_steps,
)

#: Goes up where the same setting comes to give other bits: runs of before then don't mix with those of now.
ARITHMETIC = 3
#: JAX's names for the precision of products; its own default would be TF32 or bfloat16 passes on accelerators.
MATMUL_PRECISION = {"float32": "highest", "float64": "highest", "tf32": "TF32_TF32_F32", "bfloat16": "BF16_BF16_F32"}


def advance(setting: Setting, data: Arrays, first: Array, last: Array, state: RunState) -> RunState:
    """Return the run after step `last`, given its `state` at step `first` (ignored where `first` is 0).

    Probes due in (first, last], and the one at step 0 where the run begins, are recorded on the way. The
    bits do not depend on how a run is cut into calls: `first` and `last` are traced, the program is the same.
    """
    with jax.default_matmul_precision(MATMUL_PRECISION[setting.engine.precision]):
        model = make_network(setting, data)
        stops = probe_steps(setting.train, setting.probe)
        starts = np.append(0, stops[:-1])
        state = lax.cond(first == 0, lambda old: init_state(setting, data, model), lambda old: old, state)

        def interval(state: RunState, stretch: tuple[Array, Array, Array]) -> tuple[RunState, None]:
            index, start, stop = stretch
            if setting.train.steps:  # networks looked at when they are born: a step need not be compiled
                step = functools.partial(_step, setting, model, data)
                state = lax.fori_loop(jnp.maximum(start, first), jnp.minimum(stop, last), step, state)
            due = (stop <= last) & ((stop > first) | (first == 0))
            record = functools.partial(probe.record, setting, model, data, index, start, stop)
            return lax.cond(due, record, lambda same: same, state), None

        intervals = (np.arange(len(stops), dtype=np.int32), starts.astype(np.int32), stops)
        return lax.scan(interval, state, jax.tree.map(jnp.asarray, intervals))[0]


def init_state(setting: Setting, data: Arrays, network: Network) -> RunState:
    """Return the run at step 0, before its first probe."""
    params, buffers = born(setting, data)
    view = streams.first_view(setting, data, named_key(setting.seed, "stream"))
    everything = jnp.arange(data.train_examples)
    # Else the first probe would see a batch norm that divides by 1, whatever the data are.
    buffers = network.settled(params, buffers, lambda: streams.examples(setting, data, view, everything)[0])
    rule = make_update_rule(setting, network.structure, named_key(setting.seed, "remedy"))
    state = RunState(
        params=params,
        buffers=buffers,
        opt_state=rule.init(params),
        epoch_words=jnp.zeros(batches.rounds(data.train_examples), jnp.uint32),
        view=view,
        counters=(),
        died_step=(),
        diverged_step=jnp.full((), -1, jnp.int32),
        sums=recorder.start_sums(setting, data.x.dtype),
        records=(),
    )
    return probe.with_room(setting, network, data, state, len(probe_steps(setting.train, setting.probe)))


def _step(setting: Setting, model: Network, data: Arrays, step: Array, state: RunState) -> RunState:
    """One update, and one count from the forward pass that its gradient needs anyway."""
    epoch_steps = data.train_examples // batch_size(setting.train, data.train_examples)
    batch_key = named_key(setting.seed, "batches")
    epoch_words, rows = batches.next_batch(setting.train, batch_key, data.train_examples, step, state.epoch_words)
    view = streams.view_at(setting, data, named_key(setting.seed, "stream"), step, state.view)
    x, labels = streams.examples(setting, data, view, rows)

    def objective(params: Any) -> tuple[Array, tuple[nn.Forward, Any]]:
        forward, buffers = model(params, state.buffers, x, train=True)
        return nn.batch_loss(setting.loss, forward.output, labels), (forward, buffers)

    (loss, (forward, buffers)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    rule = make_update_rule(setting, model.structure, named_key(setting.seed, "remedy"))
    activations = tuple(layer.h for layer in forward.hidden)
    updates, opt_state = rule.update(gradient, state.opt_state, state.params, activations=activations)
    finite, counters = count(model.structure, forward, loss, state.counters, step, epoch_steps)
    return state._replace(
        params=optax.apply_updates(state.params, updates),
        buffers=buffers,
        opt_state=opt_state,
        epoch_words=epoch_words,
        view=view,
        counters=counters,
        sums=recorder.add_step(setting, state.sums, forward, loss, labels),
        diverged_step=first_non_finite(state.diverged_step, finite, step),
    )


def count(
    structure: nn.Structure,
    forward: nn.Forward,
    loss: Array,
    counters: tuple[units.Counter, ...],
    step: Array,
    epoch_steps: int,
) -> tuple[Array, tuple[units.Counter, ...]]:
    """Return whether all of a step is finite, and the layers' counters after it."""
    finite = jnp.isfinite(loss) & jnp.all(jnp.isfinite(forward.output))
    counted = []
    for hidden, layer, counter in zip(structure.hidden, forward.hidden, counters, strict=True):
        (z, _, slope), axis = hidden.as_stored(layer)
        active, layer_finite = units.batch_flags(z, slope, axis=axis)
        finite &= layer_finite
        counted.append(units.count(counter, active, step, epoch_steps))
    return finite, tuple(counted)

"""Exact counts on whole sets with the weights held still."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from relubench import nn, units
from relubench.config import Setting
from relubench.run import measures
from relubench.run.evaluate import Evaluation, evaluate, is_finite
from relubench.run.state import Arrays, LayerCounts, Network, ProbeRecord, RunState, UnitRecord, first_non_finite


def record(
    setting: Setting, model: Network, data: Arrays, index: Array, before: Array, step: Array, state: RunState
) -> RunState:
    """Record an exact count on both sets; `before` is the step of the last probe."""
    train, test = evaluate(setting, model, data, state.params, state.buffers, state.view)
    finite = units.isfinite_tree(state.params) & is_finite(train) & is_finite(test)
    dead = [units.dead(stats) for stats in train.hidden]
    was_dead = [record.dead_train for record in state.unit_records]
    layers = _layer_counts(setting, train, test, state.counters, was_dead, index)
    row = ProbeRecord(
        train_loss=train.loss,
        test_loss=test.loss,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        collapsed=units.collapsed(train.min_output, train.max_output),
        max_abs_param=_max_abs_param(state.params),
        layers=layers,
    )
    measured = measures.take(measures.Context(setting, model, data, state, step, train, test), before)
    affine = nn.affine_layers(state.params)
    return state._replace(
        probes=_with_row(state.probes, index, row),
        measures=_with_row(state.measures, index, measured),
        sums=jax.tree.map(jnp.zeros_like, state.sums),
        counters=tuple(c._replace(batch_dead=jnp.zeros_like(c.batch_dead)) for c in state.counters),
        unit_records=tuple(
            _unit_record(record, is_dead, stats.max_z, kernel, bias, step)
            for record, is_dead, stats, (kernel, bias) in zip(
                state.unit_records, dead, train.hidden, affine[:-1], strict=True
            )
        ),
        diverged_step=first_non_finite(state.diverged_step, finite, step),
    )


def _with_row(rows: Any, index: Array, row: Any) -> Any:
    """Put a probe's `row` into its place of the arrays [probes, ...]."""
    return jax.tree.map(lambda all_, new: all_.at[index].set(new.astype(all_.dtype)), rows, row)


def new_records(setting: Setting, model: Network, data: Arrays, state: RunState, probes: int) -> RunState:
    """Return `state` with room for what so many probes will measure."""

    def measured(state: RunState) -> Any:
        train, test = evaluate(setting, model, data, state.params, state.buffers, state.view)
        zero = jnp.zeros((), jnp.int32)
        return measures.take(measures.Context(setting, model, data, state, zero, train, test), zero)

    def room(shape: jax.ShapeDtypeStruct) -> Array:
        return jnp.zeros((probes, *shape.shape), shape.dtype)

    return state._replace(measures=jax.tree.map(room, jax.eval_shape(measured, state)))


def _layer_counts(
    setting: Setting, train: Evaluation, test: Evaluation, counters: tuple[units.Counter, ...],
    was_dead: list[Array], index: Array,
) -> LayerCounts:  # fmt: skip
    """One probe's row of numbers of units, each [hidden layers]."""
    piecewise = nn.ACTIVATIONS[setting.model.activation.name].piecewise_linear
    later = index > 0  # the first probe finds units born dead, not deaths
    rows = []
    for ours, theirs, counter, before in zip(train.hidden, test.hidden, counters, was_dead, strict=True):
        is_dead = units.dead(ours)
        rows.append(
            LayerCounts(
                dead_train=jnp.sum(is_dead),
                dead_test=jnp.sum(units.dead(theirs)),
                silent_train=jnp.sum(units.silent(ours)),
                saturated_train=jnp.sum(units.saturated(ours)),
                dormant_train=jnp.sum(units.dormant(ours, setting.probe.tau)),
                linear_train=jnp.sum(units.linear(ours)) if piecewise else jnp.full((), -1),
                constant_train=jnp.sum(units.constant(ours)),
                batch_dead=counter.batch_dead,
                deaths=jnp.sum(is_dead & ~before & later),
                revivals=jnp.sum(~is_dead & before & later),
            )
        )
    return (
        jax.tree.map(lambda *cells: jnp.stack(cells), *rows)
        if rows
        else LayerCounts(*[jnp.zeros(0)] * len(LayerCounts._fields))
    )


def _unit_record(
    record: UnitRecord, is_dead: Array, max_z: Array, kernel: Array, bias: Array, step: Array
) -> UnitRecord:
    norm = jnp.sqrt(jnp.sum(jnp.square(kernel), tuple(range(kernel.ndim - 1))))
    newly = is_dead & (record.died_step < 0)
    return UnitRecord(
        dead_train=is_dead,
        died_step=jnp.where(is_dead, jnp.where(newly, step, record.died_step), -1),
        margin=-max_z / norm,
        bias=bias,
        weight_norm=norm,
    )


def _max_abs_param(params: Any) -> Array:
    largest = [jnp.max(jnp.where(jnp.isfinite(p), jnp.abs(p), 0)) for p in jax.tree.leaves(params)]
    return jnp.max(jnp.stack(largest))

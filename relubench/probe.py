"""Exact counts on whole sets with the weights held still."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from relubench import nn, units
from relubench.config import Setting
from relubench.state import Arrays, LayerCounts, Network, ProbeRecord, RunState, UnitRecord, first_non_finite, inputs

#: Examples that a probe passes through the network at once: small enough for a processor's cache.
PROBE_BLOCK = 256


def record(setting: Setting, model: Network, data: Arrays, index: Array, step: Array, state: RunState) -> RunState:
    """Record an exact count on both sets."""
    train, test = _evaluate(setting, model, data, state)
    finite = units.isfinite_tree(state.params) & _is_finite(train) & _is_finite(test)
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
    affine = nn.affine_layers(state.params)
    return state._replace(
        probes=jax.tree.map(lambda rows, new: rows.at[index].set(new.astype(rows.dtype)), state.probes, row),
        counters=tuple(c._replace(batch_dead=jnp.zeros_like(c.batch_dead)) for c in state.counters),
        unit_records=tuple(
            _unit_record(record, is_dead, stats.max_z, kernel, bias, step)
            for record, is_dead, stats, (kernel, bias) in zip(
                state.unit_records, dead, train.hidden, affine[:-1], strict=True
            )
        ),
        diverged_step=first_non_finite(state.diverged_step, finite, step),
    )


def _layer_counts(
    setting: Setting, train: _Evaluation, test: _Evaluation, counters: tuple[units.Counter, ...],
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


class _Evaluation(NamedTuple):
    """A forward pass over a whole set with the weights held still."""

    hidden: tuple[units.UnitStats, ...]
    loss: Array
    accuracy: Array
    min_output: Array  # [outputs]
    max_output: Array


def _evaluate(setting: Setting, model: Network, data: Arrays, state: RunState) -> tuple[_Evaluation, _Evaluation]:
    """Return the evaluations of the training and of the test set, block by block through one compiled loop."""
    rows, weights, train_blocks = _blocks(data)

    def part(block: tuple[Array, Array]) -> _Evaluation:
        rows, weights = block
        weights, labels = weights.astype(data.x.dtype), data.y[rows]
        forward, _ = model(state.params, state.buffers, inputs(setting, data.x[rows]), train=False)
        losses = nn.LOSSES[setting.loss.name](forward.output, labels)
        correct = (jnp.argmax(forward.output, -1) == labels).astype(data.x.dtype)
        return _Evaluation(
            hidden=tuple(units.observe(z, h, slope, weights) for z, h, slope in forward.hidden),
            loss=jnp.sum(losses * weights),
            accuracy=jnp.sum(correct * weights),
            min_output=jnp.min(forward.output, 0),
            max_output=jnp.max(forward.output, 0),
        )

    parts = lax.map(part, (jnp.asarray(rows), jnp.asarray(weights)))
    train = _merge(jax.tree.map(lambda a: a[:train_blocks], parts), data.train_examples)
    return train, _merge(jax.tree.map(lambda a: a[train_blocks:], parts), data.x.shape[0] - data.train_examples)


def _blocks(data: Arrays) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (rows, weights [blocks, examples of a block], blocks of the training set); the rest are the test set's.

    Blocks are equally large; a set's last one repeats its last example with weight 0.
    """
    examples = data.train_examples
    size = -(-examples // -(-examples // PROBE_BLOCK))
    sets = [np.arange(examples), np.arange(examples, data.x.shape[0])]
    padded = [np.pad(rows, (0, -len(rows) % size), "edge") for rows in sets]
    weights = [np.arange(len(rows)) < len(ours) for rows, ours in zip(padded, sets, strict=True)]
    return np.concatenate(padded).reshape(-1, size), np.concatenate(weights).reshape(-1, size), len(padded[0]) // size


def _merge(parts: _Evaluation, examples: int) -> _Evaluation:
    return _Evaluation(
        hidden=tuple(units.merge(stats) for stats in parts.hidden),
        loss=jnp.sum(parts.loss) / examples,
        accuracy=jnp.sum(parts.accuracy) / examples,
        min_output=jnp.min(parts.min_output, 0),
        max_output=jnp.max(parts.max_output, 0),
    )


def _is_finite(evaluation: _Evaluation) -> Array:
    extremes = [(stats.min_z, stats.max_z) for stats in evaluation.hidden]
    return units.isfinite_tree((extremes, evaluation.loss, evaluation.min_output, evaluation.max_output))

"""A forward pass over whole sets with the weights held still, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from relubench import nn, units
from relubench.config import Setting
from relubench.data import streams
from relubench.nn.networks import Network
from relubench.run.state import Arrays

#: Examples that pass through the network at once: small enough for a processor's cache.
BLOCK = 256


class Evaluation(NamedTuple):
    """What a set has shown of a network."""

    hidden: tuple[units.UnitStats, ...]
    loss: Array
    accuracy: Array  # NaN for real-valued targets
    min_output: Array  # [outputs]
    max_output: Array


def evaluate(
    setting: Setting, network: Network, data: Arrays, params: Any, buffers: Any, view: Any
) -> tuple[Evaluation, Evaluation]:
    """Return the evaluations of the training and of the test set, as a stream's `view` shows them."""
    rows, real, train_blocks = _blocks(data)

    def part(block: tuple[Array, Array]) -> Evaluation:
        rows, real = block
        x, labels = streams.examples(setting, data, view, rows)
        weights = real.astype(x.dtype)
        forward, _ = network(params, buffers, x, train=False)
        return Evaluation(
            hidden=tuple(
                _observe(*hidden.as_stored(layer), real)
                for hidden, layer in zip(network.structure.hidden, forward.hidden, strict=True)
            ),
            loss=jnp.sum(nn.example_losses(setting.loss, forward.output, labels) * weights),
            accuracy=jnp.sum(nn.correct(forward.output, labels) * weights),
            min_output=jnp.min(forward.output, 0),
            max_output=jnp.max(forward.output, 0),
        )

    parts = lax.map(part, (jnp.asarray(rows), jnp.asarray(real)))
    train = _merge(jax.tree.map(lambda a: a[:train_blocks], parts), data.train_examples)
    return train, _merge(jax.tree.map(lambda a: a[train_blocks:], parts), data.x.shape[0] - data.train_examples)


def _observe(layer: units.Layer, axis: int, real: Array) -> units.UnitStats:
    """Return the statistics of a block's layer, with its units on an axis; `real` [examples] is false for padding.

    Padding repeats an example and so moves no extreme: only the sum must leave it out, and a mask elsewhere would
    make a probe a third slower.
    """
    layer = layer._replace(slope=lax.optimization_barrier(layer.slope))  # else XLA turns it around for its maximum
    stats = units.observe(*layer, axis=axis)
    total_abs_h, examples = units.sum_abs(layer.h, stats.min_h, stats.max_h, real, axis=axis)
    return stats._replace(total_abs_h=total_abs_h, examples=examples)


def over_training_set(setting: Setting, data: Arrays, view: Any, part: Callable[[Array, Array, Array], Any]) -> Any:
    """Return `part`(inputs, labels, rows) of every block of the training set, stacked; the last block repeats a row."""
    rows, _, train_blocks = _blocks(data)
    return lax.map(
        lambda rows: part(*streams.examples(setting, data, view, rows), rows), jnp.asarray(rows[:train_blocks])
    )


def once(rows: Array) -> Array:
    """Return which rows of a block count, so that one repeated at its end counts once: [examples] bool."""
    return jnp.argmax(rows[None, :] == rows[:, None], 1) == jnp.arange(len(rows))


def is_finite(evaluation: Evaluation) -> Array:
    """Whether the loss, the outputs and every pre-activation are finite. Scalar bool."""
    extremes = [(stats.min_z, stats.max_z) for stats in evaluation.hidden]
    return units.isfinite_tree((extremes, evaluation.loss, evaluation.min_output, evaluation.max_output))


def _blocks(data: Arrays) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (rows, real [blocks, examples of a block], blocks of the training set); the rest are the test set's.

    Blocks are equally large; a set's last one repeats its last example, and there `real` is false.
    """
    examples = data.train_examples
    size = -(-examples // -(-examples // BLOCK))
    sets = [np.arange(examples), np.arange(examples, data.x.shape[0])]
    padded = [np.pad(rows, (0, -len(rows) % size), "edge") for rows in sets]
    real = [np.arange(len(rows)) < len(own) for rows, own in zip(padded, sets, strict=True)]
    return np.concatenate(padded).reshape(-1, size), np.concatenate(real).reshape(-1, size), len(padded[0]) // size


def _merge(parts: Evaluation, examples: int) -> Evaluation:
    return Evaluation(
        hidden=tuple(units.merge(stats) for stats in parts.hidden),
        loss=jnp.sum(parts.loss) / examples,
        accuracy=jnp.sum(parts.accuracy) / examples,
        min_output=jnp.min(parts.min_output, 0),
        max_output=jnp.max(parts.max_output, 0),
    )

"""Which examples a step trains on: each epoch goes through the training set in a random order of its own.

The order is never written down: a keyed bijection says which example stands at which place, so that a step computes
its own rows alone, and a run keeps a few words instead of a permutation. Sorting random numbers, as
`jax.random.permutation` does, took half the time of narrow networks.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from relubench import config

#: Rounds of the bijection. Four, with a random function each, pass for a random permutation while few places are asked
#: for (Luby and Rackoff 1988); here all are, and counts of pairs of examples in the same places are uniform with eight.
ROUNDS = 8
#: Sets smaller than this take more: every single order of a handful of examples comes up equally often.
FEW, ROUNDS_OF_FEW = 256, 24


def rounds(examples: int) -> int:
    """Return the rounds that the order of so many examples takes, a word each."""
    return ROUNDS if examples >= FEW else ROUNDS_OF_FEW


def next_batch(train: config.Train, key: Array, examples: int, step: Array, words: Array) -> tuple[Array, Array]:
    """Return (words of the step's epoch, its examples int32 [batch]), given the words of the step before.

    `key` is the run's key for its batches. A full batch is the set in its own order.
    """
    if train.batch_size is None:
        return words, jnp.arange(examples, dtype=jnp.int32)
    epoch, place = jnp.divmod(step, examples // train.batch_size)
    words = lax.cond(place == 0, lambda: epoch_words(key, epoch, examples), lambda: words)
    places = place * train.batch_size + jnp.arange(train.batch_size, dtype=jnp.int32)
    return words, shuffled(words, places, examples)


def epoch_words(key: Array, epoch: Array, examples: int) -> Array:
    """Return what the order of an epoch is made from: uint32 [rounds]; `key` is the run's key for its batches."""
    return jax.random.bits(jax.random.fold_in(key, epoch), (rounds(examples),), jnp.uint32)


def shuffled(words: Array, places: Array, examples: int) -> Array:
    """Return which of so many examples stand at these places, 0 <= place < `examples`, of an epoch's order: int32.

    A Feistel network permutes the cells of a grid; what lands on a cell without an example goes on until it lands on
    one that has (Black and Rogaway 2002, "Ciphers with arbitrary finite domains", sections 4 and 5).
    """
    rows, columns = _grid(examples)
    cells = _permuted(words, places.astype(jnp.uint32), rows, columns)
    if rows * columns > examples:
        cells = lax.while_loop(
            lambda cells: jnp.any(cells >= examples),
            lambda cells: jnp.where(cells >= examples, _permuted(words, cells, rows, columns), cells),
            cells,
        )
    return cells.astype(jnp.int32)


def _grid(examples: int) -> tuple[int, int]:
    """Return the (rows, columns) of the smallest nearly square grid of so many cells, with an even side.

    Shifts along an odd side are even permutations: between two such sides, half of all orders would never come up.
    """
    even = (math.isqrt(max(examples - 1, 0)) // 2 + 1) * 2
    grids = [(max(2, -(-examples // columns)), columns) for columns in range(even, even + even // 4 + 1, 2)]
    return min(grids, key=math.prod)


def _permuted(words: Array, cells: Array, rows: int, columns: int) -> Array:
    """Return where the network sends cells: each round shifts along one axis, by how much the other one says."""
    row, column = cells // columns, cells % columns
    for turn in range(0, words.shape[0], 2):
        row = (row + _random(words[turn], column, rows)) % rows
        column = (column + _random(words[turn + 1], row, columns)) % columns
    return row * columns + column


def _random(word: Array, x: Array, bound: int) -> Array:
    """Return a number below `bound` <= 2^16, a random function of x that `word` chooses (MurmurHash3's finaliser)."""
    x = (x * jnp.uint32(0x9E3779B9)) ^ word
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return (((x ^ (x >> 16)) >> 16) * jnp.uint32(bound)) >> 16

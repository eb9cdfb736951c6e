"""A run of an MLP with ReLU, cross-entropy and plain SGD as a plain NumPy loop in float64.

It shares with relubench only the initial weights and the random keys of the batches.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import jax
import numpy as np


class Reference(NamedTuple):
    """What the loop has seen; `steps` are those of the probes."""

    steps: list[int]
    dead_train: np.ndarray  # bool [probes, layers, units]
    dead_test: np.ndarray
    train_loss: list[float]
    test_accuracy: list[float]
    active: np.ndarray  # bool [train steps, layers, units]: active on an example of the batch
    weights: list[tuple[np.ndarray, np.ndarray]]  # after the last step


def forward(weights, x):
    """Return (pre-activations of the hidden layers, output)."""
    zs = []
    for kernel, bias in weights[:-1]:
        zs.append(x @ kernel + bias)
        x = np.maximum(zs[-1], 0)
    return zs, x @ weights[-1][0] + weights[-1][1]


def log_softmax(output):
    """Return the logarithm of the softmax over the last axis."""
    shifted = output - output.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def gradients(weights, x, y):
    """Return (gradients like `weights`, pre-activations) of the mean cross-entropy, by the chain rule."""
    zs, output = forward(weights, x)
    hs = [x, *(np.maximum(z, 0) for z in zs)]
    delta = np.exp(log_softmax(output))
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    moves = []
    for layer in reversed(range(len(weights))):
        moves.append((hs[layer].T @ delta, delta.sum(0)))
        if layer:
            delta = (delta @ weights[layer][0].T) * (zs[layer - 1] > 0)
    return moves[::-1], zs


def shuffled(words, examples):
    """Return an epoch's order: a Feistel network on a grid with an even side, walked until it hits an example."""
    root = int(np.ceil(np.sqrt(examples)))
    even = root + root % 2
    grids = [(max(2, int(np.ceil(examples / columns))), columns) for columns in range(even, 5 * even // 4 + 1, 2)]
    rows, columns = min(grids, key=lambda grid: grid[0] * grid[1])

    def mixed(word, x, bound):
        x = (x * 0x9E3779B9 % 2**32) ^ word
        x = (x ^ (x >> 16)) * 0x85EBCA6B % 2**32
        x = (x ^ (x >> 13)) * 0xC2B2AE35 % 2**32
        return ((x ^ (x >> 16)) >> 16) * bound >> 16

    def moved(cell):
        row, column = divmod(cell, columns)
        for place, word in enumerate(words):
            if place % 2 == 0:
                row = (row + mixed(word, column, rows)) % rows
            else:
                column = (column + mixed(word, row, columns)) % columns
        return row * columns + column

    order = []
    for cell in map(moved, range(examples)):
        while cell >= examples:
            cell = moved(cell)
        order.append(cell)
    return order


def batches(seed, examples, size, steps):
    """Yield the rows of each step's batch: every epoch a fresh permutation, its remainder left out."""
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"batches"))
    per_epoch = examples // size
    for step in range(steps):
        if step % per_epoch == 0:
            rounds = 8 if examples >= 256 else 24
            words = jax.random.bits(jax.random.fold_in(key, step // per_epoch), (rounds,), np.uint32)
            order = np.array(shuffled(np.asarray(words).tolist(), examples))
        yield order[(step % per_epoch) * size :][:size]


def train(weights, data, *, seed, rate, steps, size, probes) -> Reference:
    """Train from `weights` and probe at the steps `probes`."""
    weights = [(np.array(k, np.float64), np.array(b, np.float64)) for k, b in weights]
    dead_train, dead_test, losses, accuracies, active = [], [], [], [], []

    def probe():
        zs, output = forward(weights, data.x_train)
        losses.append(-log_softmax(output)[np.arange(len(data.y_train)), data.y_train].mean())
        dead_train.append([(z <= 0).all(0) for z in zs])
        zs, output = forward(weights, data.x_test)
        dead_test.append([(z <= 0).all(0) for z in zs])
        accuracies.append((output.argmax(-1) == data.y_test).mean())

    for step, rows in enumerate(batches(seed, len(data.x_train), size, steps)):
        if step in probes:
            probe()
        grads, zs = gradients(weights, data.x_train[rows], data.y_train[rows])
        active.append([(z > 0).any(0) for z in zs])
        weights = [(k - rate * gk, b - rate * gb) for (k, b), (gk, gb) in zip(weights, grads, strict=True)]
    probe()
    return Reference(
        list(probes), np.array(dead_train), np.array(dead_test), losses, accuracies, np.array(active), weights
    )

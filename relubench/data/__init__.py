"""Data sets: examples from a source, one fixed split, and inputs normalised by the training set alone."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from relubench import config, registry
from relubench.data.arrays import examples_of
from relubench.data.source import SOURCES, TARGETS, Examples, are_classes
from relubench.errors import UserError

__all__ = [
    "SOURCES",
    "TARGETS",
    "Dataset",
    "Examples",
    "are_classes",
    "digest",
    "examples_of",
    "load",
    "loader",
    "split_of",
]


class Dataset(NamedTuple):
    """A data set ready to train on."""

    x_train: np.ndarray  # [train examples, features] float64, normalised
    y_train: np.ndarray  # [train examples] int32 class labels, or [train examples, outputs] float64 targets
    x_test: np.ndarray
    y_test: np.ndarray
    outputs: int
    image_shape: tuple[int, int, int] | None
    source_digest: str  # of the examples as the source gave them, before the split
    digest: str  # of all of these: whether two runs were trained on the same numbers


def load(data: config.Data, split: int = 0) -> Dataset:
    """Return the data set of a configuration in one of its splits: that of `split_of`, for a run.

    `data.scale` and `data.offset` are knobs of the compiled program and not applied here.
    """
    return prepared(_examples(data, split), data, split)


def _examples(data: config.Data, split: int) -> Examples:
    return SOURCES[data.name](_in_split(data, split), **SOURCES.own(data))


Seeds = TypeVar("Seeds", int, np.ndarray)


def split_of(seed: Seeds, splits: int) -> Seeds:
    """Return which of the splits of its data a run takes, by its seed."""
    return seed % splits


def _in_split(data: config.Data, split: int) -> config.Data:
    return dataclasses.replace(data, split_seed=data.split_seed + split)


def prepared(examples: Examples, data: config.Data, split: int = 0, source_digest: str = "") -> Dataset:
    """Return the examples of a source split, cut to the sizes asked for, and normalised as the configuration says.

    `source_digest` is that of the examples, where it is known.
    """
    seed = data.split_seed + split
    (x_train, y_train), (x_test, y_test) = (
        _first(pair, getattr(data, f"{part}_examples"), f"data.{part}_examples", seed)
        for part, pair in zip(("train", "test"), _split(examples, _in_split(data, split)), strict=True)
    )
    if are_classes(y_train):
        _check_classes(y_train, y_test, data.name)
    shift, scale = _statistics(x_train, data.normalize)
    arrays = ((x_train - shift) / scale, _labels(y_train), (x_test - shift) / scale, _labels(y_test))
    if not all(np.isfinite(array).all() for array in arrays):
        raise UserError(
            f"data.name={data.name}: with data.normalize={data.normalize} not all of its numbers are finite"
        )
    kind = (examples.outputs, examples.image_shape)
    return Dataset(*arrays, *kind, source_digest or digest(examples), _digest(arrays, kind))


def digest(examples: Examples) -> str:
    """Return what tells examples from others, as their source gave them: 16 hexadecimal digits."""
    arrays = (examples.x, examples.y, *(examples.test or ()))
    return _digest(arrays, (examples.outputs, examples.image_shape))


def _digest(arrays: Sequence[np.ndarray], kind: object) -> str:
    digest = hashlib.blake2b(repr(kind).encode(), digest_size=8)
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _labels(y: np.ndarray) -> np.ndarray:
    return y.astype(np.int32) if are_classes(y) else y


def _check_classes(y_train: np.ndarray, y_test: np.ndarray, name: str) -> None:
    classes = np.unique(y_train)
    if len(classes) < 2:
        raise UserError(f"data.name={name}: its training set has {len(classes)} class; it takes two or more")
    unknown = np.setdiff1d(y_test, classes)
    if len(unknown):
        raise UserError(f"data.name={name}: no example for training has the label {unknown[0]} of its test set")


def _shapes(name: str) -> bool:
    """Whether a key of the data decides what `load` returns."""
    return config.KEYS[name].kind == "static" and not name.startswith("data.stream.")


def loader(root: str | None, given: Examples | None = None) -> Callable[[config.Data], tuple[Dataset, ...]]:
    """Return what gives the data set of every split; it reads IDX files from `root` and keeps what it has read.

    `given` are the examples of the source `arrays`.
    """
    kept: dict[tuple[Any, ...], tuple[Dataset, ...]] = {}

    def cached(data: config.Data) -> tuple[Dataset, ...]:
        key = tuple(value for name, value in config.flatten(data, "data.").items() if _shapes(name))
        if key not in kept:
            kept[key] = _every_split(dataclasses.replace(data, root=root), given)
        return kept[key]

    return cached


def _every_split(data: config.Data, given: Examples | None) -> tuple[Dataset, ...]:
    first = _examples(data, 0) if given is None else given
    fixed = given is not None or first.test is not None  # a source with a test set of its own has it in every split
    if not fixed:
        others = (_examples(data, split) for split in range(1, data.splits))
        return tuple(prepared(examples, data, split) for split, examples in enumerate([first, *others]))
    source_digest = digest(first)
    return tuple(prepared(first, data, split, source_digest) for split in range(data.splits))


_Pair = tuple[np.ndarray, np.ndarray]


def _split(examples: Examples, data: config.Data) -> tuple[_Pair, _Pair]:
    """Return (train, test), every class in proportion; a source's own test set is kept."""
    x, y = examples.x.astype(np.float64, copy=False), examples.y
    if examples.test is not None:
        return (x, y), (examples.test[0].astype(np.float64, copy=False), examples.test[1])
    from sklearn.model_selection import train_test_split

    try:
        x_train, x_test, y_train, y_test = train_test_split(
            x, y, test_size=data.test_fraction, random_state=data.split_seed, stratify=y if are_classes(y) else None
        )
    except ValueError as error:
        raise UserError(
            f"data.test_fraction={data.test_fraction}: {len(x)} examples of {examples.outputs} classes cannot be "
            f"split so ({error}); it takes more data.examples or another share"
        ) from error
    return (x_train, y_train), (x_test, y_test)


def _first(pair: _Pair, size: int | None, key: str, seed: int) -> _Pair:
    """Return the first examples of an order that the seed draws; every beginning of it has the classes in proportion.

    So a smaller set is part of a larger one.
    """
    x, y = pair
    if size is None:
        return pair
    if size > len(x):
        raise UserError(f"{key}={size}: there are {len(x)}; it takes at most as many, or null")
    draw = np.random.default_rng(seed)
    place = draw.permutation(len(x)) + draw.random(len(x))
    if are_classes(y):
        for label in np.unique(y):
            of_label = np.flatnonzero(y == label)
            place[of_label] = (np.argsort(np.argsort(place[of_label])) + draw.random()) / len(of_label)
    chosen = np.argsort(place, kind="stable")[:size]
    return x[chosen], y[chosen]


def _statistics(x: np.ndarray, normalize: str) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Return (shift, scale) from the training inputs; a constant feature keeps the scale 1."""
    if normalize == "none":
        return 0.0, 1.0
    axis = 0 if normalize == "feature" else None
    scale = x.std(axis)
    return x.mean(axis), np.where(scale > 0, scale, 1.0)


registry.load(sys.modules[__name__])

"""The grid as a columnar table of runs: built from lists of values, hashed, shared out, and split into groups.

Nothing here loops over runs in Python, so that a sweep of a million runs is planned in a second.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relubench import memory
from relubench.config import SETTING_KEYS, find_key, flatten
from relubench.errors import UserError

#: Memory that planning takes for a run, in bytes: its place, its positions, its id and the search for it on disk.
RUN_BYTES = 400
#: More runs than this cannot be counted in 64 bits on the way; a shard of so many is still planned at once.
MOST_RUNS = 10**18


@dataclass(frozen=True)
class Axis:
    """One direction of the grid: at each position a value for each of its keys (several keys are zipped)."""

    keys: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]  # the values of each key by position; whole numbers in a row are a range

    def __len__(self) -> int:
        return len(self.columns[0])

    def column(self, key: str) -> Sequence[Any]:
        """Return the values of one key by position."""
        return self.columns[self.keys.index(key)]

    def at(self, position: int) -> dict[str, Any]:
        """Return the value of each key at one position."""
        return {key: column[position] for key, column in zip(self.keys, self.columns, strict=True)}


@dataclass(frozen=True)
class Group:
    """Runs that share one compiled program: the same static values, and the same knobs that are null."""

    rows: np.ndarray  # positions in the grid, ascending
    static: dict[str, Any]  # static keys, and knobs that are null
    knobs: dict[str, np.ndarray]  # every other knob: a value for each of `rows`


@dataclass(frozen=True)
class Grid:
    """A table of runs: a base setting, and each run's place among all combinations of the axes' positions."""

    base: dict[str, Any]
    axes: tuple[Axis, ...]
    rows: Sequence[int] | np.ndarray = field(repr=False)  # places in the crossed axes, the last of which varies fastest

    def __len__(self) -> int:
        return len(self.rows)

    @functools.cached_property
    def codes(self) -> np.ndarray:
        """Each run's position on each axis: int32 [runs, axes]. More runs than memory holds are refused."""
        memory.require(
            f"a table of {len(self):,} runs", len(self) * RUN_BYTES, hint="shard=i/n plans and trains one share of them"
        )
        codes = np.empty((len(self), len(self.axes)), np.int32)
        shape = [len(axis) for axis in self.axes]
        for place, column in enumerate(np.unravel_index(np.asarray(self.rows, np.int64), shape) if shape else ()):
            codes[:, place] = column
        return codes

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the grid varies, in the order written."""
        return tuple(key for axis in self.axes for key in axis.keys)

    def values(self, key: str) -> list[Any]:
        """Return the values of a key that the grid varies: numbers ascending, all else as written."""
        axis = next(axis for axis in self.axes if key in axis.keys)
        found = list(dict.fromkeys(axis.column(key)))
        return sorted(found) if all(isinstance(value, int | float) for value in found) else found

    def take(self, rows: np.ndarray) -> Grid:
        """Return the grid of these rows (positions, or one bool a run)."""
        return Grid(self.base, self.axes, np.asarray(self.rows, np.int64)[rows])

    def shard(self, index: int, count: int) -> Grid:
        """Return every `count`-th run from `index` on; neighbours differ in the last axis, so shares are alike."""
        return Grid(self.base, self.axes, self.rows[index::count])

    def column(self, key: str) -> np.ndarray:
        """Return one key's value for each run (dtype object where a value is null or a list)."""
        for place, axis in enumerate(self.axes):
            if key in axis.keys:
                values, codes = axis.column(key), self.codes[:, place]
                if isinstance(values, range):
                    return values.start + values.step * codes.astype(np.int64)
                return _array(values)[codes]
        return np.broadcast_to(_array([self.base[key]]), len(self))

    def setting(self, row: int) -> dict[str, Any]:
        """Return the whole setting of one run by dotted key."""
        values = dict(self.base)
        for place, axis in enumerate(self.axes):
            values |= axis.at(int(self.codes[row, place]))
        return values

    def run_ids(self) -> np.ndarray:
        """Return each run's id, 16 hexadecimal digits: a hash of its whole setting, whatever grid it stands in.

        The digests of "key=value" over all setting keys are added up modulo 2^64, so that the order and the
        way in which a grid is written do not matter.
        """
        varied, codes = set(self.keys), self.codes
        fixed = [_digest(key, value) for key, value in self.base.items() if key not in varied]
        total = np.full(len(self), sum(fixed) % 2**64, np.uint64)
        for place, axis in enumerate(self.axes):
            used, code = np.unique(codes[:, place], return_inverse=True)
            sums = [sum(map(_digest, *zip(*axis.at(n).items(), strict=True))) % 2**64 for n in used.tolist()]
            total += np.array(sums, np.uint64)[code]
        text = total.astype(">u8").tobytes().hex().encode()
        return np.frombuffer(text, dtype="S16").astype("U16")

    def groups(self) -> list[Group]:
        """Return the groups in the order of their first runs."""
        if not len(self):
            return []
        label = np.zeros(len(self), np.int64)
        for place, axis in enumerate(self.axes):
            if isinstance(axis.columns[0], range) and not any(_is_static(key, 0) for key in axis.keys):
                continue
            structures = [_structure(axis.keys, values) for values in zip(*axis.columns, strict=True)]
            kinds = {structure: n for n, structure in enumerate(dict.fromkeys(structures))}
            label = label * len(kinds) + np.array([kinds[s] for s in structures])[self.codes[:, place]]
        _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
        return [self._group(parts[n]) for n in np.argsort(first)]

    def _group(self, rows: np.ndarray) -> Group:
        values, members = self.setting(int(rows[0])), self.take(rows)
        static = {key: value for key, value in values.items() if _is_static(key, value)}
        knobs = {key: members.column(key) for key in values if key not in static}
        for key, column in knobs.items():
            SETTING_KEYS[key].check_magnitude(np.unique(column).tolist(), static["engine.precision"])
        numbers: dict[str, np.ndarray] = {
            key: column.astype(SETTING_KEYS[key].type, copy=False) for key, column in knobs.items()
        }
        return Group(rows, static, numbers)


def _array(values: Sequence[Any]) -> np.ndarray:
    if all(isinstance(value, int | float) for value in values):
        return np.array(values)
    column = np.empty(len(values), object)
    column[:] = list(values)
    return column


def _is_static(key: str, value: Any) -> bool:
    return SETTING_KEYS[key].kind == "static" or value is None


def _structure(keys: Iterable[str], values: Iterable[Any]) -> tuple[Any, ...]:
    """What of one axis position shapes the program: static values, and which knobs are null."""
    return tuple(value if _is_static(key, value) else "traced" for key, value in zip(keys, values, strict=True))


@functools.lru_cache(maxsize=2**20)
def _digest(key: str, value: Any) -> int:
    text = f"{key}={json.dumps(value)}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def leaves(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists of a grid node by dotted key, zipped ones included."""
    return _crossed(tree) | flatten(tree.get("zip") or {})


def grid_keys(tree: Mapping[str, Any]) -> set[str]:
    """Return the keys that a grid node varies."""
    return set(leaves(tree))


def _crossed(tree: Mapping[str, Any]) -> dict[str, Any]:
    return flatten({name: value for name, value in tree.items() if name != "zip"})


def without(tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the grid node without the axis of one key, zipped or not."""
    head, _, rest = key.partition(".")
    pruned = {}
    for name, node in tree.items():
        if name == "zip" and node:
            pruned[name] = without(node, key)
        elif name != head:
            pruned[name] = node
        elif rest and isinstance(node, Mapping):
            pruned[name] = without(node, rest)
    return {name: node for name, node in pruned.items() if node != {}}


def build(base: Mapping[str, Any], tree: Mapping[str, Any]) -> Grid:
    """Return the grid of a `grid` node around a base setting (every setting key by its dotted name).

    The node mirrors the configuration; each leaf is a list, crossed with the others; the lists under `zip` go
    together. Unknown keys, values of a wrong type or out of range, and leaves that are no lists are refused.
    """
    axes = [_axis({key: leaf}, "grid") for key, leaf in _crossed(tree).items()]
    zipped = flatten(tree.get("zip") or {})
    if zipped:
        axes.append(_axis(zipped, "grid.zip"))
    seen = [key for axis in axes for key in axis.keys]
    for key in seen:
        if seen.count(key) > 1:
            raise UserError(f"grid.{key}: it stands in grid and in grid.zip; it takes one of the two")
    runs = math.prod(len(axis) for axis in axes)
    if runs > MOST_RUNS:
        raise UserError(f"grid: its lists cross to {runs:.1e} runs; it takes at most {MOST_RUNS:.0e}")
    return Grid({key: base[key] for key in SETTING_KEYS}, tuple(axes), range(runs))


def _axis(leaves: Mapping[str, Any], where: str) -> Axis:
    columns = {key: _values(key, leaf, where) for key, leaf in leaves.items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} has {n}" for key, n in lengths.items())
        raise UserError(f"grid.zip: its lists go together and must be equally long, but {told}")
    if all(isinstance(values, range) for values in columns.values()):
        return Axis(tuple(columns), tuple(columns.values()))
    unique = dict.fromkeys(zip(*columns.values(), strict=True))
    return Axis(tuple(columns), tuple(zip(*unique, strict=True)))


def _values(key: str, leaf: Any, where: str) -> Sequence[Any]:
    schema = find_key(key)
    if isinstance(leaf, range) and leaf and schema.type is int and not schema.is_list:
        for end in (leaf[0], leaf[-1]):
            schema.parse(end)
        return leaf
    if not isinstance(leaf, list | tuple | range):
        raise UserError(
            f"{where}.{key}={leaf}: it takes a list, such as [0.1,1.0]; in a shell quote it: "
            f"'{where}.{key}=${{logspace:-4,0,9}}'"
        )
    if not leaf:
        raise UserError(f"{where}.{key}=[]: it takes a list of at least one value")
    if schema.is_list and not all(isinstance(value, list | tuple) for value in leaf):
        raise UserError(f"{where}.{key}={list(leaf)}: it takes a list of lists, such as [[64,64],[128]]")
    return [schema.parse(value) for value in leaf]

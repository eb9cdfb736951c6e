"""The grid as a columnar table of runs: built from lists of values, hashed, shared out, and split into groups.

Nothing here loops over runs in Python, so that a sweep of a million runs is planned in a second.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relubench import data, memory, nn, optim  # noqa: F401 the schema is whole once their choices are declared
from relubench.config import SETTING_KEYS, Key, effective, find_key, flatten, nested
from relubench.errors import UserError, shown
from relubench.sweeps import rates
from relubench.sweeps.factors import FACTOR, Axis, Factor, equal_levels

#: Memory that planning takes for a run, in bytes: its place, its positions, its id and the search for it on disk.
RUN_BYTES = 400
#: More runs than this cannot be counted in 64 bits on the way; a shard of so many is still planned at once.
MOST_RUNS = 10**18
#: Goes up where the meaning of a key, a default or a run's bits change: runs of before then have other names.
ID_VERSION = 7
#: Keys of a setting that change no bit of a run: what else is looked at.
NOT_IN_ID = frozenset({"probe.measures"})


@dataclass(frozen=True)
class Group:
    """Runs that share one compiled program: the same static values, and the same knobs that are null."""

    rows: np.ndarray  # positions in the grid, ascending
    static: dict[str, Any]  # static keys, and knobs that are null
    knobs: dict[str, np.ndarray]  # every other knob: a value for each of `rows`


@dataclass(frozen=True)
class Grid:
    """A table of runs: a base setting, and each run's place among all combinations of the axes' positions.

    A key that a run's choices do not read has the schema's default there, whatever the grid says.
    """

    base: dict[str, Any]
    axes: tuple[Axis, ...]
    rows: Sequence[int] | np.ndarray = field(repr=False)  # places in the crossed axes, the last of which varies fastest
    notes: tuple[str, ...] = ()  # what the user should know of how it was built

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
        """The setting keys that the grid varies, in the order written."""
        return tuple(key for axis in self.axes for key in axis.keys if key in SETTING_KEYS)

    @property
    def points(self) -> dict[str, list[Any]]:
        """What makes a grid point: every column that the grid varies but `seed`, with its values in order."""
        return {key: list(self.values(key)) for axis in self.axes for key in axis.keys if key != "seed"}

    @property
    def coordinates(self) -> tuple[str, ...]:
        """What names a grid point: the factors, and the keys of plain axes but `seed`."""
        return tuple(key for axis in self.axes for key in axis.coordinates if key != "seed")

    def values(self, key: str) -> Sequence[Any]:
        """Return the values of a column: numbers of a plain axis ascending, all else as written.

        None stands for a value that some run does not read. A key that the grid does not vary has that of the base.
        """
        axis = next((axis for axis in self.axes if key in axis.keys), None)
        if axis is None:
            return [self.base[key]]
        column = axis.column(key)
        if isinstance(column, range):  # of seeds, however many
            return column
        values = list(dict.fromkeys(column))
        if key in axis.coordinates and all(isinstance(value, int | float) for value in values):
            values = sorted(values)
        return values if self._read(key) is True or None in values else [*values, None]

    def take(self, rows: np.ndarray) -> Grid:
        """Return the grid of these rows (positions, or one bool a run)."""
        return Grid(self.base, self.axes, np.asarray(self.rows, np.int64)[rows])

    def shard(self, index: int, count: int) -> Grid:
        """Return every `count`-th run from `index` on; neighbours differ in the last axis, so shares are alike."""
        return Grid(self.base, self.axes, self.rows[index::count])

    def _raw(self, key: str) -> Coded | None:
        """Return (the values of a column by position on its axis, each run's position), None where it does not vary."""
        for place, axis in enumerate(self.axes):
            if key in axis.keys:
                return axis.column(key), self.codes[:, place]
        return None

    def _read(self, key: str) -> np.ndarray | bool:
        varied = {choice: raw for choice in _choices(key) if (raw := self._raw(choice)) is not None}
        return is_read(key, self.base, varied)

    def column(self, key: str, *, unread: Any = ...) -> np.ndarray:
        """Return one column's value for each run (dtype object where a value is null or a list).

        Where a run does not read the key that is `unread` (default: the schema's default).
        """
        varied, read = self._raw(key), self._read(key)
        if read is not True:
            other = _array([SETTING_KEYS[key].default if unread is ... else unread])
        if read is False:
            return np.broadcast_to(other, len(self))
        if varied is None:
            column = np.broadcast_to(_array([self.base[key]]), len(self))
        elif isinstance(varied[0], range):
            column = varied[0].start + varied[0].step * varied[1].astype(np.int64)
        else:
            column = _array(varied[0])[varied[1]]
        if read is True:
            return column
        if column.dtype == object or other.dtype == object:
            column, other = column.astype(object), other.astype(object)
        return np.where(read, column, other)

    def setting(self, row: int) -> dict[str, Any]:
        """Return the whole setting of one run by dotted key."""
        values = dict(self.base)
        for place, axis in enumerate(self.axes):
            values |= axis.at(int(self.codes[row, place]))
        return effective({key: value for key, value in values.items() if key in SETTING_KEYS})

    def run_ids(self) -> np.ndarray:
        """Return each run's id (see `setting_ids`), whatever grid it stands in."""
        varied = {key: raw for key in self.keys if (raw := self._raw(key)) is not None}
        return setting_ids(len(self), self.base, varied)

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
        _, inverse = np.unique(label, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        alike: dict[tuple[Any, ...], list[np.ndarray]] = {}
        for rows in np.split(order, np.cumsum(np.bincount(inverse))[:-1]):
            values = self.setting(int(rows[0]))
            alike.setdefault(_structure(values, values.values()), []).append(rows)
        parts = [np.sort(np.concatenate(rows)) for rows in alike.values()]
        return [self._group(rows) for rows in sorted(parts, key=lambda rows: int(rows[0]))]

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


#: The values of a column, and the place among them of each run's.
Coded = tuple[Sequence[Any], np.ndarray]


def setting_ids(runs: int, base: Mapping[str, Any], varied: Mapping[str, Coded]) -> np.ndarray:
    """Return each run's id, 16 hexadecimal digits: a hash of what decides its result.

    The digests of "key=value" over the keys that the run reads and whose values are not the schema's defaults are added
    up modulo 2^64, so that the order and the way in which a grid is written do not matter. A key that is neither varied
    nor in `base` has its default.
    """
    total = np.full(runs, _digest("id", ID_VERSION), np.uint64)
    for name, key in SETTING_KEYS.items():
        if name in NOT_IN_ID:
            continue
        if name in varied:
            values, place = varied[name]
            used, code = np.unique(place, return_inverse=True)
            added: Any = np.array([_added(key, values[n]) for n in used.tolist()], np.uint64)[code]
        else:
            added = np.uint64(_added(key, base.get(name, key.default)))
        total += added * np.asarray(is_read(name, base, varied), np.uint64)
    text = total.astype(">u8").tobytes().hex().encode()
    return np.frombuffer(text, dtype="S16").astype("U16")


#: Keys that, with those of the same choices, decide the shapes of a network, the examples, or the batches.
_SHAPING = (
    "data.name", "data.split_seed", "data.splits", "data.train_examples", "model.name", "model.widths",
    "train.batch_size",
)  # fmt: skip


def share_draws(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether two settings share every draw of a seed: the same shapes, split of the data and batches.

    In float64 numbers are drawn from other bits than in all other precisions.
    """
    return _drawn_by(values) == _drawn_by(others)


def _drawn_by(values: Mapping[str, Any]) -> list[Any]:
    keys = (key for key in SETTING_KEYS.values() if key.kind == "static")
    shaping = [values[key.name] for key in keys if key.name in _SHAPING or _is_own(key)]
    return [*shaping, values["engine.precision"] == "float64"]


def _is_own(key: Key) -> bool:
    """Whether a key is a source's, or a network's, own: those of all networks shape none but for their widths."""
    return key.choice == "data.name" or (key.choice == "model.name" and "shared" not in key.metadata)


def _added(key: Key, value: Any) -> int:
    return 0 if value == key.default else _digest(key.name, value)


def is_read(name: str, base: Mapping[str, Any], varied: Mapping[str, Coded]) -> np.ndarray | bool:
    """Whether each run reads a column's key; one bool where all or none of them do."""
    key = SETTING_KEYS.get(name)
    if key is None or key.choice is None:
        return True
    of_choice = is_read(key.choice, base, varied)
    if key.choice not in varied:
        return of_choice if base.get(key.choice, SETTING_KEYS[key.choice].default) in key.readers else False
    values, codes = varied[key.choice]
    read = np.array([value in key.readers for value in values])
    own = bool(read[0]) if (read == read[0]).all() else read[codes]
    return own if of_choice is True else own & of_choice


def _choices(name: str) -> Iterator[str]:
    """Give the keys whose values decide whether a column's key is read."""
    key = SETTING_KEYS.get(name)
    while key is not None and key.choice is not None:
        yield key.choice
        key = SETTING_KEYS[key.choice]


def _array(values: Sequence[Any]) -> np.ndarray:
    if all(isinstance(value, int | float) for value in values):
        return np.array(values)
    column = np.empty(len(values), object)
    column[:] = list(values)
    return column


def _is_static(key: str, value: Any) -> bool:
    return SETTING_KEYS[key].kind == "static" or value is None


def _structure(keys: Iterable[str], values: Iterable[Any]) -> tuple[Any, ...]:
    """What of some values shapes the program: static ones, and which knobs are null."""
    pairs = ((key, value) for key, value in zip(keys, values, strict=True) if key in SETTING_KEYS)
    return tuple(value if _is_static(key, value) else "traced" for key, value in pairs)


@functools.lru_cache(maxsize=2**20)
def _digest(key: str, value: Any) -> int:
    text = f"{key}={json.dumps(value)}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def without(tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the grid node without the axis of one key."""
    return nested({name: leaf for name, leaf in flatten(tree).items() if name != key})


def with_seeds(tree: Mapping[str, Any], seeds: Any, first: int) -> dict[str, Any]:
    """Return the grid node with the axis that `seeds` stands for: a number, from `first` on, a list, or no axis."""
    if seeds is None:
        return dict(tree)
    is_number = isinstance(seeds, int) and not isinstance(seeds, bool)
    values = range(first, first + max(seeds, 0)) if is_number else seeds
    if isinstance(values, list | range) and values:
        return {**tree, "seed": values}
    raise UserError(f"seeds={shown(seeds)}: it takes a number of seeds >= 1, or a list of them")


def build(
    base: Mapping[str, Any],
    tree: Mapping[str, Any],
    factors: Sequence[Factor] = (),
    table: rates.Table | None = None,
) -> Grid:
    """Return the grid of a `grid` node and of factors around a base setting (every setting key by its dotted name).

    The node mirrors the configuration; each leaf is a list, crossed with the others and with the factors. Unknown
    keys, values of a wrong type or out of range, and leaves that are no lists are refused. Of runs that are the same,
    since they differ in what they do not read, there is one. `table` has the rates by rule; None: that of relubench.
    """
    axes = [factor.axis(base) for factor in factors]
    axes += [_axis(key, leaf) for key, leaf in flatten(tree).items()]
    _refuse_shared_keys(axes)
    base = {key: base[key] for key in SETTING_KEYS}
    entries = rates.parse(rates.shipped() if table is None else table) if rates.are_asked_for(base, axes) else []
    base, axes, notes = rates.resolved(base, axes, entries)
    axes = _without_doubles(base, axes)
    runs = math.prod(len(axis) for axis in axes)
    if runs > MOST_RUNS:
        raise UserError(f"grid: its lists cross to {runs:.1e} runs; it takes at most {MOST_RUNS:.0e}")
    return Grid(base, tuple(axes), _rows(axes, factors), tuple(notes))


def _rows(axes: Sequence[Axis], factors: Sequence[Factor]) -> range | np.ndarray:
    """Return the places in the crossed axes of all runs but those of seeds with which some level does not go."""
    shape = [len(axis) for axis in axes]
    limits = {factor.column: {level.name: level.seeds for level in factor.levels} for factor in factors}
    limits = {column: levels for column, levels in limits.items() if any(levels.values())}
    seeds = next((place for place, axis in enumerate(axes) if "seed" in axis.keys), None)
    if not limits or seeds is None:
        return range(math.prod(shape))
    memory.require(f"a grid of {math.prod(shape):,} cells", 8 * math.prod(shape), hint="seeds=N goes with every level")
    kept = np.ones(shape, bool)
    for column, levels in limits.items():
        place = next(place for place, axis in enumerate(axes) if column in axis.keys)
        most = np.array([levels[name] or shape[seeds] for name in axes[place].column(column)])
        kept &= _along(np.arange(shape[seeds]), seeds, shape) < _along(most, place, shape)
    return np.flatnonzero(kept)


def _along(values: np.ndarray, place: int, shape: Sequence[int]) -> np.ndarray:
    """Return values by position on one axis in a form that broadcasts with an array over all of them."""
    return values.reshape([-1 if axis == place else 1 for axis in range(len(shape))])


def _refuse_shared_keys(axes: Sequence[Axis]) -> None:
    owners: dict[str, Axis] = {}
    for axis in axes:
        for key in axis.keys:
            if owners.setdefault(key, axis) is not axis:
                named = (each.coordinates[0] for each in (owners[key], axis))
                where = " and ".join(name if name.startswith(FACTOR) else f"grid.{name}" for name in named)
                raise UserError(f"{key}: both {where} set it; it takes one of the two")


def _without_doubles(base: dict[str, Any], axes: list[Axis]) -> list[Axis]:
    """Return the axes, those between which keys are read or not made one where some of their cells are the same run."""
    conditional = {key for axis in axes for key in axis.keys if key in SETTING_KEYS and SETTING_KEYS[key].choice}
    choices = {choice for key in conditional for choice in _choices(key)}
    bound = [axis for axis in axes if any(key in conditional or key in choices for key in axis.keys)]
    if not conditional:
        return axes
    cells = Grid(base, tuple(bound), range(math.prod(len(axis) for axis in bound)))
    ids, first, which = np.unique(cells.run_ids(), return_index=True, return_inverse=True)
    if len(ids) == len(cells):
        return axes
    _refuse_equal_levels(cells, first[which])
    kept = cells.take(np.sort(first))
    keys = tuple(key for axis in bound for key in axis.keys)
    columns = tuple(tuple(axis.column(key)[code] for code in kept.codes[:, place].tolist())
                    for place, axis in enumerate(bound) for key in axis.keys)  # fmt: skip
    one = Axis(keys, columns, tuple(key for axis in bound for key in axis.coordinates))
    place = min(axes.index(axis) for axis in bound)
    others = [axis for axis in axes if axis not in bound]
    return [*others[:place], one, *others[place:]]


def _refuse_equal_levels(cells: Grid, same_as: np.ndarray) -> None:
    """Refuse a factor of which two levels come to the same run; `same_as` is the first cell of each cell's run."""
    for place, axis in enumerate(cells.axes):
        name = axis.coordinates[0]
        if not name.startswith(FACTOR):
            continue
        levels, other = cells.codes[:, place], cells.codes[same_as, place]
        for cell in np.flatnonzero(levels != other)[:1]:
            pair = [axis.column(name)[code] for code in (int(other[cell]), int(levels[cell]))]
            raise equal_levels(name, *pair)


def _axis(key: str, leaf: Any) -> Axis:
    values = _values(key, leaf)
    return Axis((key,), (values if isinstance(values, range) else tuple(dict.fromkeys(values)),), (key,))


def _values(key: str, leaf: Any) -> Sequence[Any]:
    schema = find_key(key)
    if key in NOT_IN_ID:
        raise UserError(f"grid.{key}: it changes nothing in a run, so it cannot be a grid axis")
    if isinstance(leaf, range) and leaf and schema.type is int and not schema.is_list:
        for end in (leaf[0], leaf[-1]):
            schema.parse(end)
        return leaf
    if not isinstance(leaf, list | tuple | range):
        raise UserError(
            f"grid.{key}={leaf}: it takes a list, such as [0.1,1.0]; in a shell quote it: "
            f"'grid.{key}=${{logspace:-4,0,9}}'"
        )
    if not leaf:
        raise UserError(f"grid.{key}=[]: it takes a list of at least one value")
    if schema.is_list and not all(isinstance(value, list | tuple) for value in leaf):
        raise UserError(f"grid.{key}={list(leaf)}: it takes a list of lists, such as [[64,64],[128]]")
    return [schema.parse(value) for value in leaf]

"""The settings in which two folders differ, and what else their bits depend on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from relubench.config import SETTING_KEYS
from relubench.report.compare.side import Side

#: What stands for a factor that a folder does not have.
_ABSENT = "-"


class Difference(NamedTuple):
    """Something that is not the same in both folders, in words."""

    key: str
    a: str
    b: str


def settings(a: Side, b: Side, keys: Collection[str]) -> list[Difference]:
    """Return the settings that differ: keys with all their values, factors with their levels, and seeds.

    Keys that common factors set are shown by level, but for those of `keys`, which vary otherwise as well.
    """
    common = [column for column in a.factors if column in b.factors]
    by_level = {key for side in (a, b) for column in common for key in side.factors[column].keys}.difference(keys)
    differences = [Difference("experiment", a.name, b.name)]
    for key in SETTING_KEYS:
        if key != "seed" and key not in by_level:
            of_a, of_b = a.values(key), b.values(key)
            differences += [] if set(of_a) == set(of_b) else [Difference(key, listed(of_a), listed(of_b))]
    for column in dict.fromkeys((*a.factors, *b.factors)):
        differences.append(Difference(column, _levels(a, column), _levels(b, column)))
        differences += _level_values(a, b, column) if column in common else []
    differences.append(Difference("seeds", _seeds(a), _seeds(b)))
    return [each for each in differences if each.a != each.b]


def _levels(side: Side, column: str) -> str:
    return ", ".join(level.name for level in side.factors[column].levels) if column in side.factors else _ABSENT


def _level_values(a: Side, b: Side, column: str) -> Iterator[Difference]:
    """Yield the keys of the levels of one name, with their values on both sides."""
    of_a, of_b = ({level.name: level.values for level in side.factors[column].levels} for side in (a, b))
    for name in (name for name in of_a if name in of_b):
        seeds = [next(level.seeds for level in side.factors[column].levels if level.name == name) for side in (a, b)]
        yield Difference(f"{column}.{name}: seeds", *("all" if number is None else f"{number:,}" for number in seeds))
        for key in dict.fromkeys((*of_a[name], *of_b[name])):
            values = of_a[name].get(key, a.grid.base[key]), of_b[name].get(key, b.grid.base[key])
            yield Difference(f"{column}.{name}: {key}", *map(_shown, values))


def _seeds(side: Side) -> str:
    seeds = side.grid.values("seed")
    return f"{len(seeds):,}, from {min(seeds)} to {max(seeds)}"


def listed(values: Iterable[Any]) -> str:
    """Return the values of a key in words."""
    return ", ".join(map(_shown, values))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def computed(a: Side, b: Side) -> list[Difference]:
    """Return what was not alike in the ways in which the runs were computed: fingerprint, versions and commit."""
    ways = [
        [{"commit": way["commit"], **way["versions"], **way["fingerprint"]} for way in side.ways] for side in (a, b)
    ]
    keys = dict.fromkeys(key for side in ways for way in side for key in way)
    differences = (Difference(key, *(_recorded(side, key) for side in ways)) for key in keys)
    return [each for each in differences if each.a != each.b]


def _recorded(ways: list[dict[str, Any]], key: str) -> str:
    return ", ".join(sorted({str(way.get(key, "(not recorded)")) or "none" for way in ways}))

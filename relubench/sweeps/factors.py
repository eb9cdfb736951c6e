"""Factors: the design of an experiment in named levels, each a few keys of the setting."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from relubench.config import find_key, flatten, nested
from relubench.errors import UserError, shown, unknown

#: What the name of a factor's column begins with.
FACTOR = "factor."
#: In a factor's node: the levels that are picked. No level can have this name.
PICKED = "_levels_"

#: In a level: the levels of other factors that it is crossed with; how many of the seeds, if not all.
_WITHIN, _SEEDS = "within", "seeds"
#: What a level holds beside keys of the setting.
_WORDS = ("title", _WITHIN, _SEEDS)

_NAME = re.compile("[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Axis:
    """One direction of the grid: at each position a value for each of its columns."""

    keys: tuple[str, ...]  # columns: setting keys, and for a factor first its own
    columns: tuple[Sequence[Any], ...]  # the values of each by position; whole numbers in a row are a range
    coordinates: tuple[str, ...]  # the columns that name a position
    within: tuple[Mapping[str, tuple[str, ...]], ...] = ()  # of each position: the levels that it goes with, by column

    def __len__(self) -> int:
        return len(self.columns[0])

    def column(self, key: str) -> Sequence[Any]:
        """Return the values of one column by position."""
        return self.columns[self.keys.index(key)]

    def at(self, position: int) -> dict[str, Any]:
        """Return the value of each column at one position."""
        return {key: column[position] for key, column in zip(self.keys, self.columns, strict=True)}


class Level(NamedTuple):
    """One way in which a factor can be."""

    name: str
    title: str
    values: Mapping[str, Any]  # checked, by dotted key
    within: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # by factor: the levels it goes with, if not with all
    seeds: int | None = None  # it goes with so many of the first seeds, if not with all

    def node(self) -> dict[str, Any]:
        """Return the level as it is written."""
        within = {_WITHIN: {name: list(levels) for name, levels in self.within.items()}} if self.within else {}
        seeds = {} if self.seeds is None else {_SEEDS: self.seeds}
        return {"title": self.title, **within, **seeds, **nested(self.values)}


class Factor(NamedTuple):
    """A named part of an experiment's design, with its levels in order."""

    name: str
    title: str
    levels: tuple[Level, ...]

    @property
    def column(self) -> str:
        """The name of its column in tables."""
        return FACTOR + self.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The setting keys that its levels set."""
        return tuple(dict.fromkeys(key for level in self.levels for key in level.values))

    def axis(self, base: Mapping[str, Any]) -> Axis:
        """Return the factor as an axis: where a level does not set a key it has the base setting's value."""
        names = tuple(level.name for level in self.levels)
        settings = [tuple(level.values.get(key, base[key]) for key in self.keys) for level in self.levels]
        for name, setting in zip(names, settings, strict=True):
            first = names[settings.index(setting)]
            if first != name:
                raise equal_levels(self.column, first, name)
        values = zip(*settings, strict=True)
        within = tuple({FACTOR + name: held for name, held in level.within.items()} for level in self.levels)
        return Axis((self.column, *self.keys), (names, *values), (self.column,), within if any(within) else ())

    def node(self) -> dict[str, Any]:
        """Return the factor as it is written."""
        return {"title": self.title, **{level.name: level.node() for level in self.levels}}


def equal_levels(factor: str, one: str, other: str) -> UserError:
    """The error for two levels of a factor, by its column, that are one."""
    return UserError(
        f"{factor}: its levels {one} and {other} come to the same setting: they differ in nothing that a run reads"
    )


def parse(tree: Any) -> list[Factor]:
    """Return the factors of a `factors` node; names, keys and values that cannot be are refused."""
    if not isinstance(tree, Mapping):
        raise UserError(f"factors={shown(tree)}: it takes names with levels, such as factors.bias.none={{}}")
    for name, node in tree.items():
        if isinstance(node, Mapping) and set(node) == {PICKED}:
            raise unknown("factor", str(name), [other for other in tree if other != name])
    parsed = [_factor(str(name), node) for name, node in tree.items()]
    _check_within(parsed)
    return parsed


def _check_within(parsed: Sequence[Factor]) -> None:
    """Refuse a level that goes with what another factor has not; one that was picked away does no harm."""
    names = [factor.name for factor in parsed]
    for factor in parsed:
        for level in factor.levels:
            for name in level.within:
                if name not in names or name == factor.name:
                    others = [other for other in names if other != factor.name]
                    raise unknown(f"factor in factors.{factor.name}.{level.name}.{_WITHIN}", name, others)


def _factor(name: str, node: Any) -> Factor:
    where = f"factors.{name}"
    _check_name("a factor", name, where)
    if not isinstance(node, Mapping):
        raise UserError(f"{where}={shown(node)}: it takes levels, each a few keys, such as {{none: {{}}}}")
    levels = {level: content for level, content in node.items() if level not in ("title", PICKED)}
    picked = node.get(PICKED)
    if picked is not None:
        picked = [picked] if isinstance(picked, str) else picked
        if not isinstance(picked, list) or not picked:
            raise UserError(
                f"{FACTOR}{name}={shown(picked)}: it takes a list of levels, such as [{next(iter(levels), '')}]"
            )
        for level in picked:
            if level not in levels:
                raise unknown(f"level of {FACTOR}{name}", str(level), levels)
        levels = {level: levels[level] for level in dict.fromkeys(picked)}
    if not levels:
        raise UserError(f"{where}: it has no levels")
    return Factor(
        name, _title(where, node, name), tuple(_level(where, str(key), value) for key, value in levels.items())
    )


def _level(where: str, name: str, node: Any) -> Level:
    where = f"{where}.{name}"
    _check_name("a level", name, where)
    if node is not None and not isinstance(node, Mapping):
        raise UserError(f"{where}={shown(node)}: it takes keys of the setting, such as {{optimizer: {{name: adam}}}}")
    values = {}
    keys = {word: leaf for word, leaf in (node or {}).items() if word not in _WORDS}
    for key, value in flatten(keys).items():
        if key == "seed":
            raise UserError(f"{where}.seed: seeds are crossed with every level; it takes seeds=N")
        values[key] = find_key(key).parse(value)
    within, seeds = _within(where, (node or {}).get(_WITHIN, {})), _seeds(where, (node or {}).get(_SEEDS))
    return Level(name, _title(where, node or {}, name), values, within, seeds)


def _within(where: str, node: Any) -> dict[str, tuple[str, ...]]:
    fits = isinstance(node, Mapping) and all(isinstance(held, list) and held for held in node.values())
    if not fits:
        raise UserError(
            f"{where}.{_WITHIN}={shown(node)}: it takes levels of other factors, such as {{world: [digits]}}"
        )
    return {str(name): tuple(map(str, levels)) for name, levels in node.items()}


def _seeds(where: str, node: Any) -> int | None:
    if node is not None and (isinstance(node, bool) or not isinstance(node, int) or node < 1):
        raise UserError(f"{where}.{_SEEDS}={shown(node)}: it takes a number of seeds >= 1, or null for all of them")
    return node


def _check_name(kind: str, name: str, where: str) -> None:
    if not _NAME.fullmatch(name) or name == "title":
        raise UserError(f"{where}: {kind} has a name of small letters, digits and _, a letter first, that is not title")


def _title(where: str, node: Mapping[str, Any], name: str) -> str:
    title = node.get("title", name.replace("_", " "))
    if not isinstance(title, str) or not title.strip() or not title.isprintable():
        raise UserError(f"{where}.title={shown(title)}: it takes a text")
    return title


def set_for_all(
    factors: Sequence[Factor], keys: Collection[str], base: Mapping[str, Any]
) -> tuple[list[Factor], dict[str, Any], list[str]]:
    """Return (factors without what their levels say of `keys`, the base setting, a note a factor that this touches).

    A factor whose levels all become equal is dropped, and what they have in common becomes the base's; one of which
    only some do is refused.
    """
    kept, notes, base = [], [], dict(base)
    for factor in factors:
        said = [key for key in factor.keys if key in keys]
        if not said:
            kept.append(factor)
            continue
        words, others = " and ".join(said), [key for key in factor.keys if key not in keys]
        levels = [
            level._replace(values={k: level.values[k] for k in others if k in level.values}) for level in factor.levels
        ]
        alike: dict[tuple[Any, ...], list[str]] = {}
        for level in levels:
            alike.setdefault(tuple(level.values.get(key, base[key]) for key in others), []).append(level.name)
        if len(alike) == 1 and len(levels) > 1:
            base |= levels[0].values
            notes.append(f"{words} is set for all, which makes the levels of {factor.column} equal: it is left out")
        elif len(alike) < len(levels):
            equal = next(names for names in alike.values() if len(names) > 1)
            raise UserError(
                f"{words}: set for all, it makes the levels {' and '.join(equal)} of {factor.column} equal, and others "
                f"not; pick some, such as '{factor.column}=[{','.join(names[0] for names in alike.values())}]'"
            )
        else:
            notes.append(f"{words} is set for all and takes the place of what the levels of {factor.column} say of it")
            kept.append(factor._replace(levels=tuple(levels)))
    return [_only_within(factor, kept) for factor in kept], base, notes


def _only_within(factor: Factor, kept: Sequence[Factor]) -> Factor:
    """Return a factor whose levels are limited to those of factors that are kept."""
    names = {other.name for other in kept}
    levels = (
        level._replace(within={name: held for name, held in level.within.items() if name in names})
        for level in factor.levels
    )
    return factor._replace(levels=tuple(levels))


def with_all_seeds(factors: Sequence[Factor]) -> tuple[list[Factor], list[str]]:
    """Return (the factors without limits to how many of the seeds their levels go with, a note for each of these)."""
    whole = [factor._replace(levels=tuple(level._replace(seeds=None) for level in factor.levels)) for factor in factors]
    notes = [
        f"the seeds are set for all and take the place of what the levels of {before.column} say of their number"
        for before, after in zip(factors, whole, strict=True)
        if before != after
    ]
    return whole, notes


def written(factors: Sequence[Factor]) -> dict[str, Any]:
    """Return the factors as a node of the configuration, with every title."""
    return {factor.name: factor.node() for factor in factors}

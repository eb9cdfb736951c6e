"""Learning rates by rule: names in a design that stand for rates found for a cell's data, network and optimiser.

`rate:high` is one rate, `rates:cliff` a list of them. They come from a table (conf/rates.yaml, which `make pilot`
writes; a folder's config.yaml holds the one that it was made with) and are put in cell by cell, so that an axis may
differ between the cells of a grid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from relubench.config import RULES, find_key, flatten
from relubench.errors import UserError, shown
from relubench.paths import CONF
from relubench.sweeps.factors import Axis

RATE = "optimizer.learning_rate"
#: What the table is keyed by.
KEYED = ("data.name", "model.name", "model.widths", "optimizer.name")
#: Rates of a sweep: so many a decade through the cliff at which units begin to die, and elsewhere.
NEAR, ELSEWHERE = 8, 3
#: The ends of a sweep.
LOWEST, HIGHEST = 1e-4, 10.0
#: A cliff reaches so many of the dense rates to either side.
_CLIFF = 4
#: Rates that differ by less than this, as a natural logarithm, differ by rounding.
_ROUNDING = 0.01

#: What a table may say: a tree of entries by name, each with the keys of `KEYED` and rates.
Table = Mapping[str, Mapping[str, Any]]


def shipped() -> Table:
    """Return the table that comes with relubench."""
    return yaml.safe_load((CONF / "rates.yaml").read_text(encoding="utf-8")) or {}


class Entry(NamedTuple):
    """The rates of plain ReLU networks, as found on seeds that are never judged (see docs/definitions.md)."""

    where: dict[str, Any]  # data, network and optimiser, by the keys of `KEYED`
    proper: float  # with the best test accuracy
    high: float  # the smallest at which 30 % of the units are dead; fewer than 5 % of the runs diverge up to it
    deadliest: float  # with the most dead units
    kept: float  # with the most dead units where the accuracy is within 2 points of the best

    def times(self, name: str, factor: float) -> float:
        """Return one of these rates times a factor; or where it differs from another by rounding alone, that one."""
        rate = rounded(getattr(self, name) * factor)

        def distance(other: float) -> float:
            return abs(math.log(rate / other))

        nearest = min((self.proper, self.high, self.deadliest, self.kept), key=distance)
        return nearest if distance(nearest) < _ROUNDING else rate

    def rates(self, rule: str) -> list[float]:
        """Return the rates that a rule stands for."""
        kind, _, name = rule.partition(":")
        return [getattr(self, name)] if kind == "rate" else getattr(self, f"_{name}")()

    def _cliff(self) -> list[float]:
        return _near(self.high, _CLIFF)

    def _league(self) -> list[float]:
        middle = rounded(math.sqrt(self.proper * self.high))
        return sorted({_near(self.proper, _CLIFF)[0], self.proper, middle, self.high, _near(self.high, _CLIFF)[-1]})

    def _sweep(self) -> list[float]:
        near = [rate for rate in _near(self.high, _CLIFF) if LOWEST <= rate <= HIGHEST]
        places = range(math.ceil(ELSEWHERE * math.log10(LOWEST)), math.floor(ELSEWHERE * math.log10(HIGHEST)) + 1)
        coarse = (rounded(10 ** (place / ELSEWHERE)) for place in places)
        others = (rate for rate in coarse if not near[0] <= rate <= near[-1])
        around = (self.times("proper", 10 ** (step * _CLIFF / NEAR)) for step in (-1, 1))
        # Those that claims name all stay; .09999, three times .03162, makes .1 of the coarse ones needless.
        found = {self.proper, self.high, self.deadliest, self.kept, *around}
        for rate in (*near, *others):
            if all(abs(math.log(rate / other)) > _ROUNDING for other in found):
                found.add(rate)
        return sorted(found)


def rounded(rate: float) -> float:
    """Return a rate to four digits, which is how rates by rule are written."""
    return float(f"{rate:.4g}")


def _near(rate: float, steps: int) -> list[float]:
    return [rounded(rate * 10 ** (place / NEAR)) for place in range(-steps, steps + 1)]


def parse(tree: Any) -> list[Entry]:
    """Return the entries of a table; one that lacks something, or has a value that cannot be, is refused."""
    if not isinstance(tree, Mapping):
        raise UserError(f"rates={shown(tree)}: it takes entries by name, as conf/rates.yaml has them")
    return [_entry(str(name), node) for name, node in tree.items()]


def _entry(name: str, node: Any) -> Entry:
    flat = flatten(node) if isinstance(node, Mapping) else {}
    names = {*KEYED, *(field for field in Entry._fields if field != "where")}
    if set(flat) != names:
        different = ", ".join(sorted(set(flat) ^ names))
        raise UserError(f"rates.{name}: it takes {', '.join(sorted(names))}; {different} is missing, or one too many")
    rate = find_key(RATE)
    found = {field: rate.parse(flat[field]) for field in names - set(KEYED)}
    return Entry({key: find_key(key).parse(flat[key]) for key in KEYED}, **found)


def find(entries: Sequence[Entry], values: Mapping[str, Any]) -> tuple[Entry, str]:
    """Return the entry of a setting, and a note where it is that of another one: the nearest with its optimiser."""
    same = [entry for entry in entries if entry.where["optimizer.name"] == values["optimizer.name"]]
    if not same:
        known = ", ".join(dict.fromkeys(str(entry.where["optimizer.name"]) for entry in entries)) or "none"
        raise UserError(
            f"{RATE}: no rates by rule are known for optimizer.name={values['optimizer.name']}, but for {known}; "
            "it takes numbers there"
        )
    nearest = min(same, key=lambda entry: _distance(entry, values))
    other = [f"{key}={_word(values[key])}" for key in KEYED if nearest.where[key] != values[key]]
    if not other:
        return nearest, ""
    theirs = ", ".join(f"{key}={_word(nearest.where[key])}" for key in KEYED if nearest.where[key] != values[key])
    return nearest, f"no rates by rule are known for {', '.join(other)}: those for {theirs} are taken"


def _distance(entry: Entry, values: Mapping[str, Any]) -> tuple[bool, bool, float, int]:
    own, other = (list(of["model.widths"]) or [1] for of in (values, entry.where))
    wider = abs(math.log(sum(own) / len(own)) - math.log(sum(other) / len(other)))
    return (
        entry.where["model.name"] != values["model.name"],
        entry.where["data.name"] != values["data.name"],
        wider,
        abs(len(own) - len(other)),
    )


def _word(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def are_asked_for(base: Mapping[str, Any], axes: Iterable[Axis]) -> bool:
    """Whether a design names rates by rule."""
    return is_rule(base[RATE]) or any(RATE in axis.keys and any(map(is_rule, axis.column(RATE))) for axis in axes)


def is_rule(value: Any) -> bool:
    """Whether a learning rate is given by rule."""
    return isinstance(value, str) and value in RULES


def resolved(
    base: Mapping[str, Any], axes: Sequence[Axis], entries: Sequence[Entry]
) -> tuple[dict[str, Any], list[Axis], list[str]]:
    """Return (the base, the axes, notes) with rates in the place of rules, and without cells that are left out.

    Those axes that decide which rates, and those of factors with levels that go with some of another's alone, become
    one. Left out, with a note, is a cell at a high rate that is the proper one.
    """
    if is_rule(base[RATE]) and not any(RATE in axis.keys for axis in axes):
        axes = [Axis((RATE,), ((base[RATE],),), ()), *axes]
    base = {**base, RATE: find_key(RATE).default} if is_rule(base[RATE]) else dict(base)
    by_rule = are_asked_for(base, axes)
    nested = {column for axis in axes for limit in axis.within for column in limit}
    bound = [
        axis
        for axis in axes
        if any(axis.within) or nested & {*axis.coordinates} or (by_rule and {*axis.keys} & {RATE, *KEYED})
    ]
    if not bound:
        return base, list(axes), []
    keys = tuple(key for axis in bound for key in axis.keys)
    notes: dict[str, None] = {}
    rows = dict.fromkeys(
        tuple(row[key] for key in keys) for cell in _cells(bound) for row in _rows(base, cell, entries, notes)
    )
    if not rows:
        raise UserError(f"grid: no cell is left; {'; '.join(notes)}")
    columns = tuple(zip(*rows, strict=True))
    one = Axis(keys, columns, tuple(key for axis in bound for key in axis.coordinates))
    place = min(axes.index(axis) for axis in bound)
    others = [axis for axis in axes if axis not in bound]
    return base, [*others[:place], one, *others[place:]], list(notes)


def _cells(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield the values of each cell of some axes, but of those whose levels do not go together."""
    for places in itertools.product(*(range(len(axis)) for axis in axes)):
        pairs = list(zip(axes, places, strict=True))
        values = {key: value for axis, place in pairs for key, value in axis.at(place).items()}
        limits = (axis.within[place] for axis, place in pairs if axis.within)
        if all(values.get(column, names[0]) in names for limit in limits for column, names in limit.items()):
            yield values


def _rows(
    base: Mapping[str, Any], cell: Mapping[str, Any], entries: Sequence[Entry], notes: dict[str, None]
) -> Iterator[Mapping[str, Any]]:
    """Yield a cell with each of the rates that its rule stands for."""
    rule: Any = cell.get(RATE)
    if not is_rule(rule):
        yield cell
        return
    entry, note = find(entries, {**base, **cell})
    if note:
        notes[note] = None
    if rule == "rate:high" and entry.high == entry.proper:
        where = ", ".join(f"{key}={_word(entry.where[key])}" for key in KEYED)
        notes[f"left out: {where} at its high rate, which is its proper one"] = None
        return
    for rate in entry.rates(rule):
        yield {**cell, RATE: rate}

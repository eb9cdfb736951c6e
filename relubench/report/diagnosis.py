"""`autopsy`: what is wrong with the units of a network, how badly, why, and what was found to help, of a census."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from relubench import checks
from relubench.errors import UserError
from relubench.report.headlines import Rests

#: A layer with a larger share of dead units fails.
MAX_DEAD = 0.2
#: A layer whose units are so often the same as another's, or act so often as linear ones, is told.
MANY = 0.5
#: So is one whose activations have an effective rank of less than this share of its units.
NARROW = 0.1


class Advice(NamedTuple):
    """What was found, in a sentence, and the claims that it rests on: see docs/claims.md."""

    sentence: str
    rests: tuple[Rests, ...]

    def told(self) -> str:
        """Return the sentence with its claims."""
        numbers = sorted({each.claim for each in self.rests})
        return f"{self.sentence} (claim{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))})"


#: Of dead units, from what was found to help most.
DEAD = (
    Advice(
        "Lower the learning rate: at a proper one fewer than one unit in ten is dead",
        (Rests(3, "At a proper learning rate dead units are less frequent", ("holds",)),),
    ),
    Advice(
        "Clip the gradient: it keeps single large gradients from killing",
        (Rests(38, "Clipping the gradient prevents that", ("holds",)),),
    ),
    Advice(
        "Check the inputs: where all have one sign, a large step kills more units",
        (Rests(27, "With inputs of one sign a large step makes z negative on all of them more often", ("holds",)),),
    ),
)
#: Of dead units that would be active without their bias; and of those that would not.
BY_BIAS = Advice(
    "Without their biases most would be active; yet where units died in training it was mostly by their weights, and a "
    "positive initial bias did not prevent it",
    (
        Rests(29, "It is the bias that becomes very negative, more than the weights", ("does not hold",)),
        Rests(16, "A small positive initial bias prevents dying", ("does not hold",)),
    ),
)
BY_WEIGHTS = Advice(
    "Without their biases most would be dead as well: their weights point away from all inputs, and regularising the "
    "bias does not help",
    (Rests(6, "Regularising the bias prevents dying", ("does not hold",)),),
)


class Ill(NamedTuple):
    """What is wrong with a layer."""

    name: str  # a column of the census
    share: float  # of its units
    threshold: float  # that the share exceeds, or of a rank, does not reach
    sentence: str
    advice: tuple[Advice, ...] = ()


class Layer(NamedTuple):
    """A site, or a layer of a site in a loop, and what is wrong with it."""

    site: str
    source: str
    kind: str
    units: int
    dead: float  # share of its units
    ills: tuple[Ill, ...]


class Autopsy(NamedTuple):
    """The layers of a network; `str` tells them in words."""

    layers: tuple[Layer, ...]
    max_dead: float

    @property
    def passes(self) -> bool:
        """Whether no layer has a larger share of dead units than allowed."""
        return all(layer.dead <= self.max_dead for layer in self.layers)

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def json(self) -> str:
        """Return it as JSON."""
        layers = [
            layer._asdict()
            | {"ills": [ill._asdict() | {"advice": [a.told() for a in ill.advice]} for ill in layer.ills]}
            for layer in self.layers
        ]
        return json.dumps({"passes": self.passes, "max_dead": self.max_dead, "layers": layers}, indent=2)

    def html(self) -> str:
        """Return it as a page by itself."""
        rows = "".join(
            f"<tr><th scope='row'>{html.escape(layer.site)}</th><td>{html.escape(layer.source)}</td>"
            f"<td>{html.escape(layer.kind)}</td><td>{layer.units:,}</td><td>{layer.dead:.1%}</td>"
            f"<td>{'<br>'.join(html.escape(line) for line in _told(layer)) or 'nothing'}</td></tr>"
            for layer in self.layers
        )
        titles = "".join(
            f"<th scope='col'>{name}</th>" for name in ("site", "source", "kind", "units", "dead", "found")
        )
        return _PAGE.format(summary=html.escape(_summary(self)), titles=titles, rows=rows)


def autopsy(table: pl.DataFrame, max_dead: float = MAX_DEAD) -> Autopsy:
    """Return what is wrong with each layer of a census's table, which has a row a layer; of checkpoints, the last.

    A layer fails when more than the share `max_dead` of its units is dead.
    """
    checks.number("max_dead", max_dead, low=0, high=1)
    missing = [
        name for name in ("site", "source", "kind", "group", "dead", "effective_rank") if name not in table.columns
    ]
    if "unit" in table.columns:
        raise UserError("table: it has a row a unit; autopsy takes a census with a row a layer, without per_unit=True")
    if missing or table.is_empty():
        raise UserError(f"table: it lacks {', '.join(missing) or 'rows'}; autopsy takes what relubench.census returns")
    before = None
    if "checkpoint" in table.columns:
        names = table["checkpoint"].unique(maintain_order=True)
        before = table.filter(pl.col("checkpoint") == names[0]) if len(names) > 1 else None
        table = table.filter(pl.col("checkpoint") == names[-1])
    earlier = {} if before is None else {_key(row): row for row in before.iter_rows(named=True)}
    layers = (_layer(row, earlier.get(_key(row)), max_dead) for row in table.iter_rows(named=True))
    return Autopsy(tuple(layers), max_dead)


def _key(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["site"], row["group"]


def _layer(row: dict[str, Any], earlier: dict[str, Any] | None, max_dead: float) -> Layer:
    units = row["units"]
    name = row["site"] if row["group"] is None else f"{row['site']}[{row['group']}]"
    ills = tuple(_ills(row, earlier, max_dead))
    return Layer(name, row["source"], row["kind"], units, row["dead"] / units, ills)


def _ills(row: dict[str, Any], earlier: dict[str, Any] | None, max_dead: float) -> Iterator[Ill]:
    units, dead = row["units"], row["dead"]
    if dead:
        yield Ill("dead", dead / units, max_dead, _dead(row, earlier), _advice(row))
    rounded = dead - row["dead_by_form"]
    if rounded > 0:
        sentence = (
            f"{rounded:,} of the dead are so in this precision alone: by its formula a {row['kind']} is never flat"
        )
        yield Ill("dead_by_form", rounded / units, 0, sentence)
    saturated = row["saturated"] - dead
    if saturated > max_dead * units:
        yield Ill(
            "saturated", saturated / units, max_dead, f"{saturated:,} more are saturated: their slope is at most .001"
        )
    for column, what in (
        ("linear", "act as linear units: z > 0 on every input"),
        ("duplicate", "do what an earlier unit does"),
    ):
        count = row[column] or 0
        if count > MANY * units:
            yield Ill(column, count / units, MANY, f"{count:,} {what}")
    alive = units - dead
    if alive and row["effective_rank"] < NARROW * units:
        rank = f"the activations span {row['effective_rank']:.1f} directions of {units:,}"
        yield Ill("effective_rank", row["effective_rank"] / units, NARROW, rank)


def _dead(row: dict[str, Any], earlier: dict[str, Any] | None) -> str:
    dead, examples = row["dead"], row["examples"]
    told = f"{dead:,} of {row['units']:,} units are dead on all {examples:,} inputs"
    if earlier is None:
        return told
    return f"{told}; at the first checkpoint it was {earlier['dead']:,}" + (
        ": most were dead from the start" if 2 * earlier["dead"] > dead else ": most have died in training"
    )


def _advice(row: dict[str, Any]) -> tuple[Advice, ...]:
    if row["dead_by_bias"] is None:
        return DEAD
    return (BY_BIAS if 2 * row["dead_by_bias"] > row["dead"] else BY_WEIGHTS, *DEAD)


def _summary(result: Autopsy) -> str:
    failing = [layer.site for layer in result.layers if layer.dead > result.max_dead]
    allowed = f"{result.max_dead:.0%} dead units"
    if not failing:
        return f"no layer has more than {allowed}"
    return f"{len(failing)} of {len(result.layers)} layers have more than {allowed}: {', '.join(failing)}"


def _lines(result: Autopsy) -> Iterator[str]:
    yield _summary(result)
    for layer in result.layers:
        yield f"{layer.site} ({layer.kind} at {layer.source}): {layer.dead:.1%} dead"
        yield from (f"  {line}" for line in _told(layer))


def _told(layer: Layer) -> list[str]:
    return [
        line
        for ill in layer.ills
        for line in (f"{ill.sentence} (threshold {ill.threshold:.0%})", *(f"- {a.told()}" for a in ill.advice))
    ]


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Autopsy of a network</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }} th, td {{ text-align: left; vertical-align: top; padding: .4rem .8rem; }}
tr {{ border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }}
</style></head>
<body><h1>Autopsy</h1><p>{summary}</p><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></body></html>
"""

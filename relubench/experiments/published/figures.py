"""The figures of every experiment on published numbers: each of them beside the measured one."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, runs_note
from relubench.plots.points import points

#: Letters of a line of an axis label.
_LINE = 34
#: To which side of what is published as "more than" or "less than" the number lies.
_SIDES = {">": 1, "<": -1}


def _beside(claims: pl.DataFrame) -> pl.DataFrame:
    """Return two rows a condition: the measured number with its interval, the published one with its rounding."""
    measured = claims.select(
        "condition", "n", "ci_low", "ci_high", mean="value", number=pl.lit("these runs with 99 % intervals")
    )
    published = claims.select(
        "condition",
        "n",
        ci_low=pl.col("published") - pl.col("rounding"),
        ci_high=pl.col("published") + pl.col("rounding"),
        mean="published",
        number=pl.lit("published, ± rounding"),
        censored=pl.col("relation").replace_strict(_SIDES, default=0, return_dtype=pl.Int64),
    )
    return pl.concat([published, measured], how="diagonal")


def _of_statistic(statistic: str, claims: pl.DataFrame, number: int) -> Figure:
    """Draw the numbers of one statistic, the first of the experiment or a further one."""
    rows = {textwrap.fill(statistic, _LINE): _beside(claims)}
    share = statistic.startswith("share")
    figure = points(rows, x="condition", lines="number", percent=share, x_label=claims["source"][0])
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(claims["verdict"]).most_common())
    caption = (
        f"{statistic[:1].upper()}{statistic[1:]}: published numbers, each with the half-width of the values that print "
        "as it (an arrow: more, or less, than this), beside those of these runs, with 99 % intervals: BCa bootstrap of "
        "a mean over the runs that did not diverge, Clopper-Pearson of a share of runs; where the source has one run, "
        f"the range of 99 % of these. {runs_note(rows)} Of {claims.height} numbers: {verdicts}."
    )
    return Figure("published" if number == 1 else f"published_{number}", figure, caption, claims=())


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the published numbers beside the measured ones: a figure for each statistic."""
    measured = frames.claims.filter(pl.col("value").is_not_null())
    statistics = measured.group_by("statistic", maintain_order=True)
    return [_of_statistic(str(name), rows, place) for place, ((name,), rows) in enumerate(statistics, start=1)]

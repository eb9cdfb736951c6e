"""The figure of every experiment on published numbers: each of them beside the measured one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, runs_note
from relubench.plots.points import points

#: Letters of a line of an axis label.
_LINE = 24


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
    )
    return pl.concat([published, measured], how="diagonal")


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the published numbers beside the measured ones: a row of panels for each statistic."""
    measured = frames.claims.filter(pl.col("value").is_not_null())
    if measured.is_empty():
        return []
    rows = {
        textwrap.fill(str(statistic), _LINE): _beside(claims)
        for (statistic,), claims in measured.group_by("statistic", maintain_order=True)
    }
    figure = points(rows, x="condition", lines="number", percent=())
    caption = (
        "Published numbers, each with the half-width of the values that print as it, beside those of these runs, with "
        "99 % intervals: BCa bootstrap of a mean over the runs that did not diverge, Clopper-Pearson of a share of "
        f"runs; where the source has one run, the range of 99 % of these. {runs_note(rows)}"
    )
    return [Figure("published", figure, caption)]

"""Forest plots: differences with their intervals, one a line, beside the line of no difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator

from relubench.plots import canvas, style

_ROW_HEIGHT = 0.19
_INTERVAL = "[95 % interval]"  # the heading over the numbers


class _Place(NamedTuple):
    """What stands on one line of the figure: a group's heading, or a difference."""

    text: str
    row: dict[str, Any] | None


@canvas.house_style()
def forest(
    frame: pl.DataFrame,
    *,
    label: str,
    x_label: str,
    groups: str | None = None,
    favours: tuple[str, str] | None = None,
    percent: bool = True,
    farthest: float = np.inf,
    counted: str = "pairs",
) -> mpl_figure.Figure:
    """Draw each row (mean, ci_low, ci_high, n) as a point with its interval, under the name in column `label`.

    Rows stand in the order given, under a heading for each value of `groups`. At the right: the numbers, and `n`
    of what is `counted`. `favours` says what a number left and right of 0 means. A row without an interval has a
    hollow point; one without a mean says so; one `farthest` away or further has an arrow at the edge, so that it does
    not squeeze the others. `percent`: differences of shares, in percentage points.
    """
    places = _places(frame, label, groups)
    height = 0.75 + _ROW_HEIGHT * (len(places) + 1)
    figure, axis = plt.subplots(figsize=(style.FULL_WIDTH, height), layout="constrained")
    for at, place in enumerate(places):
        if place.row is not None:
            _row(axis, at, place.row, farthest)
    axis.axvline(0, color="black", linewidth=0.8, zorder=1)
    _names(axis, places)
    _numbers(axis, places, percent, counted)
    axis.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    unit = 100 if percent else 1
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{unit * value:.3g}".replace("-", "−")))
    axis.set_xlabel(x_label + (", percentage points" if percent else ""))
    if favours:
        _favours(axis, favours)
    return figure


def _places(frame: pl.DataFrame, label: str, groups: str | None) -> list[_Place]:
    places: list[_Place] = []
    for group in canvas.values([frame], groups):
        if groups is not None:
            places.append(_Place(style.title(group, groups), None))
        for row in canvas.where(frame, groups, group).iter_rows(named=True):
            places.append(_Place(style.name(row[label], label), row))
    return places


def _row(axis: Any, at: int, row: dict[str, Any], farthest: float) -> None:
    if row["mean"] is None:
        return
    if abs(row["mean"]) >= farthest:
        edge, arrow = (0, "<") if row["mean"] < 0 else (1, ">")
        across = axis.get_yaxis_transform()
        axis.plot(edge, at, arrow, color=style.COLOURS[2], markersize=5, transform=across, clip_on=False)
        return
    known = row["ci_low"] is not None
    if known:
        axis.hlines(at, row["ci_low"], row["ci_high"], color=style.COLOURS[2], linewidth=1.4)
    face = style.COLOURS[2] if known else "white"
    axis.plot(row["mean"], at, "s", color=style.COLOURS[2], markerfacecolor=face, markersize=4)


def _names(axis: Any, places: Sequence[_Place]) -> None:
    """Write the headings and the rows' names at the left, the first at the top."""
    axis.set_yticks(range(len(places)), [place.text for place in places])
    axis.set_ylim(len(places) - 0.4, -0.6)
    for text, place in zip(axis.get_yticklabels(), places, strict=True):
        text.set_fontweight("bold" if place.row is None else "normal")
    axis.tick_params(axis="y", length=0)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)


def _numbers(axis: Any, places: Sequence[_Place], percent: bool, counted: str) -> None:
    """Write each row's number with its interval at the right, and the pairs (or runs) behind it."""
    texts = [_text(place.row, percent) for place in places]
    gap = 6 + 4.4 * max(len(_INTERVAL), *map(len, texts))
    here: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    for at, (place, text) in enumerate(zip(places, texts, strict=True)):
        if place.row is None:
            continue
        axis.annotate(text, (1, at), xytext=(6, 0), fontsize=7, **here)
        axis.annotate(f"{place.row['n']:,}", (1, at), xytext=(gap + 24, 0), ha="right", fontsize=7, **here)
    axis.annotate(_INTERVAL, (1, -1), xytext=(6, 0), fontsize=7, color="#555555", **here)
    axis.annotate(counted, (1, -1), xytext=(gap + 24, 0), ha="right", fontsize=7, color="#555555", **here)


def _text(row: dict[str, Any] | None, percent: bool) -> str:
    if row is None:
        return ""
    if row["mean"] is None:
        return "no pairs"
    low, high = (np.nan if row[name] is None else row[name] for name in ("ci_low", "ci_high"))
    return f"{canvas.short(row['mean'], percent)} {canvas.span(low, high, percent)}".rstrip()


def _favours(axis: Any, favours: tuple[str, str]) -> None:
    """Say above the axis, at its two ends, what a difference to that side means."""
    for words, at, side, text in zip(favours, (0, 1), ("left", "right"), ("← {}", "{} →"), strict=True):
        axis.annotate(
            text.format(words), (at, -1), xycoords=("axes fraction", "data"), ha=side, va="center", fontsize=7,
            color="#555555",
        )  # fmt: skip

"""The figures: the first step beside its prediction, and the rates that are deadly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.one_step.fates import RATE
from relubench.experiments.one_step.metrics import VARIANTS
from relubench.plots import canvas, style
from relubench.plots.figure import Figure, interval_note, line_panels

#: Those whose first step is drawn beside its prediction.
COMPARED = tuple(VARIANTS[level] for level in ("plain", "loss_100", "loss_100_clipped", "inputs_10"))


def _rows(frames: Frames, metric: str, variants: Sequence[str] = tuple(VARIANTS.values())) -> pl.DataFrame:
    """Return a metric's points of these variants in their order."""
    rows = frames.curves.filter(pl.col("metric") == metric, pl.col("variant").is_in(variants))
    return rows.sort(pl.col("variant").cast(pl.Enum(list(VARIANTS.values()))), "rate")


@canvas.house_style()
def _foretold_and_measured(frames: Frames) -> Figure:
    predicted, *counted = (_rows(frames, metric, COMPARED) for metric in ("foretold", "dead_after_step", "dead_at_end"))
    steps, shown = frames.setting["train.steps"], canvas.values(counted, "variant")
    predicted = predicted.filter(pl.col("rate").is_between(*_around(counted[0])))
    figure, axes = canvas.blank(1, len(shown), height=2.6)
    for axis, variant in zip(axes[0], shown, strict=True):
        _curve(axis, predicted.filter(pl.col("variant") == variant))
        for place, label in enumerate(("after the first step", f"after {steps} steps"), start=1):
            _dots(axis, counted[place - 1].filter(pl.col("variant") == variant), label, style.series(place, 3, False))
        axis.set(title=variant, xlabel=style.name(RATE), xscale="log")
    axes[0, 0].set_ylabel("dead units, layer 1")
    canvas.ordinate(axes[0, 0], pl.concat(counted), percent=True, log=False)
    canvas.legend(figure, axes[0, 0], "point")
    wrong = _rows(frames, "wrong")["mean"].to_numpy().max()
    caption = (
        "Dead units of layer 1 after the first full-batch step, on the curve that the oracle foretells before it is "
        f"taken, and after {steps} steps. Unit by unit, oracle and training differ in at most {wrong:.2%} of the units "
        f"of any variant and rate. Units of layer 1. "
        f"{interval_note({'': counted[0]}, over='the runs that had not diverged by then')}"
    )
    return Figure("one_step", figure, caption)


def _around(measured: pl.DataFrame) -> tuple[float, float]:
    """Return the range of the measured rates and a little beyond."""
    rates = measured["rate"].to_numpy()
    return rates.min() / 2, rates.max() * 2


def _curve(axis: Any, rows: pl.DataFrame) -> None:
    look = style.series(0, 3, False)
    axis.plot(rows["rate"], rows["mean"], label="foretold", color=look["color"])
    canvas.band(axis, rows["rate"].to_numpy(), canvas.interval(rows), look)


def _dots(axis: Any, rows: pl.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    points = canvas.interval(rows)
    axis.vlines(rows["rate"], points.low, points.high, color=look["color"], linewidth=1.2)
    axis.plot(rows["rate"], points.mean, label=label, **{**look, "linestyle": "none"})


def _deadly_rates(frames: Frames) -> Figure:
    by_bias = _rows(frames, "bias_alone").drop_nulls("ci_low")  # a share of units killed in a few runs says nothing
    rows = {"units killed at\nthis rate or less": _rows(frames, "deadly"), "bias alone\nwould kill": by_bias}
    figure = line_panels(rows, x="rate", columns="data", lines="change", log_x=True)
    for axis in figure.axes[-2:]:
        axis.set_xlabel(style.name(RATE))
    caption = (
        "Above: the share of units that one full-batch step from the initial weights leaves dead at this learning rate "
        "or a lower one (dead at birth included). The others no single step kills, whatever its rate: it moves up "
        "some example on which they are active. Below: of the units that a step at this rate kills, the share that "
        f"the move of the bias alone would kill; where runs without any leave five. Units of layer 1. "
        f"{interval_note(rows)}"
    )
    return Figure("deadly_rates", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what the first step did and was foretold to do, and which rates are deadly."""
    return [_foretold_and_measured(frames), _deadly_rates(frames)]

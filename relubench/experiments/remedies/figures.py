"""The figures of `remedies`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.remedies.metrics import USABLE
from relubench.experiments.remedies.variants import HIGH_RATE, OPTIMIZER, VARIANT
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note
from relubench.plots.forest import forest
from relubench.plots.points import points

#: A difference of accuracies at the best rates beyond this would squeeze all others in their figure.
FAR = 0.1


def _forest(
    rows: pl.DataFrame, name: str, label: str, favours: tuple[str, str], words: str, farthest: float = 1.0
) -> Figure:
    figure = forest(rows, label=VARIANT, x_label=label, groups=OPTIMIZER, favours=favours, farthest=farthest)
    caption = (
        f"{words} Each line is the difference of a remedy to none: means of differences paired by seed (same initial "
        "weights, but for RAI, and same batches) over the pairs in which neither run diverged, with 95 % BCa "
        "bootstrap intervals."
    )
    return Figure(name, figure, caption)


def _at_high(frames: Frames, metric: str, label: str, favours: tuple[str, str]) -> Figure:
    rates = " and ".join(f"{rate:g} ({style.name(name)})" for name, rate in HIGH_RATE.items())
    words = f"{label.capitalize()} at a high learning rate: {rates}."
    return _forest(frames.curve_of(metric), metric, f"difference in {label}", favours, words)


def _at_best(frames: Frames) -> Figure:
    words = (
        "Test accuracy at each one's own best rate: each half of the seeds at the rate that is best on the other half. "
        f"An arrow is a difference of {100 * FAR:g} points or more."
    )
    rows = frames.curve_of("accuracy_at_best_rate")
    label, favours = "difference in test accuracy", ("worse", "better")
    return _forest(rows, "accuracy_at_best_rate", label, favours, words, FAR)


def _usable(frames: Frames) -> Figure:
    rows = {"highest usable rate": frames.curve_of("highest_rate")}
    figure = points(rows, x=VARIANT, lines=OPTIMIZER, percent=False, log_y=True)
    caption = (
        f"The highest rate at which a run's test accuracy lies at most {100 * USABLE:g} points below the best that its "
        "seed reaches at any rate without a remedy (where there is none, the lowest rate of all); a diverged run "
        f"counts as accuracy 0. {interval_note(rows, over='all runs')}"
    )
    return Figure("usable_rate", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Return the forests of differences and the highest usable rates."""
    return [
        _at_high(frames, "dead_at_high_rate", "dead units", ("fewer dead", "more dead")),
        _at_high(frames, "accuracy_at_high_rate", "test accuracy", ("worse", "better")),
        _at_best(frames),
        _usable(frames),
    ]

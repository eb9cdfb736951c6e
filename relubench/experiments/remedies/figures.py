"""The figures of `remedies`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.remedies.differences import USABLE
from relubench.experiments.remedies.variants import HIGH_RATE, OPTIMIZER, VARIANT
from relubench.report import style
from relubench.report.figure import Figure, runs_note
from relubench.report.plots import forest, points

#: A difference of accuracies at the best rates beyond this would hide all others in their figure.
FAR = 0.1


def _forest(rows: pl.DataFrame, name: str, label: str, favours: tuple[str, str], told: str) -> Figure:
    figure = forest(rows, label=VARIANT, x_label=label, groups=OPTIMIZER, favours=favours)
    caption = (
        f"{told} Each line is the difference of a remedy to none: means of differences paired by seed (same initial "
        "weights, but for RAI, and same batches) over the pairs in which neither run diverged, with 95 % BCa "
        "bootstrap intervals."
    )
    return Figure(name, figure, caption)


def _at_high(frames: Frames, metric: str, label: str, favours: tuple[str, str]) -> Figure:
    rates = " and ".join(f"{rate:g} ({style.name(name)})" for name, rate in HIGH_RATE.items())
    told = f"{label.capitalize()} at a high learning rate: {rates}."
    return _forest(frames.curve_of(metric), metric, f"difference in {label}", favours, told)


def _at_best(frames: Frames) -> Figure:
    rows = frames.curve_of("accuracy_at_best_rate")
    far = pl.col("mean").abs() > FAR
    left_out = [
        f"{row[VARIANT]} ({style.name(row[OPTIMIZER])}) {100 * row['mean']:.0f}"
        for row in rows.filter(far).iter_rows(named=True)
    ]
    told = "Test accuracy at each one's own best rate, chosen on half of the seeds and compared on the other half."
    if left_out:
        told += f" Too far from the others to be drawn, in points: {', '.join(left_out)}."
    kept = rows.filter(far.not_() | pl.col("mean").is_null())
    return _forest(kept, "accuracy_at_best_rate", "difference in test accuracy", ("worse", "better"), told)


def _usable(frames: Frames) -> Figure:
    rows = {"highest usable rate": frames.curve_of("highest_rate")}
    figure = points(rows, x=VARIANT, lines=OPTIMIZER, percent=False, log_y=True)
    caption = (
        f"The highest rate at which a run's test accuracy lies at most {100 * USABLE:g} points below the best of its "
        "seed over all rates; a diverged run counts as accuracy 0. Means over seeds with 95 % BCa bootstrap "
        f"intervals. {runs_note(rows)}"
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

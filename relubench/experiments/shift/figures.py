"""The figures about waking on other data."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import titles
from relubench.experiments.shift.metrics import WAKE, WHEN_CHANGED, woken
from relubench.findings.claims import Tables
from relubench.findings.spells import spells
from relubench.plots import points
from relubench.plots.figure import Figure, line_panels, runs_note

NAME = "optimizer.name"
CHANGES = titles("shift", "change")
ORDER = ("test set", *CHANGES.values())


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in the order in which optimisers, changes and layers are told."""
    place = pl.col("change").replace_strict({name: place for place, name in enumerate(ORDER)}, default=None)
    return frame.sort(NAME, place, "layer", descending=[True, False, False], maintain_order=True)


def _titled(runs: pl.DataFrame) -> pl.DataFrame:
    change = pl.col("factor.change")
    return runs.with_columns(change=change.replace_strict(CHANGES, default=change))


def _at_once(tables: Tables) -> pl.DataFrame:
    """Return the mean share of dead units that are active at once on the test set, and on the next task's inputs."""
    runs = _titled(tables.runs).select("run_id", NAME, "change")
    counts = runs.join(woken(tables), on="run_id", maintain_order="left")
    tested = counts.filter(pl.col("change") == "same data").with_columns(change=pl.lit("test set"), next_task="test")
    rows = pl.concat([tested, counts]).with_columns(value=pl.col("next_task") / pl.col("dead"))
    return mean_over_runs(_sorted(rows), (NAME, "change", "layer"), "woken")


def _later(tables: Tables) -> pl.DataFrame:
    """Return the mean share of the units dead at the change that a probe of the second task finds active."""
    runs = _titled(tables.runs).select("run_id", NAME, "change")
    shares = spells(tables).filter(WHEN_CHANGED).group_by("run_id", "layer").agg(value=WAKE)
    return mean_over_runs(
        _sorted(runs.join(shares, on="run_id", maintain_order="left")), (NAME, "change", "layer"), "revived"
    )


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_at_once, _later)

_CHANGES_NOTE = (
    "Changes halfway through training: one standard deviation added to all inputs, inputs doubled, pixels permuted, "
    "training labels dealt out anew. Rates fall over the first half to a tenth and stay: plain SGD from 0.7, Adam 0.03."
)


def _by_change(rows: dict[str, pl.DataFrame]) -> Figure:
    figure = points(rows, x="change", columns=NAME, lines="layer")
    for axis in figure.axes:
        axis.set_ylim(-0.05, 1.05)  # whole markers at 0 and 100 %
    caption = (
        "Of the units dead on the training set when the data change, above: the share that are active at once on the "
        "test set or on the changed training set, weights as they were; below: the share that a later probe, on the "
        f"changed training set, finds active as training goes on. By hidden layer (1 is at the input). {_CHANGES_NOTE} "
        "Means over the runs with a dead unit in the layer, with 95 % BCa bootstrap intervals over seeds (Clopper-"
        f"Pearson where all runs are alike, none below five runs). {runs_note(rows)}"
    )
    return Figure("shift", figure, caption)


def _over_time(frames: Frames) -> Figure:
    dead, accuracy = (frames.titled(frames.curve_of(metric)) for metric in ("dead_train", "test_accuracy"))
    rows = {"dead units": dead, "test accuracy": accuracy}
    caption = (
        "Dead units of the present training set, and accuracy on the present test set, during training. "
        f"{_CHANGES_NOTE} "
        f"Means over the runs that did not diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return Figure("over_time", line_panels(rows, x="step", columns=NAME, lines=frames.title("change")), caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell of waking."""
    told = {"active at once": "woken", "active later": "revived"}
    rows = {label: frames.curves.filter(pl.col("metric") == metric) for label, metric in told.items()}
    waking = [_by_change(rows)] if all(frame.height for frame in rows.values()) else []
    return [*waking, _over_time(frames)]

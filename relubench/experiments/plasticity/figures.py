"""The figures of learning task by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.plasticity.metrics import ACTIVATION, OPTIMIZER, RATE, REMEDY, STREAM
from relubench.findings.words import extremes
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note, line_panels

PERIOD, RESETS = "data.stream.period", "remedy.period"
#: Probes that stand within this share of a period, as long after a reset as each other, are joined.
_ALIKE = 0.2
_LEARNER = (ACTIVATION, OPTIMIZER, RATE)


def _tasks(frames: Frames, metric: str, streams: Sequence[str]) -> pl.DataFrame:
    """Return the points of a curve on some streams, with the number of tasks behind each and its panel's name."""
    rows = frames.curve_of(metric).filter(pl.col(STREAM).is_in(streams), pl.col("mean").is_not_null())
    varying = [key for key in (STREAM, *_LEARNER) if rows[key].n_unique() > 1]
    names = [", ".join(_name(key, row[key]) for key in varying) for row in rows.iter_rows(named=True)]
    between = pl.col("train.steps") / (pl.col("probe.count") - 1)  # steps of a task where none begins: a probe each
    task = (pl.col("step") / pl.col(PERIOD).fill_null(between)).alias("tasks")
    return rows.with_columns(task, pl.Series("problem", names, pl.String))


def _name(key: str, value: object) -> str:
    return "fixed labels" if (key, value) == (STREAM, "none") else style.title(value, key)


def _in_common(rows: pl.DataFrame) -> str:
    """Tell in a sentence what of the learner is no part of the panels' names."""
    words = [_name(key, rows[key][0]) for key in _LEARNER if rows[key].n_unique() == 1]
    return f"All learn with {', '.join(words)}. " if words else ""


def _figure(
    frames: Frames, name: str, rows: dict[str, tuple[str, bool]], streams: Sequence[str], words: str
) -> Figure | None:
    """Draw metrics (label -> metric, whether it is a share) over the tasks of some streams; None without any."""
    points = {label: _tasks(frames, metric, streams) for label, (metric, _) in rows.items()}
    if any(frame.is_empty() for frame in points.values()):
        return None
    shares = [label for label, (_, share) in rows.items() if share]
    first = next(iter(points.values()))
    reset = first.filter(pl.col("step") > 0, pl.col(REMEDY) == "redo")
    since = (reset["step"] % reset[RESETS]).to_numpy() / reset[RESETS].to_numpy()
    beats = np.ptp(since) > _ALIKE if len(since) else False
    loose = ["redo"] if beats else []
    figure = line_panels(points, x="tasks", columns="problem", lines=REMEDY, percent=shares, loose=loose)
    periods = " or ".join(map(str, reset[RESETS].unique(maintain_order=True)))
    resets = f"ReDo resets dormant units every {periods} steps" if periods else "None resets units"
    if beats:
        resets += "; its points stand at other times since, and are not joined"
    caption = (
        f"{words} {_in_common(first)}Probes stand at ends of tasks, before the next one begins; what is measured "
        f"before updates is the mean since the probe before. {resets}. {interval_note(points)} {_at_end(points)}"
    )
    return Figure(name, figure, caption, claims=())


def _at_end(points: dict[str, pl.DataFrame]) -> str:
    """Say with which learner and remedy the first number is greatest and least at the end."""
    what, rows = next(iter(points.items()))
    ends = rows.filter(pl.col("tasks") == pl.col("tasks").max().over("problem"))

    def name(row: dict[str, Any]) -> str:
        return ", ".join(filter(None, [row["problem"], style.title(row[REMEDY], REMEDY)]))

    return extremes(ends, f"{what} at the end", name)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is of each kind of stream."""
    online = "accuracy before updates"
    drawn = [
        _figure(
            frames, "permuted", {"dead units": ("dead_train", True), online: ("online_accuracy", True)}, ["permuted"],
            "Images whose pixels each task permutes anew (as Dohare et al. 2024): units dead on the task's training "
            "set, and accuracy on each batch before it is learnt from.",
        ),
        _figure(
            frames, "labels", {"dormant units": ("dormant_train", True), online: ("online_accuracy", True)},
            ["none", "reshuffled"],
            "Fixed labels, and labels that each task deals out anew (as Sokar et al. 2023): units whose mean "
            f"activation is at most {frames.setting['probe.tau']:g} of their layer's mean, and accuracy on each batch "
            "before it is learnt from.",
        ),
        _figure(
            frames, "slow_bits", {"dead units": ("dead_train", True), "squared error": ("online_loss", False)},
            ["slow_bits"],
            "The slowly-changing regression of Dohare et al. 2024, of whose bits one flips with each task: dead units, "
            "and squared error on each example before it is learnt from.",
        ),
    ]  # fmt: skip
    return [figure for figure in drawn if figure is not None]

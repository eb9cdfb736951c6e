"""Do units die, and does learning get worse, as one task follows another?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from relubench.claims import Tables, mean_effect
from relubench.experiments.base import Experiment, Frames
from relubench.report import style
from relubench.report.figure import Figure, line_panels, runs_note

STREAM, PERIOD, OPTIMIZER = "data.stream.name", "data.stream.period", "optimizer.name"
RATE, ACTIVATION, REMEDY = "optimizer.learning_rate", "model.activation.name", "remedy.name"
#: What tells two settings of a stream apart.
POINT = ("data.name", STREAM, OPTIMIZER, RATE, ACTIVATION, REMEDY)
#: Numbers whose change over a run is told, and the bounds of the change.
CHANGING = {
    "dead_train": (-1.0, 1.0),
    "dormant_train": (-1.0, 1.0),
    "online_accuracy": (-1.0, 1.0),
    "online_loss": None,
}
#: The share of a run that is its beginning, or its end.
TENTH = 10


def change(name: str) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric: a number's mean over the last tenth of a run's tasks less that over the first tenth.

    `name` is a count of units of layers.parquet, told as a share of all units, or a measure of the whole network.
    A probe stands for the task that ends there; the one at step 0 is left out.
    """

    def values(tables: Tables) -> pl.DataFrame:
        finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
        tasks = _over_steps(tables, name).filter(pl.col("step") > 0).join(finite, on="run_id").sort("run_id", "step")
        many = pl.max_horizontal(pl.len() // TENTH, 1)
        value = pl.col("value").tail(many).mean() - pl.col("value").head(many).mean()
        return tasks.group_by("run_id", maintain_order=True).agg(value=value)

    return values


def _over_steps(tables: Tables, name: str) -> pl.DataFrame:
    """Return run_id, step, value."""
    if name in tables.layers.columns:
        share = pl.col(name).sum() / pl.col("units").sum()
        return tables.layers.group_by("run_id", "step").agg(value=share)
    assert tables.measures is not None, f"probe.measures names {name}"
    return tables.measures.filter(pl.col("measure") == name).select("run_id", "step", "value")


def _changes(tables: Tables) -> pl.DataFrame:
    """Return a row for each setting and each of `CHANGING`: metric NAME_change, its mean and interval over seeds."""
    rows = []
    for name, bounds in CHANGING.items():
        found = tables.runs.join(change(name)(tables), on="run_id").filter(pl.col("value").is_finite()).sort("run_id")
        for point, runs in found.group_by(POINT, maintain_order=True):
            effect = mean_effect(runs["value"].to_numpy(), bounds)
            told = {"mean": effect.value, "ci_low": effect.low, "ci_high": effect.high, "n": effect.n}
            rows.append(dict(zip(POINT, point, strict=True)) | {"metric": f"{name}_change"} | told)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("ci_low", "ci_high").fill_nan(None))


def _tasks(frames: Frames, metric: str, streams: Sequence[str]) -> pl.DataFrame:
    """Return the points of a curve on some streams, with the number of tasks behind each and its panel's name."""
    rows = frames.curve_of(metric).filter(pl.col(STREAM).is_in(streams), pl.col("mean").is_not_null())
    names = [", ".join(_panel(row)) for row in rows.iter_rows(named=True)]
    task = (pl.col("step") / pl.col(PERIOD)).alias("tasks")
    return rows.with_columns(task, pl.Series("problem", names, pl.String))


def _panel(row: dict[str, object]) -> list[str]:
    first = "fixed labels" if row[STREAM] == "none" else style.name(row[STREAM])
    return [first, *(style.name(row[key]) for key in (ACTIVATION, OPTIMIZER)), style.name(row[RATE])]


def _figure(
    frames: Frames, name: str, rows: dict[str, tuple[str, bool]], streams: Sequence[str], told: str
) -> Figure | None:
    """Draw metrics (label -> metric, whether it is a share) over the tasks of some streams; None without any."""
    points = {label: _tasks(frames, metric, streams) for label, (metric, _) in rows.items()}
    if any(frame.is_empty() for frame in points.values()):
        return None
    shares = [label for label, (_, share) in rows.items() if share]
    figure = line_panels(points, x="tasks", columns="problem", lines=REMEDY, percent=shares)
    caption = (
        f"{told} A probe stands at each task's end, before the next one begins. Means over the runs that did not "
        f"diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(points)}"
    )
    return Figure(name, figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    online = "accuracy on new batches"
    drawn = [
        _figure(
            frames, "permuted", {"dead units": ("dead_train", True), online: ("online_accuracy", True)}, ["permuted"],
            "Images whose pixels each task permutes anew (as Dohare et al. 2024): units dead on the task's training "
            "set, and accuracy on the batches before they are learnt from, averaged over the task.",
        ),
        _figure(
            frames, "labels", {"dormant units": ("dormant_train", True), online: ("online_accuracy", True)},
            ["none", "reshuffled"],
            "Fixed labels, and labels that each task deals out anew (as Sokar et al. 2023): units whose mean "
            f"activation is at most {frames.setting['probe.tau']:g} of their layer's mean, and accuracy on the batches "
            "before they are learnt from.",
        ),
        _figure(
            frames, "slow_bits", {"dead units": ("dead_train", True), "squared error": ("online_loss", False)},
            ["slow_bits"],
            "The slowly-changing regression of Dohare et al. 2024, of whose bits one flips with each task: dead units, "
            "and squared error on each example before it is learnt from, averaged over the task.",
        ),
    ]  # fmt: skip
    return [figure for figure in drawn if figure is not None]


EXPERIMENT = Experiment(
    question="Do units die, and does learning get worse, as one task follows another?",
    figures=_figures,
    curves=("dead_train", "dormant_train", "online_accuracy", "online_loss"),
    derived=(_changes,),
    minutes=4.0,
)

"""Do units that died on one distribution wake on another: at test, and when training goes on?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.experiments.derived import mean_over_runs
from relubench.findings.claims import Claim, Condition, Tables, mean_of, paired, total_of
from relubench.findings.claims.metrics import Metric
from relubench.findings.spells import HALFWAY, REVIVALS, dead_at, of_spells, spells
from relubench.plots import points
from relubench.plots.figure import Figure, line_panels, runs_note

NAME, STREAM = "optimizer.name", "data.stream.name"
OFFSET, SCALE = "data.stream.offset", "data.stream.scale"
TOLD = {"sgd": "SGD", "adam": "Adam"}
#: The changes of conf/experiment/shift.yaml.
CHANGES: dict[str, dict[str, Any]] = {
    "inputs + 1": {STREAM: "shift", OFFSET: 1.0},
    "inputs × 2": {STREAM: "shift", SCALE: 2.0},
    "permuted inputs": {STREAM: "permuted"},
    "new labels": {STREAM: "reshuffled"},
}
SAME = {STREAM: "none"}
ORDER = ("test set", "same data", *CHANGES)
#: Of the spells of the units that are dead when the data change: those that end, as a share.
_WAKE = pl.col("until").is_not_null().mean()
_WHEN_CHANGED = dead_at(HALFWAY)


def _change(row: Mapping[str, Any]) -> str:
    """Return what the second task changes, in words."""
    if row[STREAM] == "shift":
        return f"inputs + {row[OFFSET]:g}" if row[OFFSET] else f"inputs × {row[SCALE]:g}"
    return {"none": "same data", "permuted": "permuted inputs", "reshuffled": "new labels"}[row[STREAM]]


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in the order in which optimisers, changes and layers are told."""
    place = pl.col("change").replace_strict({name: place for place, name in enumerate(ORDER)})
    return frame.sort(NAME, place, "layer", descending=[True, False, False], maintain_order=True)


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.Series("change", [_change(row) for row in frame.iter_rows(named=True)], pl.String))


def _woken(tables: Tables) -> pl.DataFrame:
    """Return what the first task's last probe finds: run_id, layer, dead, woken_by_test, woken_by_next_task (units)."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    finite = tables.runs.filter(~pl.col("diverged")).select("run_id", "steps")
    first_task = tables.measures.join(finite, on="run_id").filter(pl.col("step") <= pl.col("steps") // 2)
    last = first_task.filter(pl.col("step") == pl.col("step").max().over("run_id"))
    counts = [
        pl.col("value").filter(pl.col("measure") == measure).sum().alias(name)
        for name, measure in (("dead", "unit_dead"), ("test", "woken_by_test"), ("next_task", "woken_by_next_task"))
    ]
    return last.group_by("run_id", "layer", maintain_order=True).agg(counts)


def _woken_by(name: str) -> Metric:
    """Return the metric: the share of the units dead at the end of the first task that the other set makes active."""

    def values(tables: Tables) -> pl.DataFrame:
        counts = _woken(tables).group_by("run_id").agg(pl.col("dead", name).sum())
        return counts.select("run_id", value=pl.col(name) / pl.col("dead"))

    return values


def _at_once(tables: Tables) -> pl.DataFrame:
    """Return the mean share of dead units that are active at once on the test set, and on the next task's inputs."""
    runs = _named(tables.runs).select("run_id", NAME, "change")
    counts = runs.join(_woken(tables), on="run_id", maintain_order="left")
    tested = counts.filter(pl.col("change") == "same data").with_columns(change=pl.lit("test set"), next_task="test")
    rows = pl.concat([tested, counts]).with_columns(value=pl.col("next_task") / pl.col("dead"))
    return mean_over_runs(_sorted(rows), (NAME, "change", "layer"), "woken")


def _later(tables: Tables) -> pl.DataFrame:
    """Return the mean share of the units dead at the change that a probe of the second task finds active."""
    runs = _named(tables.runs).select("run_id", NAME, "change")
    shares = spells(tables).filter(_WHEN_CHANGED).group_by("run_id", "layer").agg(value=_WAKE)
    return mean_over_runs(
        _sorted(runs.join(shares, on="run_id", maintain_order="left")), (NAME, "change", "layer"), "revived"
    )


def _claim_36(statement: str, layer: int | None, note: str) -> Claim:
    """Return a claim that a change of the data wakes more dead units than going on with the same data."""
    metric = of_spells(_WAKE, layer=layer, among=_WHEN_CHANGED)
    return Claim(
        id=36,
        statement=statement,
        source="comment",
        statistic="share of the units dead at the change that a later probe finds active, less that without a change",
        smallest=0.05,
        conditions=tuple(
            Condition(f"{change}, {told}", paired(metric, {NAME: name, **SAME}, {NAME: name, **where}, bounds=(0, 1)))
            for change, where in CHANGES.items()
            for name, told in TOLD.items()
        ),
        note=note,
    )


CLAIMS = (
    Claim(
        id=35,
        statement="A unit dead in training may be alive at test",
        source="comment",
        statistic="share of the units dead on the training set that are active on the other inputs",
        smallest=0.05,
        conditions=(
            *(
                Condition(f"same distribution, {told}", mean_of(_woken_by("test"), {NAME: name, **SAME}, bounds=(0, 1)))
                for name, told in TOLD.items()
            ),
            *(
                Condition(f"{change}, {told}", mean_of(_woken_by("next_task"), {NAME: name, **where}, bounds=(0, 1)))
                for change, where in CHANGES.items()
                if change != "new labels"
                for name, told in TOLD.items()
            ),
        ),
        note="Same distribution: the test set. Else: the changed training inputs; weights as the first task left them.",
    ),
    _claim_36(
        "New data or fine-tuning revives dead units",
        None,
        "Fine-tuning: training goes on at a tenth of the first rate. Pairs share the seed and the whole first task, so "
        "the same units are dead.",
    ),
    _claim_36(
        "New data or fine-tuning revives dead units of layer 1",
        1,
        "The first layer's inputs are the data: they wake its units only by moving.",
    ),
    Claim(
        id=36,
        statement="New labels alone never revive layer 1",
        source="comment",
        statistic="revivals in layer 1 of units dead at the change, counted",
        kind="exact test",
        direction="below",
        threshold=1,
        smallest=1,
        conditions=tuple(
            Condition(
                told,
                total_of(
                    of_spells(REVIVALS, layer=1, among=_WHEN_CHANGED, without=0),
                    {NAME: name, **CHANGES["new labels"]},
                ),
            )
            for name, told in TOLD.items()
        ),
        note="A law under plain SGD: with the same inputs the gradient stays 0, whatever the labels.",
    ),
)

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
    dead, accuracy = (_named(frames.curve_of(metric)) for metric in ("dead_train", "test_accuracy"))
    rows = {"dead units": dead, "test accuracy": accuracy}
    caption = (
        "Dead units of the present training set, and accuracy on the present test set, during training. "
        f"{_CHANGES_NOTE} "
        f"Means over the runs that did not diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return Figure("over_time", line_panels(rows, x="step", columns=NAME, lines="change"), caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell of waking."""
    told = {"active at once": "woken", "active later": "revived"}
    rows = {label: frames.curves.filter(pl.col("metric") == metric) for label, metric in told.items()}
    waking = [_by_change(rows)] if all(frame.height for frame in rows.values()) else []
    return [*waking, _over_time(frames)]


EXPERIMENT = Experiment(
    question="Do units that died on one distribution wake on another, at test or in further training?",
    figures=_figures,
    curves=("dead_train", "test_accuracy"),
    derived=(_at_once, _later),
    claims=CLAIMS,
    minutes=6.5,
)

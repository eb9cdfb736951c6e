"""Do units die because of the scale or the offset of the inputs, and does normalising them prevent it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.experiments.by_optimizer import OPTIMIZER, RATE, Where, at, labelled
from relubench.findings.claims import Claim, Condition, Tables, mean_of
from relubench.findings.claims.metrics import Metric
from relubench.plots import points, style
from relubench.plots.figure import Figure, runs_note

NORMALIZE, SCALE, OFFSET, INPUTS = "data.normalize", "data.scale", "data.offset", "inputs"
#: What is done to the pixels by `data.normalize`, in words.
NORMALIZED = {"none": "pixels as they are", "scalar": "all normalised alike", "feature": "each normalised"}
#: Rates at which networks learn well, and rates at which plain ReLU networks lose many units.
PROPER_RATES = (("sgd", 0.03), ("adam", 0.003))
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03))
STANDARD: Where = {SCALE: 1.0, OFFSET: 0.0}


def _with_names(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with columns that name how inputs are normalised, and what is done to them then."""

    def name(row: Mapping[str, Any]) -> str:
        scaled = "" if row[SCALE] == 1 else f"× {style.name(row[SCALE])}"
        moved = f"+ {style.name(row[OFFSET])}" if row[OFFSET] else ""
        return " ".join(filter(None, (scaled, moved))) or "× 1"

    ordered = rows.sort(OFFSET, SCALE, maintain_order=True)
    names = pl.Series(INPUTS, [name(row) for row in ordered.iter_rows(named=True)], pl.String)
    return ordered.with_columns(names, pl.col(NORMALIZE).replace(NORMALIZED))


def _figure(frames: Frames, optimizer: str) -> Figure:
    """Draw the inputs side by side: a panel column a normalisation, a point a learning rate."""
    shown = {
        "born_dead_fraction": "born dead",
        "dead_train_fraction": "dead units",
        "test_accuracy": "test accuracy",
        "diverged": "diverged runs",
        "collapsed": "collapsed runs",
    }
    every = {label: frames.summary_of(metric) for metric, label in shown.items()}
    rows = {label: _with_names(frame.filter(pl.col(OPTIMIZER) == optimizer)) for label, frame in every.items()}
    caption = (
        f"{style.name(optimizer)}: units dead before and after training, accuracy, diverged and collapsed runs. Inputs "
        "are taken as they are (pixels from 0 to 1), or brought to mean 0 and standard deviation 1, all alike or each; "
        "then multiplied by a scale, then moved by an offset. Means over the runs that did not diverge, with 95 % BCa "
        "bootstrap intervals over seeds; diverged and collapsed: shares of runs with 95 % Clopper-Pearson intervals, "
        f"collapsed of those that did not diverge. {runs_note(rows)}"
    )
    return Figure(f"inputs_{optimizer}", points(rows, x=INPUTS, columns=NORMALIZE, lines=RATE), caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    optimizers = frames.summary_of("dead_train_fraction")[OPTIMIZER].unique(maintain_order=True)
    return [_figure(frames, optimizer) for optimizer in optimizers]


def still_dead(layers: Sequence[int]) -> Metric:
    """Return the metric: of the units of these layers that are born dead, the share dead without a break to the end."""

    def values(tables: Tables) -> pl.DataFrame:
        finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
        born = tables.layers.filter(pl.col("step") == 0).rename({"dead_train": "born"})
        assert tables.units is not None, "the experiment writes units.parquet"
        stuck = tables.units.filter(pl.col("dead_train"), pl.col("died_step") == 0)
        counted = stuck.group_by("run_id", "layer").agg(stuck=pl.len())
        both = born.join(finite, on="run_id").join(counted, on=["run_id", "layer"], how="left")
        ours = both.filter(pl.col("layer").is_in(list(layers)))
        return ours.group_by("run_id").agg(value=pl.col("stuck").fill_null(0).sum() / pl.col("born").sum())

    return values


def _still_die() -> Claim:
    died = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")
    return Claim(
        id=28,
        statement="Units die with normalised inputs too",
        source="comment",
        statistic="share of ReLU units dead at the end less those born dead",
        threshold=0.05,
        conditions=tuple(
            Condition(
                labelled(optimizer, f"rate {rate:g}", NORMALIZED[normalize]),
                mean_of(died, {**at(optimizer, rate), **STANDARD, NORMALIZE: normalize}),
            )
            for optimizer, rate in (*PROPER_RATES, *HIGH_RATES)
            for normalize in ("scalar", "feature")
        ),
        note="Normalised on the training set to mean 0 and standard deviation 1: all inputs alike, or each input.",
    )


def _stuck() -> Claim:
    offset: Where = {NORMALIZE: "scalar", SCALE: 1.0, OFFSET: 3.0}
    return Claim(
        id=25,
        statement="A unit whose weights start on the wrong side of the inputs stays stuck",
        source="comment",
        statistic="share of the units born dead that are dead without a break to the end, inputs offset by 3",
        threshold=0.9,
        conditions=tuple(
            Condition(
                labelled(optimizer, f"rate {rate:g}", words),
                mean_of(still_dead(layers), {**at(optimizer, rate), **offset}, bounds=(0.0, 1.0)),
            )
            for optimizer, rate in PROPER_RATES
            for words, layers in (("layer 1", [1]), ("layers 2 and 3", [2, 3]))
        ),
        note="Normalised inputs plus 3 are all positive. Nothing moves a dead unit of the first layer, whose inputs "
        "stay what they are; the inputs of later layers move.",
    )


EXPERIMENT = Experiment(
    question="Do units die because of the scale or the offset of the inputs, and does normalising prevent it?",
    figures=_figures,
    claims=(_stuck(), _still_die()),
    minutes=7.5,
)

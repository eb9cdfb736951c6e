"""Do biases kill units: does a positive start, a decay, or having none prevent it, and at what price?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.experiments.by_optimizer import AT_BEST, OPTIMIZER, RATE, Where, at_best_rates, at_rates
from relubench.findings.claims import Claim, of_probes, paired_ratio
from relubench.plots import points, style
from relubench.plots.figure import Figure, runs_note

BIASES = "initial bias"
START, DECAY, MOVE = "model.init.bias", "optimizer.bias_decay", "optimizer.bias_rate"
#: Rates at which networks learn well, and rates at which plain ReLU networks lose many units.
PROPER_RATES = (("sgd", 0.03), ("adam", 0.003))
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03), ("adam", 0.1))
SMALL, DECAYS = (0.01, 0.1), (0.001, 0.01, 0.1)
#: Early is up to this step: two of the digits' epochs of 22 batches.
EARLY = 50


def start(bias: float) -> Where:
    """Return the keys of biases that start at `bias` and learn like weights."""
    return {START: bias, DECAY: 0.0, MOVE: 1.0}


def decaying(rate: float) -> Where:
    """Return the keys of biases that start at 0 and decay."""
    return {START: 0.0, DECAY: rate, MOVE: 1.0}


NO_BIASES: Where = {START: 0.0, DECAY: 0.0, MOVE: 0.0}


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a column that names their biases, in the order of the figures."""

    def name(row: Mapping[str, Any]) -> str:
        if row[START] == 0 and row[MOVE] == 0:
            return "none"
        decay = f"decay {style.name(row[DECAY])}" if row[DECAY] else ""
        first = "" if row[START] == 0 and decay else style.name(row[START], START)
        return ", ".join(filter(None, (first, decay, "fixed" if row[MOVE] == 0 else "")))

    ordered = rows.sort(MOVE, DECAY, START, descending=[True, False, False], maintain_order=True)
    return ordered.with_columns(pl.Series(BIASES, [name(row) for row in ordered.iter_rows(named=True)], pl.String))


def _figure(name: str, rows: Mapping[str, pl.DataFrame], shown: str) -> Figure:
    """Draw the biases side by side: a panel column an optimiser, a point a learning rate."""
    named = {label: _named(frame) for label, frame in rows.items()}
    figure = points(named, x=BIASES, columns=OPTIMIZER, lines=RATE)
    caption = (
        f"{shown} Initial bias: that of all hidden units, whose biases then learn like weights; decay: it starts at 0, "
        "and the decay, times the bias, is added to the gradient; none: 0 and never moved, in the output layer "
        "neither. Means over the runs that did not diverge, with 95 % BCa bootstrap intervals over seeds; shares of "
        f"runs with 95 % Clopper-Pearson intervals. {runs_note(rows)}"
    )
    return Figure(name, figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    deaths = {"dead_train_fraction": "dead units", "diverged": "diverged runs", "collapsed": "collapsed runs"}
    learning = frames.curve_of("train_accuracy")
    early = learning.filter(pl.col("step") == learning.filter(pl.col("step") <= EARLY)["step"].max())
    return [
        _figure(
            "bias",
            {label: frames.summary_of(metric) for metric, label in deaths.items()},
            "Dead ReLU units of the training set, diverged runs, and collapsed ones among those that did not diverge.",
        ),
        _figure(
            "learning",
            {
                f"training accuracy,\nstep {early['step'][0]}": early,
                "training accuracy,\nlast step": frames.summary_of("train_accuracy"),
                "test accuracy": frames.summary_of("test_accuracy"),
            },
            "Accuracy early in training, at the end, and on the test set.",
        ),
    ]


def _prevents(id_: int, statement: str, given: Mapping[str, Where]) -> Claim:
    """Return the claim that such biases have at most half as many units dead as biases that start at 0."""
    return Claim(
        id=id_,
        statement=statement,
        source="comment",
        statistic="dead ReLU units (plus 1) over those with biases that start at 0, at a high rate",
        direction="below",
        threshold=0.5,
        conditions=tuple(
            condition
            for label, biases in given.items()
            for condition in at_rates(
                pl.col("dead_train") + 1, HIGH_RATES, start(0.0), biases, label=label, compare=paired_ratio
            )
        ),
        note="Prevents: at most half as many units are dead. Plus 1, so that there is a ratio where no unit is dead.",
    )


def _underfits() -> Claim:
    return Claim(
        id=15,
        statement="But networks without biases underfit",
        source="comment",
        statistic="log10 of the training loss without biases less that with them, each at its best rate",
        smallest=0.1,
        conditions=at_best_rates(
            pl.col("train_loss").log10(),
            ("sgd", "adam"),
            start(0.0),
            NO_BIASES,
            choose="train_loss",
            higher_is_better=False,
        ),
        note=f"{AT_BEST} The training accuracy is near 1 with biases and without.",
    )


def _speeds_up() -> Claim:
    early = of_probes(pl.col("train_accuracy").first(), step=EARLY)
    return Claim(
        id=17,
        statement="And a small positive initial bias speeds up early learning",
        source="comment",
        statistic="training accuracy early, less that with biases that start at 0, at a proper rate",
        smallest=0.01,
        conditions=tuple(
            condition
            for bias in SMALL
            for condition in at_rates(early, PROPER_RATES, start(0.0), start(bias), label=f"start {bias:g}")
        ),
        note=f"Early: at the last probe of the first {EARLY} steps, which are two epochs of digits.",
    )


EXPERIMENT = Experiment(
    question="Do biases kill units: does a positive start, a decay, or having none prevent it?",
    figures=_figures,
    curves=("dead_train", "train_accuracy"),
    claims=(
        _prevents(6, "Regularising the bias prevents dying", {f"decay {rate:g}": decaying(rate) for rate in DECAYS}),
        _prevents(14, "Having no biases prevents dying", {"": NO_BIASES}),
        _underfits(),
        _prevents(16, "A small positive initial bias prevents dying", {f"start {b:g}": start(b) for b in SMALL}),
        _speeds_up(),
    ),
    minutes=8.0,
)

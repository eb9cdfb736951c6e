"""How many units are dead at which learning rate, for which activation and optimiser?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.experiments.base import Experiment, Frames
from relubench.experiments.by_optimizer import AT_BEST, OPTIMIZER, RATE, at, labelled
from relubench.findings.claims import Claim, Condition, Tables, mean_at_best, paired
from relubench.plots import heat_map, style
from relubench.plots.figure import Figure, line_panels, runs_note

ACTIVATION, WIDTHS, PANEL = "model.activation.name", "model.widths", "panel"
RELU = {ACTIVATION: "relu"}
PANELS = {
    "dead_train_fraction": "dead units",
    "test_accuracy": "test accuracy",
    "diverged": "diverged runs",
    "collapsed": "collapsed runs",
}
LOW_RATE = 1e-3
#: The first rate of the grid at which an optimiser is expected to do harm.
HIGH_RATES = {"sgd": 1.0, "momentum": 10**-0.5, "adam": 0.1}
#: Accuracy that a network may lose against the best one and still count as working.
STILL_WORKS = 0.05


def _with_panels(rows: pl.DataFrame, drawn: Sequence[str]) -> pl.DataFrame:
    """Return the rows with the name of their panel: the optimiser, and what else a grid varies that is not `drawn`."""
    varied = [key for key in SETTING_KEYS if key not in (OPTIMIZER, *drawn) and rows[key].n_unique() > 1]
    names = [
        labelled(row[OPTIMIZER], *(style.title(row[key], key) for key in varied)) for row in rows.iter_rows(named=True)
    ]
    return rows.with_columns(pl.Series(PANEL, names, pl.String))


def _of_one(rows: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return the rows of ReLU, or where a grid has none, of its first activation; and its name."""
    shown = "relu" if "relu" in rows[ACTIVATION] else rows[ACTIVATION][0]
    return rows.filter(pl.col(ACTIVATION) == shown), style.name(shown)


def _over_rate(frames: Frames) -> Figure:
    rows = {label: _with_panels(frames.summary_of(metric), (RATE, ACTIVATION)) for metric, label in PANELS.items()}
    figure = line_panels(rows, x=RATE, columns=PANEL, lines=ACTIVATION, log_x=True)
    caption = (
        "Dead units, test accuracy, diverged and collapsed runs over the learning rate. A unit is dead when its "
        "activation has slope 0 on every training input. Dead units and accuracy: means over the runs that did not "
        "diverge (collapsed ones included), with 95 % BCa bootstrap intervals over seeds; diverged and collapsed: "
        "shares of runs with 95 % Clopper-Pearson intervals, collapsed of those that did not diverge. "
        f"{runs_note(rows)}"
    )
    return Figure("learning_rate", figure, caption)


def _over_time(frames: Frames) -> Figure:
    shown, name = _of_one(frames.curve_of("dead_train"))
    rows = {f"dead {name} units": _with_panels(shown, (RATE, ACTIVATION))}
    figure = line_panels(rows, x="step", columns=PANEL, lines=RATE, symlog_x=True)
    caption = (
        f"Dead {name} units of the training set during training, one line per learning rate. Means over "
        f"the runs that did not diverge until the end, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return Figure("over_time", figure, caption)


def _by_depth(frames: Frames) -> Figure:
    """Draw the dead units over rate and depth: of the networks where a grid varies their layers, else of the layers."""
    shown, name = _of_one(frames.layers_of("dead_train").filter(pl.col("step") == pl.col("step").max().over(WIDTHS)))
    networks = shown[WIDTHS].n_unique() > 1
    rows = _with_panels(shown.filter(pl.col("layer").is_null() == networks), (RATE, ACTIVATION, WIDTHS))
    figure = heat_map(rows, x=RATE, y=WIDTHS if networks else "layer", label=f"dead {name} units", panels=PANEL)
    caption = (
        f"Per cent of the {name} units that are dead on the training set at the end, by learning rate and "
        f"{'layers of the network' if networks else 'layer, the first at the bottom'}. Means over the runs that did "
        f"not diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note({'': rows})}"
    )
    return Figure("by_depth", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    return [_over_rate(frames), _over_time(frames), _by_depth(frames)]


def _dead_in_working(tables: Tables) -> pl.DataFrame:
    """Return the dead share of the runs whose accuracy is near the best that their seed reaches at any rate."""
    finite = tables.runs.filter(~pl.col("diverged"))
    best = pl.col("test_accuracy").max().over("seed", OPTIMIZER, ACTIVATION)
    works = pl.col("test_accuracy") >= best - STILL_WORKS
    return finite.select("run_id", value=pl.when(works).then(pl.col("dead_train_fraction")))


def _most_dead(optimizer: str) -> list[Condition]:
    """Measure the dead share at the rate where it is largest, of all networks and of those that still work."""
    where = {OPTIMIZER: optimizer, **RELU}
    all_, working = "dead_train_fraction", _dead_in_working
    return [
        Condition(labelled(optimizer, "any accuracy"), mean_at_best(all_, where, choose=all_)),
        Condition(
            labelled(optimizer, "accuracy kept"), mean_at_best(working, where, choose=working, bounds=(0.0, 1.0))
        ),
    ]


def _claims() -> tuple[Claim, ...]:
    deaths = pl.col("deaths") / pl.col("units")
    return (
        Claim(
            id=2,
            statement="As much as 40 % of a network can be dead at too high a learning rate",
            source="question",
            statistic="share of ReLU units dead at the rate where it is largest",
            threshold=0.4,
            conditions=tuple(condition for optimizer in HIGH_RATES for condition in _most_dead(optimizer)),
            note="Accuracy kept: only the networks whose test accuracy is within 5 points of the best that the same "
            f"seed reaches at any rate. {AT_BEST}",
        ),
        Claim(
            id=3,
            statement="At a proper learning rate dead units are rare",
            source="question",
            statistic="share of ReLU units dead at the rate with the best test accuracy",
            direction="below",
            threshold=0.05,
            conditions=tuple(
                Condition(labelled(optimizer), mean_at_best("dead_train_fraction", {OPTIMIZER: optimizer, **RELU}))
                for optimizer in HIGH_RATES
            ),
            note=f"{AT_BEST} Units born dead count too.",
        ),
        Claim(
            id=23,
            statement="A unit that is alive at first dies, more often at a higher rate",
            source="comment",
            statistic="deaths per ReLU unit at a high rate less those at a low one",
            smallest=0.05,
            conditions=tuple(
                Condition(
                    labelled(optimizer, f"rate {rate:.3g} against {LOW_RATE:g}"),
                    paired(deaths, {**at(optimizer, LOW_RATE), **RELU}, {**at(optimizer, rate), **RELU}),
                )
                for optimizer, rate in HIGH_RATES.items()
            ),
            note="Units that die again after a revival are counted again.",
        ),
    )


EXPERIMENT = Experiment(
    question="How many units are dead at which learning rate, activation and optimiser?",
    figures=_figures,
    curves=("dead_train",),
    claims=_claims(),
    minutes=4.0,
)

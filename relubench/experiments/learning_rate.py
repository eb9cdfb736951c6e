"""How many units are dead at which learning rate, for which activation and optimiser?"""

from __future__ import annotations

from collections.abc import Sequence

from relubench.experiments.base import Experiment, Frames
from relubench.report import style
from relubench.report.figure import Figure, line_panels, runs_note

RATE, OPTIMIZER, ACTIVATION = "optimizer.learning_rate", "optimizer.name", "model.activation.name"
PANELS = {
    "dead_train_fraction": "dead units",
    "test_accuracy": "test accuracy",
    "diverged": "diverged runs",
    "collapsed": "collapsed runs",
}


def _over_rate(frames: Frames) -> Figure:
    rows = {label: frames.summary_of(metric) for metric, label in PANELS.items()}
    figure = line_panels(rows, x=RATE, columns=OPTIMIZER, lines=ACTIVATION, log_x=True)
    caption = (
        "Dead units, test accuracy, diverged and collapsed runs over the learning rate. A unit is dead when its "
        "activation has slope 0 on every training input. Dead units and accuracy: means over the runs that did not "
        "diverge (collapsed ones included), with 95 % BCa bootstrap intervals over seeds; diverged and collapsed: "
        "shares of runs with 95 % Clopper-Pearson intervals, collapsed of those that did not diverge. "
        f"{runs_note(rows)}"
    )
    return Figure("learning_rate", figure, caption)


def _over_time(frames: Frames) -> Figure:
    relu = frames.curve_of("dead_train")
    shown = "relu" if "relu" in relu[ACTIVATION] else relu[ACTIVATION][0]
    relu = relu.filter(relu[ACTIVATION] == shown)
    rows = {f"dead {style.name(shown)} units": relu}
    figure = line_panels(rows, x="step", columns=OPTIMIZER, lines=RATE, symlog_x=True)
    caption = (
        f"Dead {style.name(shown)} units of the training set during training, one line per learning rate. Means over "
        f"the runs that did not diverge until the end, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return Figure("over_time", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    return [_over_rate(frames), _over_time(frames)]


EXPERIMENT = Experiment(
    question="How many units are dead at which learning rate, activation and optimiser?",
    figures=_figures,
    curves=("dead_train",),
)

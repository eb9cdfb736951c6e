"""Two inputs, so that each unit's decision line can be drawn: how lines leave the data when units die."""

from __future__ import annotations

from collections.abc import Sequence

from relubench.experiments.base import Frames
from relubench.experiments.boundaries.metrics import BIAS, level_shown, of_level, scene
from relubench.findings.words import extremes
from relubench.plots.deadly_step import deadliest, deadly_step
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.planes import animation, planes


def _picture(frames: Frames) -> Figure:
    level = level_shown(frames.curves)
    lines, inputs = scene(frames.curves, level)
    dead = of_level(frames.summary_of("dead_train_fraction"), level)
    caption = (
        "Training inputs (two classes) and each hidden unit's decision line w·x + b = 0 in the first run that did not "
        "diverge, from the first step to the last, at logarithmically spaced steps; arrows point to the side on which "
        "a unit is active. A unit is dead when no training input lies on that side. The GIF shows all probes. "
        f"{interval_note({'': dead})} {extremes(dead, 'dead units at the end', lambda row: 'all runs')}"
    )
    return Figure(
        "boundaries",
        planes(lines, **inputs),
        caption,
        animation(lines, **inputs),
        claims=(41,),
    )


def _without_biases(frames: Frames) -> list[Figure]:
    if BIAS not in frames.curves.columns or "none" not in frames.curves[BIAS].to_list():
        return []
    lines, inputs = scene(frames.curves, "none")
    if (lines["b"] != 0).any():
        return []  # those of birth have been given another value, and stay
    caption = (
        "As in the figure boundaries, without biases: training inputs and each hidden unit's decision line w·x = 0 in "
        "the first run that did not diverge. All lines pass through the origin, which lies among "
        "the inputs, and turn about it: no line can leave the data, and no unit can die."
    )
    return [Figure("without_biases", planes(lines, **inputs), caption, claims=(43,))]


def _deadly(frames: Frames) -> list[Figure]:
    lines, inputs = scene(frames.curves, level_shown(frames.curves))
    pair = deadliest(lines, inputs["data_x"])
    if pair is None:
        return []
    before, after = (row["step"] for row in (pair.before, pair.after))
    caption = (
        f"Unit {pair.unit} of the first run before step {before:,} and at step {after:,}, when it is dead. "
        "Left: its line among the training inputs, with an arrow to the side on which it is active. Right: its "
        "pre-activation z on each of them. Where z <= 0 its output and its gradient are 0; after the step that is "
        "everywhere, so that no further step moves it."
    )
    return [Figure("deadly_step", deadly_step(pair, **inputs), caption, claims=())]


def _over_time(frames: Frames) -> Figure:
    rows = frames.curve_panels("dead_train", "test_accuracy")
    caption = f"Dead units of the training set and test accuracy during training, all runs. {interval_note(rows)}"
    told = extremes(rows["dead units"], "dead units", lambda row: f"step {row['step']}")
    return Figure("over_time", line_panels(rows, x="step", symlog_x=True), f"{caption} {told}", claims=())


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the lines at some steps, a step that kills, and the numbers over all."""
    return [_picture(frames), *_deadly(frames), *_without_biases(frames), _over_time(frames)]

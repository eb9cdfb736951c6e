"""The figure of what becomes of units by the size of the training set."""

from __future__ import annotations

from collections.abc import Sequence

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points


def _of_setting(frames: Frames, suffix: str, setting: str) -> Figure:
    every = frames.panels("dead_train_fraction", "dead_test_fraction", "test_accuracy", "diverged")
    rows = {label: frames.titled(frame) for label, frame in every.items()}
    figure = points(rows, x=frames.title("examples"), lines=frames.title("optimizer"))
    caption = (
        f"{setting}, high rate: units dead on the examples that the network was trained on and on the test set, test "
        "accuracy and diverged runs, by how many examples it was trained on, by as many steps. "
        f"{interval_note(rows, shares='diverged')}"
    )
    return Figure(f"sizes{suffix}", figure, caption, setting=setting)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw each setting."""
    return [_of_setting(of_setting, suffix, title) for suffix, title, of_setting in frames.settings()]

"""The decision lines of a network with two inputs, probe by probe, for the page to move through."""

from __future__ import annotations

from typing import Any

from relubench.experiments.base import Frames
from relubench.experiments.boundaries.metrics import INPUTS, PLANES, level_shown, scene

#: The curves that it is made of.
CURVES = (*PLANES, *INPUTS)


def animation(frames: Frames) -> dict[str, Any] | None:
    """Return the inputs with their classes, and each probe's lines w0·x + w1·y + b = 0; None where none were kept."""
    curves = frames.curves
    if "metric" not in curves.columns or not set(CURVES) <= set(curves["metric"]):
        return None
    lines, inputs = scene(curves, level_shown(curves))
    (x, y), classes = inputs["data_x"].T.tolist(), inputs["labels"].tolist()
    probes = lines.group_by("step", maintain_order=True).agg("w0", "w1", "b", "dead")
    return {"x": x, "y": y, "classes": classes, "probes": probes.to_dicts()}

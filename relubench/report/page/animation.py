"""The decision lines of a network with two inputs, probe by probe, for the page to move through."""

from __future__ import annotations

from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.boundaries.metrics import INPUTS, PLANES
from relubench.plots.planes import planes_of

#: The curves that it is made of.
CURVES = (*PLANES, *INPUTS)


def animation(frames: Frames) -> dict[str, Any] | None:
    """Return the inputs with their classes, and each probe's lines w0·x + w1·y + b = 0; None where none were kept."""
    curves = frames.curves
    if "metric" not in curves.columns or not set(CURVES) <= set(curves["metric"]):
        return None
    x, y, classes = (curves.filter(pl.col("metric") == name).sort("item")["mean"].to_list() for name in INPUTS)
    lines = planes_of(curves.filter(pl.col("metric").is_in(PLANES)))
    probes = lines.group_by("step", maintain_order=True).agg("w0", "w1", "b", "dead")
    return {"x": x, "y": y, "classes": classes, "probes": probes.to_dicts()}

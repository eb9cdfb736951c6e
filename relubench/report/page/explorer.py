"""What the explorer picks by and moves along: the cells of an experiment's design, each with its learning rates."""

from __future__ import annotations

from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.cases import RATE
from relubench.plots import style
from relubench.report.page.dimensions import NUMBERS, Dimension, dimensions

_WIDTHS = "model.widths"
#: The keys by which a network is picked, whether they vary or not.
_PICKED = ("data.name", "model.name", _WIDTHS, "optimizer.name", "model.activation.name")


def explorer(frames: Frames) -> dict[str, Any] | None:
    """Return what each point of the summary is picked by, in its order; None where no learning rate can be moved."""
    points = frames.summary.filter(pl.col("metric") == frames.summary["metric"][0])
    found = dimensions(points, frames.factors)
    if RATE not in (each.key for each in found):
        return None
    whole = points.with_columns(pl.lit(frames.setting[key]).alias(key) for key in _PICKED if key not in points.columns)
    picks = [_pick(whole, key) for key in _PICKED]
    others = (each for each in found if each.key not in (RATE, *_PICKED))
    picks += [each for each in others if not _is_told(whole, each.key)]
    return {
        "rates": points[RATE].to_list(),
        "picks": [
            {"key": each.key, "title": each.title, "titles": each.titles, "at": each.places(whole)} for each in picks
        ],
        "widths": whole[_WIDTHS].to_list(),
        **_layers(frames, points),
    }


def _pick(points: pl.DataFrame, key: str) -> Dimension:
    values = points[key].unique(maintain_order=True).to_list()
    return Dimension(key, style.name(key), values, [style.name(value, key) for value in values])


def _is_told(points: pl.DataFrame, key: str) -> bool:
    """Whether what is always picked by determines a direction."""
    return points.select(_PICKED).n_unique() == points.select(*_PICKED, key).n_unique()


def _layers(frames: Frames, points: pl.DataFrame) -> dict[str, Any]:
    """Return each point's probes, and the dead share of each layer at them; empty where layers were not kept."""
    keys = [name for name in points.columns if name not in NUMBERS]
    curves = frames.curves
    if not {"metric", "layer", "step", *keys} <= set(curves.columns):
        return {"steps": [], "layers": []}
    rows = curves.filter(pl.col("metric") == "dead_train", pl.col("layer").is_not_null()).sort("layer", "step")
    layers = rows.group_by(*keys, "layer", maintain_order=True).agg("step", "mean")
    each = layers.group_by(keys, maintain_order=True).agg(pl.col("step").first(), pl.col("mean"))
    joined = points.select(keys).join(each, keys, "left", nulls_equal=True, maintain_order="left")
    return {"steps": joined["step"].to_list(), "layers": joined["mean"].to_list()}

"""The lines of the first runs, with biases and without, and their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from relubench.errors import UserError
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing
from relubench.plots.planes import planes_of

#: The factor that tells the runs apart, and the level of it that the moving picture shows.
BIAS, TRAINED = "factor.bias", "trained"
PLANES = ("plane_weights", "plane_bias", "unit_dead")
#: Rows of the training inputs in curves.parquet: each input's coordinates and class; the item is the example.
INPUTS = ("input_0", "input_1", "input_class")


def level_shown(curves: pl.DataFrame) -> str | None:
    """Return the level that the moving picture shows: the trained one, else the first that there is."""
    held = curves[BIAS].to_list() if BIAS in curves.columns else [None]
    return TRAINED if TRAINED in held else held[0]


def of_level(rows: pl.DataFrame, level: str | None) -> pl.DataFrame:
    """Return the rows of a level, all where the grid has left the factor out."""
    return rows.filter(pl.col(BIAS).eq_missing(pl.lit(level, pl.String))) if BIAS in rows.columns else rows


def scene(curves: pl.DataFrame, level: str | None) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return the lines of the first run of a level (see `planes_of`), and the inputs with their classes."""
    rows = of_level(curves, level)
    x0, x1, classes = (rows.filter(pl.col("metric") == metric).sort("item")["mean"] for metric in INPUTS)
    lines = planes_of(rows.filter(pl.col("metric").is_in(PLANES)))
    return lines, {"data_x": np.column_stack([x0, x1]), "labels": classes.to_numpy().astype(int)}


def _shown(tables: Tables) -> pl.DataFrame:
    """Return the rows of the runs that are drawn: of each level the first seed's that did not diverge."""
    ordered = tables.runs.sort("diverged", "seed", "run_id")
    return ordered.unique(_levels(tables) or ["data.name"], keep="first", maintain_order=True)


def _levels(tables: Tables) -> list[str]:
    return [BIAS] if BIAS in tables.runs.columns else []


@needing(*PLANES)
def _lines(tables: Tables) -> pl.DataFrame:
    """Return the first runs' lines and which of their units are dead, at each probe."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    planes = tables.measures.filter(pl.col("measure").is_in(PLANES), pl.col("layer").fill_null(1) == 1)
    levels, none = _levels(tables), pl.lit(None, pl.Float64)
    shown = _shown(tables).select("run_id", *levels)
    return shown.join(planes, on="run_id", maintain_order="left_right").select(
        *levels, "layer", "step", "item", metric="measure", mean="value", ci_low=none, ci_high=none,
        n=pl.lit(1, pl.Int64),
    )  # fmt: skip


def _inputs(tables: Tables) -> pl.DataFrame:
    """Return the training inputs as the first runs' networks see them, and their classes."""
    return pl.concat(frame for row in _shown(tables).rows(named=True) for frame in _inputs_of(row, _levels(tables)))


def _inputs_of(row: dict[str, Any], levels: list[str]) -> list[pl.DataFrame]:
    from relubench import config, data
    from relubench.data.streams import as_seen

    setting = config.build_setting(config.stored_values(row)).data
    examples = data.load(setting, data.split_of(int(str(row["seed"])), setting.splits))
    if examples.x_train.shape[1] != 2 or examples.y_train.ndim != 1:
        raise UserError(f"data.name={setting.name}: boundaries draws two inputs with classes; it takes moons")
    shown = np.column_stack([as_seen(setting, examples.x_train), examples.y_train])
    named = {name: pl.lit(row[name]) for name in levels}
    items = pl.Series("item", np.arange(len(shown)), pl.Int64)
    return [
        pl.DataFrame({"item": items, "mean": part}).with_columns(
            **named, metric=pl.lit(metric), n=pl.lit(1, pl.Int64)
        )
        for metric, part in zip(INPUTS, shown.T, strict=True)
    ]  # fmt: skip


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_lines, _inputs)

"""The lines of the first run, and its inputs."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench.errors import UserError
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing

PLANES = ("plane_weights", "plane_bias", "unit_dead")
#: Rows of the training inputs in curves.parquet: each input's coordinates and class; the item is the example.
INPUTS = ("input_0", "input_1", "input_class")


def _shown(tables: Tables) -> dict[str, object]:
    """Return the row of the run that the picture shows: the first seed's."""
    return tables.runs.sort("seed", "run_id").row(0, named=True)


@needing(*PLANES)
def _lines(tables: Tables) -> pl.DataFrame:
    """Return the first run's lines and which of its units are dead, at each probe."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    planes = tables.measures.filter(
        pl.col("run_id") == _shown(tables)["run_id"], pl.col("measure").is_in(PLANES), pl.col("layer").fill_null(1) == 1
    )
    none = pl.lit(None, pl.Float64)
    return planes.select(
        "layer", "step", "item", metric="measure", mean="value", ci_low=none, ci_high=none, n=pl.lit(1, pl.Int64)
    )


def _inputs(tables: Tables) -> pl.DataFrame:
    """Return the training inputs as the first run's network sees them, and their classes."""
    from relubench import config, data

    row = _shown(tables)
    setting = config.build_setting(config.stored_values(row)).data
    examples = data.load(setting, data.split_of(int(str(row["seed"])), setting.splits))
    if examples.x_train.shape[1] != 2 or examples.y_train.ndim != 1:
        raise UserError(f"data.name={setting.name}: boundaries draws two inputs with classes; it takes moons")
    shown = np.column_stack([examples.x_train * setting.scale + setting.offset, examples.y_train])
    items = pl.Series("item", np.arange(len(shown)), pl.Int64)
    columns = [pl.DataFrame({"item": items, "mean": part}) for part in shown.T]
    return pl.concat(
        frame.with_columns(metric=pl.lit(metric), n=pl.lit(1, pl.Int64))
        for metric, frame in zip(INPUTS, columns, strict=True)
    )


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_lines, _inputs)

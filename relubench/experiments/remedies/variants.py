"""The remedies of the grid and their names, and where they are compared."""

from __future__ import annotations

import polars as pl

RATE, OPTIMIZER, VARIANT = "optimizer.learning_rate", "optimizer.name", "remedy"
NONE, FROZEN = "none", "re-randomise, frozen in turn"
#: What in a run's setting is a remedy, in the order of the figures.
REMEDIES: dict[str, pl.Expr] = {
    "leaky ReLU": pl.col("model.activation.name") == "leaky_relu",
    "warm-up": pl.col("optimizer.schedule.warmup_steps") > 0,
    "clipping": pl.col("optimizer.clip_norm").is_not_null(),
    "weight decay": pl.col("optimizer.weight_decay") > 0,
    "bias decay": pl.col("optimizer.bias_decay") > 0,
    "batch norm": pl.col("model.norm") == "batch",
    "layer norm": pl.col("model.norm") == "layer",
    "ReDo": pl.col("remedy.name") == "redo",
    "continual backprop": pl.col("remedy.name") == "continual_backprop",
    FROZEN: (pl.col("remedy.name") == "rerandomize") & pl.col("remedy.freeze"),
    "re-randomise, all at once": (pl.col("remedy.name") == "rerandomize") & ~pl.col("remedy.freeze"),
    "RAI": pl.col("model.init.name") == "rai",
    "positive bias": pl.col("model.init.bias") > 0,
}
#: Where remedies are compared: the grid's first rate at which a plain ReLU network loses a third of its units.
HIGH_RATE = {"sgd": 1.0, "adam": 0.1}


def with_names(runs: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a column that names their remedy; several at once are joined by " + "."""
    held = [pl.when(holds).then(pl.lit(name)) for name, holds in REMEDIES.items()]
    together = pl.concat_str(held, separator=" + ", ignore_nulls=True)
    return runs.with_columns(pl.when(together == "").then(pl.lit(NONE)).otherwise(together).alias(VARIANT))

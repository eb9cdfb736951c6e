"""The rates by rule that the pilot's runs come to: conf/rates.yaml.

`python -m relubench.experiments.pilot.rates RESULTS TABLE` writes it; `make pilot` keeps it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from relubench.config import nested
from relubench.errors import UserError
from relubench.sweeps.rates import KEYED, RATE, rounded
from relubench.sweeps.storage import read_table, write_text

#: Fewer runs than this share may diverge up to a rate that counts as usable, and at the deadliest; and so many units
#: are dead at a high one.
FEW_DIVERGED, HALF_DIVERGED, MANY_DEAD = 0.05, 0.5, 0.3
#: Accuracy that may be lost against the best rate where it counts as kept.
KEPT = 0.02
_CELL = ("factor.world", "factor.optimizer")
_HEAD = "# Learning rates by rule, as found on seeds 0 to 15 by `make pilot`. docs/definitions.md has the rules.\n"


def table(runs: pl.DataFrame) -> dict[str, Any]:
    """Return the table of rates: an entry for each setting and optimiser of the pilot's runs."""
    entries = {}
    for (world, optimizer), cell in runs.drop_nulls(_CELL).group_by(*_CELL, maintain_order=True):
        where = {key: _plain(cell[key][0]) for key in KEYED}
        entries[f"{world}_{optimizer}"] = nested(where) | _rules(_by_rate(cell), f"{world}, {optimizer}")
    return entries


def _plain(value: Any) -> Any:
    return value.to_list() if isinstance(value, pl.Series) else value


def _by_rate(cell: pl.DataFrame) -> pl.DataFrame:
    """Return a row a rate, ascending: the share of runs diverged, of units dead, and how good the networks are."""
    classes = cell["test_accuracy_or_chance"].null_count() < cell.height
    score = pl.col("test_accuracy_or_chance").mean() if classes else -pl.col("test_loss").mean()
    return (
        cell.group_by(RATE)
        .agg(
            diverged=pl.col("diverged").mean(), dead=pl.col("dead_train_fraction").mean(), score=score,
            kept=pl.lit(KEPT if classes else 0.0).first(),
        )
        .sort(RATE)
    )  # fmt: skip


def _rules(rates: pl.DataFrame, cell: str) -> dict[str, float]:
    usable = rates.filter((pl.col("diverged") < FEW_DIVERGED).cum_min())
    proper = usable.sort("score", descending=True, maintain_order=True).row(0, named=True)
    if proper[RATE] in (rates[RATE].min(), rates[RATE].max()):
        raise UserError(f"{cell}: the best rate, {proper[RATE]:g}, is the last of the grid; it takes a longer one")
    many = usable.filter(pl.col("dead") >= MANY_DEAD)
    kept = usable.filter(pl.col("score") >= proper["score"] - pl.col("kept"))
    found = {
        "proper": proper[RATE],
        "high": many[RATE].min() if many.height else usable[RATE].max(),
        "deadliest": _deadliest(rates.filter(pl.col("diverged") < HALF_DIVERGED)),
        "kept": _deadliest(kept),
    }
    return {rule: rounded(rate) for rule, rate in found.items()}


def _deadliest(rates: pl.DataFrame) -> float:
    """Return the rate with the most dead units, of equals the highest."""
    return rates.sort("dead", RATE, descending=True)[RATE][0]


def main(arguments: Sequence[str]) -> None:
    """Write the table that the command line names."""
    results, path = map(Path, arguments)
    runs = read_table(results / "runs.parquet", name="pilot")
    entries = ({name: entry} for name, entry in table(runs).items())
    write_text(path, _HEAD + "".join(map(_line, entries)))


def _line(entry: dict[str, Any]) -> str:
    """Return an entry as a line of YAML."""
    return yaml.safe_dump(entry, sort_keys=False, default_flow_style=True, width=math.inf)[1:-2] + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])

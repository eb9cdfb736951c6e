"""Units of the second layer that no input at all switches on (row 11)."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench import theory
from relubench.experiments.designs import levels
from relubench.findings.claims import Claim, Condition, Number, Tables
from relubench.findings.claims.metrics import measures_of, needing
from relubench.sweeps.factors import Level

#: Units of the second layer.
_UNITS = 16


@needing("unit_weights")
def off_everywhere(tables: Tables) -> pl.DataFrame:
    """Return the share of each run's second-layer units that are off on the whole space of inputs at birth."""
    rows = measures_of(tables, ["unit_weights"]).filter(pl.col("step") == 0).sort("run_id", "layer", "item")
    layers = rows.group_by("run_id", "layer", maintain_order=True).agg("value")
    networks = layers.group_by("run_id", maintain_order=True).agg("value")
    shares = [_off_share(*map(np.array, network)) for network in networks["value"].to_list()]
    return networks.select("run_id", value=pl.Series(shares, dtype=pl.Float64))


def _off_share(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share from the items of both layers: of each [inputs + 1, units] with the biases last."""
    second = second.reshape(-1, _UNITS)
    first = first.reshape(-1, len(second) - 1)
    return theory.off_everywhere(first[:-1], first[-1], second[:-1], second[-1]).mean()


def _beside(name: str, level: Level) -> Condition:
    inputs, hidden = level.values["data.features"], level.values["model.widths"][0]
    number = Number(level.title, off_everywhere, {"factor.network": name})
    return number.beside(theory.off_probability(inputs, hidden))


CLAIMS = (
    Claim(
        id=11,
        kind="published",
        statement="two ReLU layers, weights and biases from PyTorch's default, which is symmetric",
        source="Brownlowe et al. 2024",
        statistic="share of second-layer units that are off on the whole space of inputs",
        conditions=tuple(_beside(name, level) for name, level in levels("published/off_everywhere", "network").items()),
        note="1/2^(h+1) with h units below and as many inputs or more, (2^n + 1)/4^(n+1) with n inputs and n + 1 units "
        "below; decided on the exact regions of the first layer, as no grid of inputs is wide and dense enough",
    ),
)

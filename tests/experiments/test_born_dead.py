"""Networks born dead, counted through the command line."""

import numpy as np
import polars as pl
import pytest

from relubench import theory

HE = ("experiment=born_dead", "figures=false", "model.init.name=he", "seeds=2000")
NARROW = "[2,2,2,2,2]"


def shares(key):
    """Return {value of `key`: (share of networks born dead, its interval)} of the last run."""
    summary = pl.read_parquet("results/born_dead/summary.parquet").filter(pl.col("metric") == "born_collapsed")
    keys = (tuple(value) if isinstance(value, list) else value for value in summary[key].to_list())
    return dict(zip(keys, summary.select("mean", "ci_low", "ci_high").rows(), strict=True))


def simulated(width, layers, networks=4000):
    """Return the share of networks with constant output: float64 NumPy, nothing of the project."""
    draw = np.random.default_rng(1)
    h = np.broadcast_to(np.linspace(-1.0, 1.0, 50)[None, :, None], (networks, 50, 1))
    for size in [width] * (layers - 1):
        h = np.maximum(h @ draw.normal(size=(networks, h.shape[2], size)) * np.sqrt(2 / h.shape[2]), 0)
    out = h @ draw.normal(size=(networks, width, 1))
    return np.mean(np.ptp(out, axis=1) <= 1e-9)


@pytest.mark.slow
def test_deeper_networks_are_born_dead_more_often_as_a_simulation_says_and_below_the_bound(relubench):
    status, _, _ = relubench(*HE, "model.init.bias=0", f"grid.model.widths=[[2,2],{NARROW}]")
    assert status == 0
    found = shares("model.widths")
    shallow, deep = found[(2,) * 2], found[(2,) * 5]
    assert shallow[2] < deep[1]
    for layers, share in ((3, shallow), (6, deep)):
        assert abs(share[0] - simulated(2, layers)) < 5 * np.sqrt(0.25 / 2000 + 0.25 / 4000)  # five standard errors
        assert share[1] < theory.born_dead_bound(2, layers - 1)


@pytest.mark.slow
def test_a_positive_bias_halves_the_share_of_networks_born_dead(relubench):
    status, _, _ = relubench(*HE, f"model.widths={NARROW}", "grid.model.init.bias=[0,.1]")
    assert status == 0
    found = shares("model.init.bias")
    assert found[0.1][2] < 0.7 * found[0.0][1]

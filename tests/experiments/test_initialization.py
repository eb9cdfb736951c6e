"""Activations from layer to layer, through the command line at a small size; drift against a recount."""

from pathlib import Path

import polars as pl
import pytest

from relubench.experiments.initialization.claims import late_deaths
from relubench.findings.claims import Tables


@pytest.mark.slow
def test_small_weights_choke_the_flow_and_he_weights_do_not(relubench):
    status, _, errors = relubench(
        "experiment=initialization", "seeds=6", "train.steps=40", "model.widths=[32,32,32,32]", "probe.count=5",
        "factor.world=[digits_deep]", "factor.start=[normal_01,he]",
    )  # fmt: skip
    assert status == 0, errors
    claims = pl.read_parquet("results/initialization/claims.parquet")
    flow = claims.filter(pl.col("statement").str.contains("choked off"), pl.col("n") > 0)
    (choked,) = flow.rows(named=True)
    assert choked["condition"] == "N(0, 0.1²)"
    assert choked["value"] < -2  # each of three layers multiplies the mean square by 32 * .1^2 / 2 = .16
    drawn = {path.name for path in Path("results/initialization/figures").glob("*.png")}
    assert drawn == {"activations.png", "moments.png", "ends.png"}


def test_deaths_count_from_a_tenth_of_the_run_on():
    steps = [0, 10, 50, 100]
    layers = [
        {"run_id": "a", "step": step, "layer": layer, "deaths": deaths}
        for layer in (1, 2)
        for step, deaths in zip(steps, (0, 5, 2, 1), strict=True)
    ]
    runs = pl.DataFrame({"run_id": ["a"], "units": [12], "diverged": [False], "diverged_step": [None]})
    found = late_deaths(
        Tables(runs.with_columns(pl.col("diverged_step").cast(pl.Int64)), pl.DataFrame(), pl.DataFrame(layers))
    )
    assert found.rows() == [("a", 6 / 12)]

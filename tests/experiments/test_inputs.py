"""Scale and offset of the inputs: who is born dead, and stays so."""

import polars as pl
import pytest

SMALL = ["seeds=6", "train.steps=60", "model.widths=[32,32,32]", "figures=false"]


@pytest.mark.slow
def test_inputs_far_on_one_side_give_birth_to_dead_units_which_stay_dead_in_the_first_layer(relubench, tmp_path):
    some = [
        "optimizer.name=adam", "grid.data.normalize=[scalar]", "grid.optimizer.learning_rate=[.003,.03]",
        "factor.inputs=[times_1,plus_3]",
    ]  # fmt: skip
    status, _, error = relubench("experiment=inputs", "out=out", *some, *SMALL)
    assert status == 0, error
    tables = {name: pl.read_parquet(tmp_path / f"out/{name}.parquet") for name in ("runs", "layers", "units", "claims")}
    born = dict(tables["runs"].group_by("data.offset").agg(pl.col("born_dead_fraction").mean()).rows())
    assert born[3] > 0.15 > born[0]
    claims = {row["condition"]: row["value"] for row in tables["claims"].iter_rows(named=True) if row["claim"] == 25}
    assert claims["Adam, rate 0.003, layer 1"] == 1
    died = {row["condition"]: row["value"] for row in tables["claims"].iter_rows(named=True) if row["claim"] == 28}
    assert died["Adam, rate 0.03, all normalised alike"] > max(0.02, died["Adam, rate 0.003, all normalised alike"])
    assert claims["Adam, rate 0.003, layers 2 and 3"] == pytest.approx(stuck_in_later_layers(tables))


def stuck_in_later_layers(tables):
    """Count, run by run, which of the units that were dead at step 0 were so at every probe."""
    shares = []
    proper = tables["runs"].filter(pl.col("data.offset") == 3, pl.col("optimizer.learning_rate") == 0.003)
    for run in proper["run_id"]:
        ours = pl.col("run_id").eq(run) & pl.col("layer").is_in([2, 3])
        born = tables["layers"].filter(ours, pl.col("step") == 0)["dead_train"].sum()
        units = tables["units"].filter(ours)
        stayed = sum(row["dead_train"] and row["died_step"] == 0 for row in units.iter_rows(named=True))
        shares += [stayed / born] if born else []
    return sum(shares) / len(shares)

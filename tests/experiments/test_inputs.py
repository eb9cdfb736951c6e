"""Scale and offset of the inputs: who is born dead, and stays so."""

import numpy as np
import polars as pl
import pytest

import relubench

SMALL = ["seeds=6", "train.steps=60", "model.widths=[32,32,32]", "factor.world=[digits]", "factor.optimizer=[adam]"]


@pytest.mark.slow
def test_inputs_far_on_one_side_give_birth_to_dead_units_which_stay_dead_in_the_first_layer(relubench, tmp_path):
    some = ["grid.data.normalize=[scalar,feature]", "factor.inputs=[times_1,plus_3]"]
    status, _, error = relubench("experiment=inputs", "out=out", *some, *SMALL)
    assert status == 0, error
    tables = {name: pl.read_parquet(tmp_path / f"out/{name}.parquet") for name in ("runs", "layers", "units", "claims")}
    born = dict(tables["runs"].group_by("data.offset").agg(pl.col("born_dead_fraction").mean()).rows())
    assert born[3] > 0.15 > born[0]
    ours = tables["claims"].filter(pl.col("setting") == "digits, 64×3, Adam")
    stuck = {row["condition"]: row["value"] for row in ours.filter(claim=25).iter_rows(named=True)}
    assert stuck["layer 1"] == 1
    assert stuck["layer 2"] == pytest.approx(stuck_in_layer(tables, 2))
    assert ours.filter(claim=28)["n"].to_list() == [6, 6]
    assert {path.stem for path in (tmp_path / "out/figures").glob("*.png")} == {"inputs", "accuracy"}


def stuck_in_layer(tables, layer):
    """Count, run by run, which of the units that were dead at step 0 were so at every probe."""
    stayed, born = 0, 0
    proper = tables["runs"].filter(
        pl.col("data.offset") == 3, pl.col("factor.rate") == "proper", pl.col("data.normalize") == "scalar"
    )
    for run in proper["run_id"]:
        ours = pl.col("run_id").eq(run) & (pl.col("layer") == layer)
        born += tables["layers"].filter(ours, pl.col("step") == 0)["dead_train"].sum()
        units = tables["units"].filter(ours)
        stayed += sum(row["dead_train"] and row["died_step"] == 0 for row in units.iter_rows(named=True))
    return stayed / born


def test_on_one_input_that_a_unit_is_silent_on_its_weights_keep_every_bit():
    """Claim 25, on one input alone and on all: who trains on others moves."""
    x = np.array([[1.0, -0.5]])
    y = np.array([3.0])
    several = (np.concatenate([x, -x, 2 * x[:, ::-1]]), np.array([3.0, -1.0, 2.0]))
    setting = {"model.widths": [12], "loss.name": "squared_error", "data.normalize": "none",
               "train.batch_size": None,
               "train.steps": 40, "model.init.bias": -0.3, "probe.count": 2,
               "probe.measures": ["plane_checksum", "unit_dead"]}  # fmt: skip
    moved = []
    for inputs, targets in ((x, y), several):
        tables = relubench.sweep(setting, {"seed": list(range(8))}, data=(inputs, targets, inputs, targets))
        rows = tables["measures"].pivot("measure", index=["run_id", "step", "item"], values="value")
        first, last = (rows.filter(pl.col("step") == step).sort("run_id", "item") for step in (0, 40))
        silent = first["unit_dead"] == 1
        changed = first["plane_checksum"] != last["plane_checksum"]
        assert silent.sum() > 10
        assert not (silent & changed).any()
        moved.append((~silent & changed).sum() / (~silent).sum())
    assert min(moved) > 0.9

"""The picture at a tiny size: its data are the run's own, and it is drawn from Parquet."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from relubench import config, data
from relubench.experiments.boundaries.metrics import BIAS, level_shown, scene

SMALL = ["experiment=boundaries", "seeds=5", "train.steps=60", "probe.count=4", "model.widths=[8]", "out=out"]


def test_lines_leave_the_inputs_as_units_die_and_the_animation_has_a_picture_a_probe(relubench):
    assert relubench(*SMALL)[0] == 0
    curves = pl.read_parquet("out/curves.parquet")
    expected = data.load(config.make(config.Data, name="moons", examples=400, noise=0.15)).x_train
    for level in ("trained", "none"):
        lines, inputs = scene(curves, level)
        np.testing.assert_array_equal(inputs["data_x"], expected)
        active = expected @ lines.select("w0", "w1").to_numpy().T + lines["b"].to_numpy() > 1e-5
        np.testing.assert_array_equal(active.any(0), ~lines["dead"].to_numpy())
        assert (lines["b"] != 0).any() == (level == "trained")  # without biases all pass through the origin
        assert (lines.filter(pl.col("step") == 60)["w0"] != lines.filter(pl.col("step") == 0)["w0"]).all()
    lines, _ = scene(curves, level_shown(curves))
    assert lines["dead"].sum() > 0
    runs = pl.read_parquet("out/runs.parquet").filter(pl.col(BIAS) == "none")
    claim = pl.read_parquet("out/claims.parquet").filter(pl.col("claim") == 43)
    assert claim.select("value", "n", "verdict").row(0) == (0, runs.height, "holds")
    assert runs["dead_train"].sum() == 0
    with Image.open("out/figures/boundaries.gif") as animation:
        assert animation.n_frames == lines["step"].n_unique()


@pytest.mark.slow
def test_more_than_two_inputs_are_refused(relubench):
    status, _, told = relubench(*SMALL, "data.name=digits", "figures=false")
    assert status == 2
    assert "data.name=digits" in told

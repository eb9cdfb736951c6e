"""The picture at a tiny size: its data are the run's own, and it is drawn from Parquet."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from relubench import config, data
from relubench.plots.planes import planes_of

SMALL = ["experiment=boundaries", "seeds=5", "train.steps=60", "probe.count=4", "model.widths=[8]", "out=out"]


def test_lines_leave_the_inputs_as_units_die_and_the_animation_has_a_picture_a_probe(relubench):
    assert relubench(*SMALL)[0] == 0
    curves = pl.read_parquet("out/curves.parquet")
    inputs = [curves.filter(pl.col("metric") == f"input_{axis}").sort("item")["mean"] for axis in (0, 1)]
    expected = data.load(config.make(config.Data, name="moons", examples=400, noise=0.15)).x_train
    np.testing.assert_array_equal(np.column_stack(inputs), expected)
    lines = planes_of(curves)
    active = expected @ lines.select("w0", "w1").to_numpy().T + lines["b"].to_numpy() > 1e-5
    assert lines["dead"].sum() > 0
    np.testing.assert_array_equal(active.any(0), ~lines["dead"].to_numpy())
    with Image.open("out/figures/boundaries.gif") as animation:
        assert animation.n_frames == lines["step"].n_unique()


@pytest.mark.slow
def test_more_than_two_inputs_are_refused(relubench):
    status, _, told = relubench(*SMALL, "data.name=digits", "figures=false")
    assert status == 2
    assert "data.name=digits" in told

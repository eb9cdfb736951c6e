"""Figures, from frames alone."""

import numpy as np
import polars as pl
import pytest
from matplotlib import image

import relubench
from relubench import config, experiments
from relubench.experiments.base import Frames
from relubench.findings import summary
from relubench.plots.figure import save
from relubench.sweeps import folders

AXES = {
    "optimizer.name": ["sgd", "adam"],
    "optimizer.learning_rate": [0.01, 1e38],
    "model.activation.name": ["relu", "tanh"],
}


def twice(tables, key, value):
    """Return the tables of the runs, and of as many others that differ in one key."""

    def with_others(table):
        others = table.with_columns(pl.col("run_id") + str(value))
        if key in table.columns:
            others = others.with_columns(pl.Series(key, [value] * table.height))
        return pl.concat([table, others])

    return {name: with_others(table) for name, table in tables.items()}


@pytest.fixture(scope="module")
def tables():
    """Runs of ReLU networks by SGD, and the same as if they were by Adam, or of tanh."""
    setting = {"train.steps": 10, "model.widths": [8], "probe.count": 4}
    rates = "optimizer.learning_rate"
    trained = relubench.sweep(setting, {rates: AXES[rates], "seed": list(range(5))})
    return twice(twice(trained, "optimizer.name", "adam"), "model.activation.name", "tanh")


def frames_of(tables, axes, name):
    metrics = experiments.find(name).curves
    setting = config.setting_values(config.Setting())
    return Frames(
        summary.summarize(tables["runs"], axes),
        summary.curves(folders.Tables(**tables), axes, metrics),
        pl.DataFrame(),
        setting,
    )


@pytest.mark.parametrize("name", ["learning_rate", "custom"])
def test_an_experiment_draws_its_figures_with_runs_and_intervals_in_the_caption(name, tables, tmp_path):
    drawn = list(experiments.find(name).figures(frames_of(tables, AXES, name)))
    assert drawn
    for figure in drawn:
        assert "interval" in figure.caption
        assert "Runs per point" in figure.caption
        png, pdf, caption = save(figure, tmp_path)
        assert caption.read_text().strip() == figure.caption
        assert pdf.read_bytes().startswith(b"%PDF")
        pixels = image.imread(png)
        assert pixels.shape[1] >= 600  # a heat map is as wide as its cells
        assert np.unique(pixels[..., :3].reshape(-1, 3), axis=0).shape[0] > 50


def test_a_figure_is_drawn_with_the_same_bytes_again(tables, tmp_path):
    for place in ("a", "b"):
        for figure in experiments.find("custom").figures(frames_of(tables, AXES, "custom")):
            save(figure, tmp_path / place)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_what_else_a_grid_varies_makes_panels(tables):
    both = twice(tables, "model.widths", [8, 8])
    frames = frames_of(both, AXES | {"model.widths": [(8,), (8, 8)]}, "learning_rate")
    over_rate, _, by_depth = experiments.find("learning_rate").figures(frames)
    titles = [axis.get_title() for axis in over_rate.figure.axes]
    assert [title for title in titles if title] == [
        f"{name}, widths {widths}" for name in ("SGD", "Adam") for widths in ("8", "8-8")
    ]
    for axis in over_rate.figure.axes:
        assert all((np.diff(line.get_xdata()) > 0).all() for line in axis.lines)
    (legend,) = by_depth.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["8", "8-8"]


def test_a_single_run_can_be_drawn(tables, tmp_path):
    one = tables["runs"].head(1)
    kept = {name: table.filter(pl.col("run_id") == one["run_id"][0]) for name, table in tables.items()}
    for figure in experiments.find("custom").figures(frames_of(kept, {}, "custom")):
        save(figure, tmp_path)

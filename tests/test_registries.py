"""Every name that a configuration can choose is compiled and trained once, shrunk; several registries at a time."""

import itertools

import polars as pl
import pytest

import relubench
from relubench import data, nn, optim

SMALL = {"train.steps": 12, "train.batch_size": 16, "model.widths": [6, 5], "probe.count": 3, "data.examples": 200}
WALKS = {
    "model.activation.name": nn.ACTIVATIONS,
    "model.init.name": nn.INITIALIZERS,
    "optimizer.name": optim.OPTIMIZERS,
    "optimizer.schedule.name": optim.SCHEDULES,
    "loss.name": nn.LOSSES,
    "data.name": [name for name in data.SOURCES if name not in ("mnist", "fashion_mnist")],  # they need files
    "model.norm": ["none", "batch", "layer"],
    "data.normalize": ["none", "scalar", "feature"],
    "optimizer.clip_norm": [None, 1.0],
}
LONGEST = max(len(list(names)) for names in WALKS.values())
COLUMNS = [list(itertools.islice(itertools.cycle(list(names)), LONGEST)) for names in WALKS.values()]


@pytest.mark.parametrize("values", list(zip(*COLUMNS, strict=True)), ids=lambda values: "-".join(map(str, values)))
def test_each_choice_trains(values):
    setting = SMALL | dict(zip(WALKS, values, strict=True)) | {"optimizer.learning_rate": 0.001}
    scale = {"model.init.scale": 0.1} if setting["model.init.name"] == "normal" else {}
    runs = relubench.sweep(setting | scale, {"seed": [0, 1]})["runs"]
    assert runs["diverged"].to_list() == [False, False]
    assert runs["train_loss"].is_finite().all()
    assert runs["train_loss"].n_unique() == 2


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_small_cnn_learns_digits_and_its_units_are_channels(norm):
    setting = {"model.name": "cnn", "model.widths": [8, 16], "model.norm": norm, "train.steps": 150, "probe.count": 3}
    tables = relubench.sweep(setting, {"seed": [0]})
    row = tables["runs"].row(0, named=True)
    assert row["units"] == 24
    assert row["test_accuracy"] > 0.6
    assert tables["layers"].filter(pl.col("step") == 150)["units"].to_list() == [8, 16]

"""Every name that a configuration can choose is compiled and trained once, shrunk; several registries at a time."""

import contextlib
import itertools

import jax
import numpy as np
import polars as pl
import pytest

import relubench
from relubench import data, nn, optim
from relubench.data import regression, streams
from relubench.run import loop, recorder
from relubench.sweeps import layout, machine
from tests.support.planned import layouts

SMALL = {
    "train.steps": 12,
    "data.stream.period": 5,
    "remedy.period": 4,
    "train.batch_size": 16,
    "model.widths": [6, 5],
    "probe.count": 3,
    "data.examples": 200,
}
WALKS = {
    "model.activation.name": nn.ACTIVATIONS,
    "model.init.name": nn.INITIALIZERS,
    "optimizer.name": optim.OPTIMIZERS,
    "optimizer.schedule.name": optim.SCHEDULES,
    "loss.name": nn.LOSSES,
    "data.name": [
        name for name in data.SOURCES if name not in ("mnist", "fashion_mnist", "arrays")
    ],  # theirs are given
    "model.norm": ["none", "batch", "layer"],
    "data.normalize": ["none", "scalar", "feature"],
    "data.function": regression.FUNCTIONS,
    "data.stream.name": [name for name in streams.STREAMS if name != "slow_bits"],  # it takes data of its own
    "remedy.name": optim.REMEDIES,
    "probe.measures": [
        names[place : place + 3] for names in [list(recorder.MEASURES)] for place in range(0, len(names), 3)
    ],
    "optimizer.clip_norm": [None, 1.0],
}
REAL_VALUED = ("bits", "even", "interval", "linear", "plane", "teacher")
LONGEST = max(len(list(names)) for names in WALKS.values())
COLUMNS = [list(itertools.islice(itertools.cycle(list(names)), LONGEST)) for names in WALKS.values()]


#: Programs that hold every loss and norm, and a remedy of each kind. The others are slow: in tests/nn and tests/optim
#: each choice stands beside its formula.
FIRST = 2


def setting_of(values):
    """Return what these values make, less what does not go together."""
    setting = SMALL | dict(zip(WALKS, values, strict=True)) | {"optimizer.learning_rate": 0.001}
    if setting["data.name"] in REAL_VALUED:
        setting["loss.name"] = "squared_error"
    if setting["model.norm"] != "none":
        needs = {name: getattr(recorder.MEASURES[name], "needs", None) for name in setting["probe.measures"]}
        setting["probe.measures"] = [name for name, needed in needs.items() if needed is not recorder.plane]
    return setting | ({"model.init.scale": 0.1} if setting["model.init.name"] == "normal" else {})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(values, marks=() if place < FIRST else pytest.mark.slow, id="-".join(map(str, values)))
        for place, values in enumerate(zip(*COLUMNS, strict=True))
    ],
)
def test_each_choice_trains(values):
    runs = relubench.sweep(setting_of(values), {"seed": [0, 1]})["runs"]
    assert runs["diverged"].to_list() == [False, False]
    assert runs["train_loss"].is_finite().all()
    assert runs["train_loss"].n_unique() == 2


@pytest.mark.slow
@pytest.mark.parametrize("values", list(zip(*COLUMNS, strict=True)), ids=lambda values: "-".join(map(str, values)))
def test_no_program_mixes_types_silently(values, monkeypatch):
    @contextlib.contextmanager
    def strict(precision):
        with machine.pinned(precision), jax.numpy_dtype_promotion("strict"):
            yield

    monkeypatch.setattr(layout, "pinned", strict)
    setting = setting_of(values)
    if setting["optimizer.name"] in ("adam", "adamw"):  # optax raises a float to a whole number
        setting["optimizer.name"] = "rmsprop"
    (planned,) = layouts(setting)
    with strict("float32"):
        arrays = jax.tree.map(lambda leaf: leaf[0], layout.split_arrays(planned.datasets, "float32"))
        knobs = jax.tree.map(lambda knob: knob[0], layout.group_setting(planned.group, slice(0, 1), arrays.x.dtype))
        jax.eval_shape(loop.advance, knobs, arrays, np.int32(0), np.int32(1), planned.state)


@pytest.mark.parametrize("norm", ["batch", pytest.param("none", marks=pytest.mark.slow)])
def test_a_small_cnn_learns_digits_and_its_units_are_channels(norm):
    setting = {"model.name": "cnn", "model.widths": [8, 16], "model.norm": norm, "train.steps": 150, "probe.count": 3}
    tables = relubench.sweep(setting, {"seed": [0]}, width=1)
    row = tables["runs"].row(0, named=True)
    assert row["units"] == 24
    assert row["test_accuracy"] > 0.6
    assert tables["layers"].filter(pl.col("step") == 150)["units"].to_list() == [8, 16]


@pytest.mark.slow  # its tasks and targets are recounted in tests/data
def test_the_slowly_changing_regression_trains():
    setting = SMALL | {"data.name": "bits", "data.stream.name": "slow_bits", "loss.name": "squared_error"}
    runs = relubench.sweep(setting | {"optimizer.learning_rate": 0.001}, {"seed": [0, 1]})["runs"]
    assert runs["diverged"].to_list() == [False, False]
    assert runs["train_loss"].n_unique() == 2

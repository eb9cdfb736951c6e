"""The library takes what the command line takes, and refuses what it refuses."""

import re
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import relubench
from relubench.errors import UserError
from relubench.sweeps import folders

TINY = {"train.steps": 2, "model.widths": [3], "probe.count": 2}


def test_scalars_and_arrays_of_numpy_are_values():
    plain = relubench.sweep(TINY | {"data.offset": 0.1}, {"seed": range(2), "optimizer.learning_rate": [0.1, 0.3]})
    setting = TINY | {"data.offset": np.float32(0.1), "model.widths": np.array([3]), "train.steps": np.int8(2)}
    rates = np.array([0.1, 0.3], np.float32)
    arrays = relubench.sweep(setting, {"seed": np.arange(2), "optimizer.learning_rate": rates})
    for name, table in plain.items():
        assert table.equals(arrays[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1],), "setting=[1]: it takes a mapping"),
        (("train.steps",), "it takes a mapping"),
        (({1: 2},), "it takes a mapping from dotted keys"),
        (({}, [("seed", [1])]), "grid_of=[('seed', [1])]: it takes a mapping"),
        (({}, {"seed": 3}), "seed=3: it takes a list of values to cross, such as [3]"),
        (({}, {"seed": np.int64(3)}), "it takes a list of values"),
        (({}, {"seed": np.array(3)}), "it takes a list of values"),
        (({}, {"optimizer.name": "adam"}), "such as ['adam']"),
        (({}, {"seed": []}), "at least one value"),
        (({"optimizer.learning_rate": [0.1]},), "optimizer.learning_rate=[0.1]: it takes a number"),
        (({"seed": 2**40},), "seed=1099511627776"),
        (({"engine.width": 2},), "engine.width"),
    ],
    ids=str,
)
def test_what_the_command_line_refuses_is_refused(arguments, message):
    with pytest.raises(UserError) as caught:
        relubench.sweep(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("option", ["width", "devices"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "two", True])
def test_a_machine_that_cannot_be_is_refused(option, value):
    with pytest.raises(UserError, match=f"engine.{option}="):
        relubench.sweep(TINY, **{option: value})


@pytest.mark.parametrize("out", [None, 3, "nowhere"])
def test_a_folder_that_is_none_is_refused(out):
    with pytest.raises(UserError, match="out="):
        relubench.retrain(out, "a")


def test_a_run_trained_again_is_compared_with_its_folder(request, tmp_path):
    words = [f"{key}={value}" for key, value in TINY.items()]
    command = request.getfixturevalue("relubench")
    assert command("experiment=custom", *words, "seeds=2", "figures=false")[0] == 0
    folder = tmp_path / "results/custom"
    runs, layers = relubench.load(folder).runs, relubench.load(folder).layers
    for wrong in ("xx", 3, None):
        with pytest.raises(UserError, match="unknown run_id in"):
            relubench.retrain(folder, wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relubench.retrain(folder, runs["run_id"][0])
    folders.write_table(folder / "layers.parquet", layers.with_columns(dead_train=pl.col("dead_train") + 1))
    with pytest.warns(UserWarning, match="is not the run of .* bit for bit: its layers differ"):
        relubench.retrain(folder, runs["run_id"][0])


def test_the_version_is_that_of_the_change_log():
    page = (Path(__file__).parent.parent / "docs/CHANGELOG.md").read_text()
    pinned = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    version = re.search(r"^## ([0-9.]+):", page, re.M)[1]
    assert f'version = "{version}"' in pinned
    assert re.fullmatch(r"[0-9.]+", relubench.__version__)

"""Two folders of results side by side."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from scipy import stats as scipy_stats

from relubench import config
from relubench.errors import UserError
from relubench.findings import summary
from relubench.report.compare import compare, figure
from relubench.sweeps import factors, folders, grid, storage
from relubench.sweeps.columns import METRICS
from relubench.sweeps.factors import Factor, Level

ROOT = Path(__file__).parents[2]
OLD, REFERENCE = ROOT / "tests/folders", ROOT / "results/reference/bias"
WAY = {"commit": "abc", "versions": {"numpy": "2"}, "fingerprint": {"backend": "cpu", "data": "1", "inputs": "2"}}
TINY = (
    "experiment=custom", "train.steps=4", "model.widths=[4]", "probe.count=2", "figures=false",
    "grid.model.init.bias=[0,.5]",
)  # fmt: skip
ENDS = {"diverged": False, "collapsed": False, "born_collapsed": False}
NUMBERS = ("dead_train", *(name for name, metric in METRICS.items() if metric.fold == "mean"))


def write(path, setting, varied, dead, design=(), way=WAY):
    """Write a folder whose runs have the dead share `dead(values of the run)`; those of None have diverged."""
    base = config.over_defaults(setting)
    runs = grid.build(base, varied, design)
    tree = config.nested({key: list(v) if isinstance(v, tuple) else v for key, v in base.items()})
    seeds = {"seeds": len(varied["seed"])} if isinstance(varied["seed"], range) else {}
    listed = config.nested({key: leaf for key, leaf in varied.items() if key != "seed" or not seeds})
    tree |= {"name": "custom", "grid": listed, "factors": factors.written(design), **seeds}
    storage.write_yaml(path / "config.yaml", yaml.safe_dump(tree, sort_keys=False))
    frame = folders.naming_levels(runs)(folders.run_rows(runs))
    shares = [dead(row) for row in frame.iter_rows(named=True)]
    numbers = {name: pl.Series(shares, dtype=pl.Float64) for name in NUMBERS}
    frame = frame.with_columns(**ENDS).with_columns(**numbers, diverged=pl.Series([x is None for x in shares]))
    storage.write_table(path / "runs.parquet", frame)
    storage.write_table(path / "summary.parquet", summary.summarize(frame, runs.points), {"name": "custom"})
    storage.write_json(path / "provenance.json", {"computed": [way]})
    return path


def row(found, metric="dead_train_fraction", **where):
    """Return the one row of the table of a metric, at a grid point."""
    rows = found.table.filter(pl.col("metric") == metric, *(pl.col(key) == value for key, value in where.items()))
    return rows.row(0, named=True)


def test_a_paired_difference_is_students_over_the_pairs_that_are_whole(tmp_path):
    draw = np.random.default_rng(0)
    noise, effect = draw.uniform(0, 0.5, 1203), draw.uniform(0, 0.2, 1203)
    lost = {3: "a", 4: "b", 5: "b"}
    seeds = {"seed": range(1203)}
    a = write(tmp_path / "a", {}, seeds, lambda run: None if lost.get(run["seed"]) == "a" else noise[run["seed"]])
    b = write(
        tmp_path / "b", {"optimizer.learning_rate": 0.3}, seeds,
        lambda run: None if lost.get(run["seed"]) == "b" else noise[run["seed"]] + effect[run["seed"]],
    )  # fmt: skip
    found = compare(a, b)
    assert [tuple(each) for each in found.settings] == [("optimizer.learning_rate", "0.1", "0.3")]
    assert found.computed == []
    assert found.same_runs.runs == 0
    got = row(found)
    assert (got["paired"], got["n_pairs"], got["lost_a"], got["lost_b"]) == (True, 1200, 1, 2)
    whole = np.delete(effect, list(lost))
    low, high = scipy_stats.t.interval(0.95, 1199, whole.mean(), scipy_stats.sem(whole))
    np.testing.assert_allclose([got["difference"], got["ci_low"], got["ci_high"]], [whole.mean(), low, high])
    np.testing.assert_allclose(got["mean_a"], np.delete(noise, 3).mean())
    assert row(found, "diverged")["difference"] == pytest.approx(1 / 1203)


@pytest.mark.parametrize(
    ("setting", "seeds", "way"),
    [
        ({"model.widths": [8]}, range(8), WAY),  # other shapes
        ({"optimizer.momentum": 0.5, "optimizer.name": "momentum"}, range(100, 108), WAY),  # no seed in common
        ({"loss.scale": 2.0}, range(8), WAY | {"fingerprint": {"data": "3", "inputs": "4"}}),  # other examples
    ],
)
def test_runs_that_share_no_draws_are_two_samples(tmp_path, setting, seeds, way):
    a = write(tmp_path / "a", {}, {"seed": range(8)}, lambda run: run["seed"] % 8 / 10)
    b = write(tmp_path / "b", setting, {"seed": list(seeds)}, lambda run: 0.1 + run["seed"] % 8 / 10, way=way)
    got = row(compare(a, b))
    assert (got["paired"], got["n_pairs"]) == (False, None)
    assert got["difference"] == pytest.approx(0.1)
    error = np.sqrt(2 * np.var(np.arange(8) / 10) / 8)
    assert (got["ci_high"] - got["ci_low"]) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_points_match_by_the_values_that_vary_in_either_folder(tmp_path):
    rates = "optimizer.learning_rate"
    a = write(tmp_path / "a", {}, {"seed": range(5), rates: [0.1, 0.3, 1.0]}, lambda run: run[rates] / 10)
    b = write(
        tmp_path / "b", {"model.init.bias": 0.5},
        {"seed": range(5), rates: [0.1 + 0.2, 3.0, 1.0], "optimizer.name": ["sgd", "adam"]}, lambda run: run[rates] / 5,
    )  # fmt: skip
    found = compare(a, b)
    assert found.keys == (rates, "optimizer.name")
    assert found.only == (1, 4)
    assert found.table.filter(metric="test_loss").select(found.keys).rows() == [(0.3, "sgd"), (1.0, "sgd")]
    assert row(found, **{rates: 1.0})["difference"] == pytest.approx(0.1)
    assert {key: (a, b) for key, a, b in found.settings} == {
        "model.init.bias": ("null", "0.5"),
        "optimizer.name": ("sgd", "sgd, adam"),
        rates: ("0.1, 0.3, 1.0", "0.3, 1.0, 3.0"),
    }


def test_levels_match_by_name_and_their_values_are_compared(tmp_path):
    def design(decay, *more):
        levels = [Level("zero", "0", {"model.init.bias": 0.0})]
        levels.append(Level("decay", "decays", {"model.init.bias": 0.0, "optimizer.bias_decay": decay}))
        return [Factor("bias", "bias", (*levels, *more))]

    seeds = {"seed": range(5)}
    a = write(tmp_path / "a", {}, seeds, lambda run: 0.1, design(0.01))
    b = write(tmp_path / "b", {}, seeds, lambda run: 0.1 + 10 * run["optimizer.bias_decay"],
              design(0.02, Level("wide", "wide", {"model.widths": (9,)})))  # fmt: skip
    found = compare(a, b)
    assert [tuple(each) for each in found.settings] == [
        ("factor.bias", "zero, decay", "zero, decay, wide"),
        ("factor.bias.decay: optimizer.bias_decay", "0.01", "0.02"),
    ]
    assert (found.keys, found.only, found.titles) == (
        ("factor.bias",), (0, 1), {"factor.bias": {"zero": "0", "decay": "decays"}},
    )  # fmt: skip
    assert row(found, **{"factor.bias": "zero"})["difference"] == 0
    assert row(found, **{"factor.bias": "decay"})["difference"] == pytest.approx(0.2)
    assert figure(found).figure.axes[0].get_xlabel().startswith("difference, B − A")


def test_folders_without_a_point_in_common_are_refused_by_the_keys_that_have_no_value_in_common(tmp_path):
    seeds, rates = {"seed": range(2)}, "optimizer.learning_rate"
    a = write(tmp_path / "a", {}, {**seeds, rates: [0.1, 0.2]}, lambda run: 0.1)
    b = write(tmp_path / "b", {}, {**seeds, rates: [0.3, 0.4]}, lambda run: 0.1)
    with pytest.raises(UserError, match=r"optimizer.learning_rate is 0.1, 0.2 in A, 0.3, 0.4 in B"):
        compare(a, b)


@pytest.fixture
def folder(trained, tmp_path):
    """Copy a trained folder of a learning rate to a name: its path."""

    def copy(name, rate=0.1):
        done = trained(*TINY, "seeds=6", "out=done", f"optimizer.learning_rate={rate}")
        return shutil.copytree(done / "done", tmp_path / name)

    return copy


def test_a_trained_folder_and_its_copy_are_the_same_bit_for_bit(relubench, folder):
    folder("a"), folder("b")
    status, told, error = relubench("compare", "a", "b")
    assert (status, error) == (0, "")
    assert "settings that differ: nothing differs" in told
    assert "12 runs are in both, equal bit for bit" in told
    assert "the same mean in both at every grid point: dead_train_fraction, born_dead" in told


def test_runs_that_are_not_the_same_are_shown_with_how_far_they_differ(relubench, folder):
    folder("a")
    runs = storage.read_table(folder("b") / "runs.parquet")
    one = pl.int_range(pl.len()) == 3
    moved = runs.with_columns(pl.when(one).then(pl.col("test_loss") + 0.25).otherwise("test_loss").alias("test_loss"))
    storage.write_table(Path("b/runs.parquet"), moved)
    status, told, _ = relubench("compare", "a", "b")
    assert status == 0
    assert "12 runs are in both, and they differ: test_loss in 1 by up to 0.25" in told


def test_two_trained_settings_are_compared_and_written(relubench, folder):
    a, b = folder("a"), folder("b", rate=1.0)
    status, told, error = relubench("compare", "a", "b", "out=c")
    assert (status, error) == (0, "")
    assert "optimizer.learning_rate" in told
    assert "2 grid points in both" in told
    table = storage.read_table(Path("c/compare.parquet"))
    sides = [storage.read_table(side / "runs.parquet").sort("model.init.bias", "seed") for side in (a, b)]
    loss = sides[1]["train_loss"].to_numpy() - sides[0]["train_loss"].to_numpy()
    assert table.filter(metric="train_loss")["n_pairs"].to_list() == [6, 6]
    np.testing.assert_allclose(table.filter(metric="train_loss")["difference"], loss.reshape(2, 6).mean(1))
    assert {path.name for path in Path("c/figures").iterdir()} == {"compare.png", "compare.pdf", "compare.txt"}


def test_old_folders_are_compared_under_the_ids_of_today():
    found = compare(OLD / "schema_2/bias", OLD / "schema_3/bias")
    assert found.settings == []
    assert found.same_runs.runs == 120
    assert found.same_runs.differing.is_empty()
    assert found.table.height == 24 * 7
    assert found.table["paired"].all()


def test_summaries_alone_are_compared_without_jax(tmp_path):
    shutil.copytree(REFERENCE, tmp_path / "copy")
    code = "import sys; from relubench import cli; cli.main(sys.argv[1:]); print('jax' in sys.modules)"
    words = ("compare", str(REFERENCE), str(tmp_path / "copy"))
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "runs cannot be compared one by one: a folder has no runs.parquet" in done.stdout
    points = storage.read_table(REFERENCE / "summary.parquet").filter(pl.col("metric") == "dead_train_fraction").height
    assert f"{points} grid points in both" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("a",), "compare a: it takes two folders of results, and out=FOLDER"),
        (("a", "b", "c"), "it takes two folders of results"),
        (("a", "b", "out=c", "out=d"), "it takes two folders of results"),
        (("a", "b", "--force"), "it takes two folders of results"),
        (("nowhere", "a"), "nowhere: no such folder"),
        (("empty", "empty"), "no config.yaml there"),
        (("a", "a"), "a and a: they are one folder"),
        (("a", "cut"), "cut/summary.parquet: no such file"),
        (("a", "unsigned"), "unsigned/provenance.json: it cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(relubench, folder, words, told):
    folder("a"), Path("empty").mkdir()
    (folder("cut") / "summary.parquet").unlink()
    (folder("unsigned") / "provenance.json").unlink()
    status, _, error = relubench("compare", *words)
    assert status == 2
    assert told in error
    assert len(error.splitlines()) == 1

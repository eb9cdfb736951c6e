"""The same bits for the same run, through the command line, however it is trained."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from tests.support.command_line import command as run_here

BASE = ["experiment=custom", "train.steps=60", "model.widths=[16,16]", "probe.count=5", "figures=false", "first_seed=0"]
GRID = ["grid.optimizer.learning_rate=[.05,.5]", "grid.model.activation.name=[relu,tanh]", "seeds=6"]


def command(*arguments):
    return [sys.executable, "-m", "relubench", *arguments]


@pytest.fixture(scope="module")
def compiled_quickly():
    """Nothing: these are the bits of what users run, and some of them are trained by other processes."""


def run(folder, *arguments, status=0):
    found, out, err = run_here(folder, *arguments)
    assert found == status, out + err
    return out


def runs_of(folder, out="results/custom"):
    return pl.read_parquet(folder / out / "runs.parquet")


def same_rows(ours, theirs):
    """Whether each row of `ours` stands in `theirs` with the same bits."""
    assert ours.height
    assert ours.equals(theirs.filter(pl.col("run_id").is_in(ours["run_id"].implode())).select(ours.columns))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(folder, *BASE, *GRID)
    return folder


TABLES = ("runs", "probes", "layers", "summary", "curves")


def same_files(folder, whole, out="results/custom"):
    for name in TABLES:
        ours, theirs = (base / f"{name}.parquet" for base in (folder / out, whole / "results/custom"))
        assert pl.read_parquet(ours).equals(pl.read_parquet(theirs)), name


def test_alone(whole, tmp_path):
    run(tmp_path, *BASE, "seed=4", "optimizer.learning_rate=.5", "model.activation.name=tanh")
    same_rows(runs_of(tmp_path), runs_of(whole))


@pytest.mark.slow
def test_in_another_order_and_a_larger_grid(whole, tmp_path):
    run(
        tmp_path, *BASE, "grid.seed=[9,5,4,3,2,1,0]", "grid.model.activation.name=[tanh,relu]",
        "grid.optimizer.learning_rate=[.5,.1,.05]",
    )  # fmt: skip
    same_rows(runs_of(whole), runs_of(tmp_path))


@pytest.mark.slow
def test_as_an_ordinary_multirun_of_hydra(whole, tmp_path):
    swept = ["seed=range(0,6)", "optimizer.learning_rate=.05,.5", "model.activation.name=relu,tanh"]
    run(tmp_path, "-m", *BASE, *swept)
    same_rows(runs_of(whole), runs_of(tmp_path))


def test_a_multirun_needs_no_other_plug_in_of_hydra(tmp_path):
    without = "import sys; sys.modules['hydra_plugins'] = None; from relubench.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", without, "plan", "-m", *BASE, "seed=1,2"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "runs        2 (2 to train)" in done.stdout, done.stderr


def test_on_one_device(whole, tmp_path):
    run(tmp_path, *BASE, *GRID, "engine.devices=1")
    same_files(tmp_path, whole)


def test_in_shards_that_are_merged(whole, tmp_path):
    run(tmp_path, *BASE, *GRID, "shard=2/3")
    assert not (tmp_path / "results/custom/runs.parquet").exists()
    told = run(tmp_path, "merge", *BASE, *GRID, status=1)
    assert "16 of 24 runs are missing" in told
    same_rows(runs_of(tmp_path), runs_of(whole))
    run(tmp_path, "-m", *BASE, *GRID, "shard=0/3,1/3")
    run(tmp_path, "merge", *BASE, *GRID)
    same_files(tmp_path, whole)


@pytest.mark.slow
def test_in_a_grid_that_has_grown(whole, tmp_path):
    run(tmp_path, *BASE, "grid.optimizer.learning_rate=[.5]", "grid.model.activation.name=[relu,tanh]", "seeds=4")
    told = run(tmp_path, *BASE, *GRID)
    assert "8 of 24 runs are on disk already" in told
    same_files(tmp_path, whole)


@pytest.mark.slow
def test_after_kill_9(whole, tmp_path):
    parts = tmp_path / "results/custom/parts"
    process = subprocess.Popen(
        command(*BASE, *GRID), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(parts.glob("*.parquet")):  # the first of two groups
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(tmp_path, "merge", *BASE, *GRID, status=1)
    told = run(tmp_path, *BASE, *GRID)
    assert "12 of 24 runs are on disk already" in told
    same_files(tmp_path, whole)


@pytest.mark.slow
def test_after_ctrl_c_in_the_middle_of_a_long_run(tmp_path):
    long = [*BASE, "train.steps=200000", "train.batch_size=4", "model.widths=[4]", "probe.spacing=linear"]
    run(tmp_path, *long, "out=smooth")
    told_at_once = (
        "import sys; from relubench import cli; from relubench.cli import progress; progress.LINE_SECONDS = 0; "
        "sys.exit(cli.main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", told_at_once, *long, "out=cut"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    checkpoints = tmp_path / "cut/checkpoints"
    told = process.stdout.readline()  # a line of progress after the first call of the program
    assert "run-steps/s" in told
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "0 of 1 runs finished" in out
    assert "the same command resumes: python -m relubench experiment=custom" in err
    assert len(list(checkpoints.iterdir())) == 1
    run(tmp_path, *long, "out=cut")
    assert not list(checkpoints.iterdir())
    assert runs_of(tmp_path, "cut").equals(runs_of(tmp_path, "smooth"))


def test_a_run_trained_again_has_the_weights_that_its_row_tells_of(whole, monkeypatch):
    import relubench

    monkeypatch.chdir(whole)
    row = runs_of(whole).filter(pl.col("model.activation.name") == "relu").row(0, named=True)
    weights = relubench.retrain("results/custom", row["run_id"])
    assert [kernel.shape for kernel, _ in weights] == [(64, 16), (16, 16), (16, 10)]
    dead = count_dead_by_hand(weights)
    assert dead == row["dead_train"]


def count_dead_by_hand(weights):
    from relubench import config, data

    x, dead = data.load(config.Data()).x_train, 0
    for kernel, bias in weights[:-1]:
        z = x @ kernel + bias
        dead += int((z <= 0).all(0).sum())
        x = z.clip(0)
    return dead


def test_one_core_is_one_device(whole, tmp_path):
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs a choice of two cores")
    core = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, {{{core}}}); from relubench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", pinned, "plan", *BASE, *GRID], cwd=tmp_path, capture_output=True, text=True
    )
    assert "on 1 cpu device" in done.stdout

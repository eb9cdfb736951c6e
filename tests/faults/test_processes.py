"""Processes that are killed, stopped or get in each other's way: after each, the tables of an undisturbed sweep."""

import os
import random
import signal
import time

import pytest

from tests.support.sweeps import TIMES, finish, same_tables, start, sweep

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trial", range(10 * TIMES))
def test_after_kill_9_at_any_moment(whole, duration, tmp_path, trial):
    process = start(tmp_path)
    time.sleep(random.Random(trial).uniform(0, duration))
    process.kill()
    process.communicate()
    sweep(tmp_path)
    same_tables(tmp_path, whole)
    assert not list((tmp_path / "results/custom").rglob(".tmp-*"))


@pytest.mark.parametrize("trial", range(2 * TIMES))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_after_a_signal_at_any_moment(whole, duration, tmp_path, number, trial):
    process = start(tmp_path, env={name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"})
    time.sleep(random.Random(trial).uniform(0.5, duration))  # before, Python itself may not have begun
    process.send_signal(number)
    output = finish(process, statuses=(0, 128 + number, -number))
    if process.returncode == 128 + number:
        assert "the same command resumes: python -m relubench" in output
    sweep(tmp_path)
    same_tables(tmp_path, whole)


def test_under_slurm_a_run_goes_on_after_sigterm_and_saves_as_it_goes(whole, tmp_path):
    hurried = (
        "from relubench.sweeps import layout; layout.CALL_SECONDS = 1e-9; from relubench import cli; cli.process()"
    )
    process = start(tmp_path, code=hurried, env={**os.environ, "SLURM_JOB_ID": "1"})
    checkpoints = tmp_path / "results/custom/checkpoints"
    while not (tmp_path / "results/custom/config.yaml").exists():  # before, Python itself may not have begun
        assert process.poll() is None
        time.sleep(0.01)
    while process.poll() is None and not checkpoints.exists():  # there is none before the signal
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert list(checkpoints.iterdir())
    sweep(tmp_path)
    same_tables(tmp_path, whole)


def test_two_runs_on_one_folder(whole, tmp_path):
    processes = [start(tmp_path) for _ in range(2)]
    for process in processes:
        finish(process)
    sweep(tmp_path)
    same_tables(tmp_path, whole)


def test_merges_beside_a_run(whole, tmp_path):
    process = start(tmp_path)
    while not list(tmp_path.glob("results/custom/parts/*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    while process.poll() is None:
        sweep(tmp_path, "merge", statuses=(0, 1))
    finish(process)
    sweep(tmp_path, "merge")
    same_tables(tmp_path, whole)

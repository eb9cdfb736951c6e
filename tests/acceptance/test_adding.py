"""The walk-through of docs/adding-an-experiment.md: its very files, in a copy of the package, make an experiment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-an-experiment.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its configuration with the files that the page shows."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("relubench", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shown = re.findall(r"`([\w/]+\.(?:yaml|py))`:\n```(?:yaml|python)\n(.*?)```", PAGE.read_text(), re.S)
    assert [Path(name).suffix for name, _ in shown] == [".yaml", ".py", ".py", ".py"]
    for name, text in shown:
        assert not (folder / name).exists(), f"{name} is no longer new"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "relubench", *arguments], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_new_experiment_is_listed_with_its_question(copy):
    line = next(line for line in run(copy, "list").splitlines() if line.startswith("batch_size"))
    assert line.endswith("Do smaller batches kill more units?")


@pytest.mark.slow
def test_the_new_experiment_trains_judges_its_claim_and_draws(copy):
    run(copy, "experiment=batch_size", "seeds=6", "train.steps=120", "grid.train.batch_size=[16,256]")
    claims = pl.read_parquet(copy / "results/batch_size/claims.parquet")
    assert claims.select("claim", "condition", "n").rows() == [(101, "SGD, rate 0.5", 6), (101, "Adam, rate 0.03", 6)]
    assert claims["value"][0] > 0
    caption = (copy / "results/batch_size/figures/batch_size.txt").read_text()
    assert 'Claim 101, "Smaller batches kill more units"' in caption

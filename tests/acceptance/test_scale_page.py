"""The commands of docs/scale.md run as bash reads them, with fewer seeds, and do what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

PAGE = Path(__file__).parents[2] / "docs/scale.md"
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
TABLES = ("runs", "probes", "layers", "summary", "values", "curves", "claims")
#: Numbers of seeds and shares on the page, and here.
SMALL = {"seeds=25000000": "seeds=6", "seeds=1000": "seeds=3", "shard=0/1000": "shard=0/2"}


def script(blocks):
    text = "\n".join(blocks)
    for large, small in SMALL.items():
        assert large in text
        text = text.replace(large, small)
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the page's commands have run, and the same sweep in one folder."""
    path = tmp_path_factory.mktemp("page")
    here = f'python() {{ "{sys.executable}" "$@"; }}'
    whole = "python -m relubench $SWEEP seeds=6 out=whole"
    lines = "\n".join([here, script(BLOCKS), whole])
    quickly = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(["bash", "-ec", lines], cwd=path, capture_output=True, text=True, env=quickly)
    assert done.returncode == 0, done.stdout + done.stderr
    (path / "said").write_text(done.stdout)
    return path


@pytest.mark.slow
def test_parts_of_two_folders_copied_together_give_the_bytes_of_one(folder):
    for name in TABLES:
        some, whole = ((folder / out / f"{name}.parquet").read_bytes() for out in ("all", "whole"))
        assert some == whole, name


@pytest.mark.slow
def test_a_merge_with_fewer_seeds_folds_them_alone_and_writes_all_runs(folder):
    assert pl.read_parquet(folder / "few/runs.parquet").height == 24
    assert pl.read_parquet(folder / "few/summary.parquet")["n"].max() == 3


@pytest.mark.slow
def test_a_share_is_planned(folder):
    assert "runs        12 (12 to train)" in (folder / "said").read_text()

"""What docs/cluster.md shows for other clusters than Slurm, as far as one machine can tell."""

import json
import os
import re
import socket
import subprocess
import sys

import polars as pl
import pytest
import yaml

from relubench.sweeps import machine
from tests.support.pages import DOCS, shown_files
from tests.support.sweeps import same_tables

PAGE = DOCS / "cluster.md"


@pytest.fixture(scope="module")
def quick_options():
    """Return none: the processes compile without, too."""
    return {}


def test_the_pods_of_an_indexed_job_train_a_share_each(relubench, tmp_path, monkeypatch):
    spec = yaml.safe_load(shown_files(PAGE)["sweep.yaml"])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"][:3] == ["python", "-m", "relubench"]
    words = [word.replace("out=/results/", "out=") for word in container["command"][3:]]
    for index in reversed(range(spec["completions"])):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        status, _, error = relubench(*words)
        assert status == 0, error
    assert len(list((tmp_path / "shared/parts").iterdir())) == spec["completions"]
    assert relubench("again", "shared", "figures=false")[0] == 0
    alone = [word for word in words if not word.startswith(("out=", "shard="))]
    assert relubench(*alone, "figures=false", "out=whole")[0] == 0
    same_tables(tmp_path / "shared", tmp_path / "whole", out=".")


@pytest.mark.slow
def test_processes_of_jax_distributed_train_a_share_each(relubench, tmp_path):
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "distributed" in code)
    words = ["experiment=custom", "seeds=5", "train.steps=20", "model.widths=[8]", "probe.count=2", "figures=false"]
    status, _, error = relubench(*words, "out=whole")
    assert status == 0, error
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    codes = [code.replace("initialize()", f"initialize({address!r}, 2, {n})") for n in range(2)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", own, *words, "out=shared"],
            cwd=tmp_path, env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for own in codes
    ]  # fmt: skip
    told = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert not any(err for _, err in told)  # that JAX was in use before, say
    origins = [pl.read_parquet_metadata(path)["relubench_origin"] for path in (tmp_path / "shared/parts").iterdir()]
    assert [json.loads(origin)["devices"] for origin in origins] == [min(2, machine.usable_cores())] * 2
    status, _, error = relubench("merge", *words, "out=shared")
    assert status == 0, error
    same_tables(tmp_path / "shared", tmp_path / "whole", out=".")

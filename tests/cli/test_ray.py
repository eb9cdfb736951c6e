"""Hydra's launcher for Ray: shards in workers of its own, on this machine."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.support.pages import DOCS
from tests.support.sweeps import same_tables

pytest.importorskip("ray", reason="extra ray")
pytestmark = pytest.mark.slow

TINY = ("experiment=custom", "seeds=3", "train.steps=20", "model.widths=[8]", "probe.count=2", "figures=false")
OWN = ("--config-dir=conf", "imports=[capped]", "model.activation.name=capped", *TINY)
WORKERS = (
    "-m", "hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2", "hydra.launcher.ray.init.include_dashboard=false",
)  # fmt: skip
CAPPED = """
from relubench.lazy import jnp
from relubench.nn import ACTIVATIONS
from relubench.nn.activations import Activation

ACTIVATIONS.register("capped")(Activation(lambda z: jnp.clip(z, 0, 6), piecewise_linear=True))
"""


def shown():
    """Return the words of the command that docs/cluster.md shows."""
    blocks = re.findall(r"```sh\npython -m relubench (.*?)```", (DOCS / "cluster.md").read_text(), re.S)
    (block,) = (block for block in blocks if "launcher=ray" in block)
    return shlex.split(block.replace("\\\n", " "))


def relubench(folder, *words):
    """Run a command line in a process of its own, which Ray's own are children of."""
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "relubench", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_shards_of_two_workers_make_the_tables_of_one_process_with_a_module_of_ones_own(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/capped.py").write_text(CAPPED)
    for words in (
        (*OWN, *WORKERS, "shard=0/2,1/2", "out=shared"),
        ("merge", *OWN, "out=shared"),
        (*OWN, "out=whole"),
    ):
        status, told = relubench(tmp_path, *words)
        assert status == 0, told
    assert len(list((tmp_path / "shared/parts").iterdir())) == 2
    same_tables(tmp_path / "shared", tmp_path / "whole", out=".")


def test_the_command_of_the_page(tmp_path):
    status, told = relubench(tmp_path, *shown(), "hydra.launcher.ray.init.include_dashboard=false")
    assert status == 0, told
    assert len(list((tmp_path / "results/shared/parts").iterdir())) == 4  # two shares of two programs


def test_a_shard_that_fails_is_the_commands_exit_status_and_stops_no_other(tmp_path):
    status, told = relubench(tmp_path, *TINY, *WORKERS, "shard=2/2,0/2")
    assert status == 2
    assert "relubench: shard='2/2': it takes i/n" in told
    assert len(list((tmp_path / "results/custom/parts").iterdir())) == 1

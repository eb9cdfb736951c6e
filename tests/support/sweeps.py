"""A small sweep to disturb: how it is started, and how its tables are compared with those of an undisturbed one."""

import os
import subprocess
import sys
import time

import polars as pl

from tests.support.command_line import command

#: How many times as much is tried as by default: `make faults` sets it.
TIMES = int(os.environ.get("RELUBENCH_FAULTS", "1"))
#: Two programs, 24 runs.
WORDS = (
    "experiment=custom", "train.steps=60", "model.widths=[8]", "probe.count=3", "train.batch_size=16", "seeds=6",
    "grid.optimizer.learning_rate=[.05,.5]", "grid.optimizer.name=[sgd,adam]", "figures=false",
)  # fmt: skip
#: Steps by steps, each saved: a process that is killed leaves parts and checkpoints.
CUT = (
    "from relubench.sweeps import engine, layout; layout.CALL_SECONDS = 1e-9; engine.CHECKPOINT_SECONDS = 0; "
    "from relubench import cli; cli.process()"
)
TABLES = ("runs", "probes", "layers", "summary")


def start(folder, *words, code=CUT, env=None):
    """Start the sweep in a process of its own, compiled as the tests' own process compiles."""
    quickly = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words, *WORDS], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=(os.environ if env is None else env) | quickly,
    )  # fmt: skip


def checked(status, out, err, statuses):
    """Check how a sweep has ended: with one of these statuses, and no more than a line of what was wrong."""
    assert status in statuses, out + err
    assert "Traceback" not in out + err
    assert len(err.strip().splitlines()) <= 1, err
    return err


def finish(process, statuses=(0,)):
    """Wait for a process; return what it says on standard error."""
    out, err = process.communicate(timeout=300)
    return checked(process.returncode, out, err, statuses)


def sweep(folder, *words, statuses=(0,)):
    """Run the sweep to its end in this process; return what it says on standard error."""
    return checked(*command(folder, *words, *WORDS), statuses)


def seconds(folder):
    """Return how long an undisturbed sweep takes that is cut and saved as the disturbed ones are."""
    begun = time.monotonic()
    finish(start(folder))
    return time.monotonic() - begun


def same_tables(folder, whole, out="results/custom"):
    """Assert that all tables of the sweep in `folder` are those of `whole`."""
    for name in TABLES:
        some, same = (pl.read_parquet(base / out / f"{name}.parquet") for base in (folder, whole))
        assert some.equals(same), name

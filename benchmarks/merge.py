"""Seconds and peak memory of planning and merging over the number of runs, without training them.

    python benchmarks/merge.py [--runs 10000,100000,1000000] [--shards 1] [--keep DIR]

A small sweep is trained; the parts of a large one repeat its outcomes under ids and seeds of their own, so that
`merge` finds nothing to object to.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from relubench.cli import compose
from relubench.config import SETTING_KEYS
from relubench.sweeps import folders, storage
from relubench.sweeps.grid import Grid

#: Digits on 64-32-32-10, 100 steps; units are counted at five probes.
WORDS = (
    "experiment=custom", "model.widths=[32,32]", "train.steps=100", "probe.count=5", "figures=false",
    "grid.optimizer.learning_rate=[.01,.1,.3,1]",
)  # fmt: skip
RATES = 4
TRAINED = 1_000
#: Runs whose seeds are folded where all tables are written.
FOLDED = 1_000
#: Runs of a part: what a call of two seconds trains on two cores.
PART_RUNS = 736


class Row(NamedTuple):
    """What a command took."""

    seconds: float
    memory: float  # peak of resident memory in GB


def words(runs: int, out: Path | str) -> list[str]:
    """Return the words of a sweep of so many runs."""
    return [*WORDS, f"seeds={runs // RATES}", f"out={out}"]


def fabricate(runs: int, trained: Path, out: Path, shards: int = 1) -> None:
    """Write the folder that a sweep of so many runs would leave, trained in so many shares."""
    request = compose.request_of("custom", words(runs, out))
    folder = folders.Folder(out)
    folder.claim(request.config.name, request.base, set(request.grid.keys), request.yaml)
    outcomes, origin = _outcomes(trained)
    for share in (request.grid.shard(index, shards) for index in range(shards)):
        for first in range(0, len(share), PART_RUNS):
            rows = np.arange(first, min(first + PART_RUNS, len(share)))
            folder.write_part(_part(share.take(rows), outcomes), {**origin, "runs": len(rows)})


def _outcomes(trained: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return what parts hold of their runs beside the settings, and where they say that it comes from."""
    paths = folders.Folder(trained).part_paths()
    rows = pl.concat([pl.read_parquet(path) for path in paths]).sort("optimizer.learning_rate", "seed")
    origin = storage.read_verified(paths[0])[1]
    return rows.drop("run_id", *SETTING_KEYS), origin


def _part(runs: Grid, outcomes: pl.DataFrame) -> pl.DataFrame:
    rate, seed = runs.codes.T
    taken = outcomes[rate * (TRAINED // RATES) + seed % (TRAINED // RATES)]
    return pl.concat([folders.run_rows(runs), taken], how="horizontal").sort("run_id")


def measure(*arguments: str) -> Row:
    """Run a command of relubench in a process of its own."""
    called = [sys.executable, "-m", "relubench", *arguments]
    begun = time.perf_counter()
    process = subprocess.Popen(called, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(called)} ended with status {os.waitstatus_to_exitcode(status)}")
    return Row(time.perf_counter() - begun, used.ru_maxrss / 2**20)


def _apart(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in a process of its own: a child's peak of memory is no less than what its parent holds."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def main() -> None:
    """Train, fabricate, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", default="10000,100000,1000000")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder in which the sweeps stay, for another time")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (root / "trained").exists():
            measure(*words(TRAINED, root / "trained"))
        print("| runs | parts | their MB | plan, s | GB | tables, s | GB | all, s | GB |")
        print("|---" * 9 + "|")
        for runs in map(int, asked.runs.split(",")):
            out = root / f"{runs}"
            if not out.exists():
                _apart(fabricate, runs, root / "trained", out, asked.shards)
            sizes = [path.stat().st_size for path in folders.Folder(out).part_paths()]
            commands = (("plan", runs), ("merge", FOLDED), ("merge", runs))
            plan, tables, merge = (measure(verb, *words(asked_for, out)) for verb, asked_for in commands)
            print(
                f"| {runs:,} | {len(sizes):,} | {sum(sizes) / 2**20:,.0f} | {plan.seconds:.1f} | {plan.memory:.2f} "
                f"| {tables.seconds:.1f} | {tables.memory:.2f} | {merge.seconds:.1f} | {merge.memory:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Run-steps/s and peak memory of one command over the number of its runs.

    python benchmarks/scale.py [--runs 100,1000,10000,100000] [--figure docs/scale.png]

Each number of runs is a command of its own, from its start to its tables on disk, with its programs compiled before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

STEPS = 100
#: Digits on 64-32-32-10, batch 64; units are counted at five probes.
WORDS = ("experiment=custom", "model.widths=[32,32]", f"train.steps={STEPS}", "probe.count=5", "figures=false")


class Row(NamedTuple):
    """What a command took."""

    runs: int
    seconds: float
    rate: float  # run-steps/s
    memory: float  # peak of resident memory in GB
    disk: float  # GB


def _command(runs: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "relubench", *WORDS, f"seeds=${{range:{runs}}}", "out=out"]
        begun = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        if status:
            sys.exit(f"{' '.join(words)} ended with status {os.waitstatus_to_exitcode(status)}")
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Row(runs, seconds, runs * STEPS / seconds, used.ru_maxrss / 2**20, disk / 2**30)


def _draw(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    from relubench.plots.canvas import house_style

    with house_style():
        figure, (rate, memory) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
        runs = [row.runs for row in rows]
        rate.plot(runs, [row.rate for row in rows], marker="o")
        rate.set(xscale="log", ylim=(0, None), xlabel="runs", ylabel="run-steps/s, from start to tables")
        memory.plot(runs, [row.memory for row in rows], marker="o")
        memory.set(xscale="log", ylim=(0, None), xlabel="runs", ylabel="peak memory (GB)")
        figure.savefig(path)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", default="100,1000,10000,100000")
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    _command(16)  # compiled before anything is measured
    print("| runs | seconds | run-steps/s | peak memory, GB | on disk, GB |\n|---|---|---|---|---|")
    rows = []
    for runs in map(int, asked.runs.split(",")):
        rows.append(_command(runs))
        row = rows[-1]
        print(f"| {row.runs:,} | {row.seconds:.1f} | {row.rate:,.0f} | {row.memory:.2f} | {row.disk:.2f} |", flush=True)
    if asked.figure:
        _draw(rows, asked.figure)


if __name__ == "__main__":
    main()

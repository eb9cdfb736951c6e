"""Run-steps/s of one program on 1, 2, 4, … devices of this machine, beside those on one.

    python benchmarks/devices.py [--devices 8] [--rounds 5]

Processors are divided into as many devices as are asked for; accelerators are taken as they are. All measurements of a
round follow each other in one process. More devices than cores show what it costs to divide the work.
"""

from __future__ import annotations

import argparse
import statistics

import jax
import numpy as np
from workloads import WORKLOADS

#: Runs for each device where all work: blocks enough for none to wait long.
RUNS = 128
STEPS = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=8, help="processors are divided into so many")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", asked.devices)

    from relubench import config, data
    from relubench.sweeps import engine, grid, layout, machine

    machine.prepare()
    (workload,) = (workload for workload in WORKLOADS if workload.name == "W7")
    values = config.over_defaults({"train.steps": 10 * STEPS, **workload.values, "probe.count": 2})
    runs = RUNS * len(jax.local_devices())
    seeds = grid.build(values, {"seed": list(range(runs))})
    counts = [1 << n for n in range(len(jax.local_devices()).bit_length())]
    chunks = {}
    for count in counts:
        (group,) = layout.lay_out(seeds, data.loader(None), machine.make_machine(config.Engine(devices=count)))
        program = engine.compile_group(group)
        program.allot()
        chunks[count] = engine.Chunk(program, np.arange(runs))
        chunks[count].advance(STEPS)
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(asked.rounds):
        for count, chunk in chunks.items():
            chunk.step = STEPS
            seconds[count].append(chunk.advance(2 * STEPS))
    print(f"{workload.title}, {runs:,} runs on {jax.local_devices()[0].device_kind}, {machine.usable_cores()} cores")
    print("| devices | run-steps/s | spread | beside one device |\n|---|---|---|---|")
    for count, took in seconds.items():
        beside = statistics.median(one / own for one, own in zip(seconds[1], took, strict=True))
        spread = statistics.median(took) / min(took) - 1
        print(f"| {count} | {runs * STEPS / min(took):,.0f} | {spread:.0%} | {beside:.2f} |")


if __name__ == "__main__":
    main()

"""relubench: steady steps with the counter, and one probe of all runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workloads import Workload

STEPS = 2000  # of the runs, of which a measurement times a few


def bare(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what `counted` does with the forward pass, the gradient and the update alone in the steps."""
    from relubench.run import loop

    loop.count = lambda structure, forward, loss, counters, step, epoch_steps: (loss == loss, counters)  # type: ignore[assignment]
    return counted(workload)


def counted(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what takes so many steps of all runs, and what takes one step and a probe: seconds a run."""
    from relubench import config, data
    from relubench.sweeps import engine, grid, layout, machine

    machine.prepare()
    values = config.over_defaults({"train.steps": STEPS, **workload.values})
    seeds = grid.build(values, {"seed": list(range(workload.runs))})
    (group,) = layout.lay_out(seeds, data.loader(None), machine.make_machine(config.Engine()))
    program = engine.compile_group(group)
    program.allot()
    chunk = engine.Chunk(program, np.arange(workload.runs))
    probed = int(group.probes[-3])  # steps follow without a probe
    chunk.advance(probed)

    def steps(number: int) -> float:
        chunk.step = probed
        return chunk.advance(probed + number) / number / workload.runs

    def step_and_probe(_number: int) -> float:
        chunk.step = probed - 1
        return chunk.advance(probed) / workload.runs

    return {"step": steps, "probe": step_and_probe}

"""Training speed beside other ways of doing the same work, and the machine's own matrix-multiply rate as the limit.

    python benchmarks/speed.py [--rounds 7] [--runs 64]

Three processes take turns, so that a noisy machine is noisy for all: one holds relubench with a host device per core,
one the same without its counter, the third everything that uses XLA's own threads. Rates are medians over the rounds.
FLOPs of a step: 6 an example and weight, less the gradient of the inputs of layer 1.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

STEPS = 2000  # of the runs whose share of probes is reported
WINDOW = 60  # steps that a measurement times
COUNTED, BARE, OTHERS = "relubench", "without the counter", "others"  # a process each


class Workload(NamedTuple):
    """A network and its batches."""

    name: str
    widths: list[int]
    batch: int
    bar: float | None  # share of the sgemm rate that relubench should reach


WORKLOADS = [
    Workload("64-128x4-10, batch 128", [128] * 4, 128, 0.85),
    Workload("64-64-64-10, batch 128", [64] * 2, 128, 0.70),
    Workload("64-64x3-10, batch 64 (the main job)", [64] * 3, 64, None),
]


def _median_of(time_once: Callable[[], float]) -> float:
    return statistics.median(time_once() for _ in range(3))


def _relubench(workload: Workload, runs: int) -> Callable[[], dict[str, float]]:
    """Return what times a step of all runs, and one probe of all runs, in seconds."""
    from relubench import config, data
    from relubench.sweeps import engine, grid, layout, machine

    machine.prepare()
    values = {
        "train.steps": STEPS, "train.batch_size": workload.batch, "model.widths": tuple(workload.widths),
        "optimizer.learning_rate": 0.05,
    }  # fmt: skip
    seeds = grid.build(config.over_defaults(values), {"seed": list(range(runs))})
    (group,) = layout.lay_out(seeds, data.loader(None), machine.make_machine(config.Engine()))
    program = engine.compile_group(group)
    program.allot()
    probes = group.probes
    chunk = engine.Chunk(program, np.arange(runs))
    chunk.advance(int(probes[-3]))

    def measure() -> dict[str, float]:
        chunk.step = int(probes[-3])
        step = chunk.advance(chunk.step + WINDOW) / WINDOW
        chunk.step = int(probes[-3]) - 1
        return {"step": step, "probe": max(_median_of(lambda: _one_probe(chunk, int(probes[-3]))) - step, 0.0)}

    return measure


def _one_probe(chunk: Any, at: int) -> float:
    chunk.step = at - 1
    return chunk.advance(at)


def _without_counter() -> None:
    """Leave the forward pass, the gradient and the update alone in the steps that this process compiles."""
    from relubench.run import loop

    loop.count = lambda forward, loss, counters, step, epoch_steps: (loss == loss, counters)


def _plain_step(workload: Workload) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return (init(key), step(params, key)) of hand-written layers without any counting."""
    import jax
    import jax.numpy as jnp
    import optax

    from relubench import config, data

    digits = data.load(config.Data())
    x, y = jnp.asarray(digits.x_train, jnp.float32), jnp.asarray(digits.y_train)
    sizes = [64, *workload.widths, 10]

    def init(key: Any) -> Any:
        keys = jax.random.split(key, len(sizes) - 1)
        shapes = zip(keys, itertools.pairwise(sizes), strict=True)
        return [(jax.random.normal(k, (i, o)) * (2 / i) ** 0.5, jnp.zeros(o)) for k, (i, o) in shapes]

    def loss(params: Any, x: Any, y: Any) -> Any:
        for kernel, bias in params[:-1]:
            x = jax.nn.relu(x @ kernel + bias)
        output = x @ params[-1][0] + params[-1][1]
        return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()

    def step(params: Any, key: Any) -> Any:
        rows = jax.random.randint(key, (workload.batch,), 0, len(x))
        gradient = jax.grad(loss)(params, x[rows], y[rows])
        return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient)

    return init, step


def _loop(workload: Workload) -> Callable[[], dict[str, float]]:
    """A Python loop of jitted steps, one run at a time."""
    import jax

    init, step = _plain_step(workload)
    jitted, params = jax.jit(step, donate_argnums=0), jax.jit(init)(jax.random.key(0))
    keys = list(jax.random.split(jax.random.key(1), WINDOW))

    def once() -> float:
        nonlocal params
        start = time.perf_counter()
        for key in keys:
            params = jitted(params, key)
        jax.block_until_ready(params)
        return time.perf_counter() - start

    once()
    return lambda: {"step": once() / WINDOW}


def _vmap(workload: Workload, runs: int) -> Callable[[], dict[str, float]]:
    """One vmap over all runs around a scan."""
    import jax
    from jax import lax

    init, step = _plain_step(workload)

    def train(params: Any, key: Any) -> Any:
        return lax.scan(lambda p, k: (step(p, k), None), params, jax.random.split(key, WINDOW))[0]

    program = jax.jit(jax.vmap(train), donate_argnums=0)
    params = jax.jit(jax.vmap(init))(jax.random.split(jax.random.key(0), runs))
    keys = jax.random.split(jax.random.key(1), runs)

    def once() -> float:
        nonlocal params
        start = time.perf_counter()
        params = jax.block_until_ready(program(params, keys))
        return time.perf_counter() - start

    once()
    return lambda: {"step": once() / WINDOW}


def _sgemm() -> Callable[[], dict[str, float]]:
    """Products of 2048 x 2048 float32 matrices by XLA on all cores."""
    import jax
    import jax.numpy as jnp

    a = jax.random.normal(jax.random.key(0), (2048, 2048))
    product = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))

    def once() -> float:
        start = time.perf_counter()
        jax.block_until_ready(product(a))
        return time.perf_counter() - start

    once()
    return lambda: {"flops": 2 * 2048**3 / _median_of(once)}


def _serve(pipe: Any, runs: int, side: str) -> None:
    """Prepare the measurements of one side and take them as the other end of the pipe asks."""
    made: dict[tuple[str, str], Callable[[], dict[str, float]]] = {}
    if side == BARE:
        _without_counter()
    for workload in WORKLOADS:
        if side == OTHERS:
            made["loop of jitted steps", workload.name] = _loop(workload)
            made["one vmap of all runs", workload.name] = _vmap(workload, runs)
        else:
            made[side, workload.name] = _relubench(workload, runs)
    if side == OTHERS:
        made["sgemm", ""] = _sgemm()
    pipe.send(list(made))
    while (asked := pipe.recv()) is not None:
        pipe.send(made[asked]())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=64)
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    sides = []
    for side in (COUNTED, BARE, OTHERS):
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, asked.runs, side), daemon=True)
        process.start()
        sides.append((here, here.recv(), process))
    measured: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(asked.rounds):
        for pipe, names, _process in sides:
            for name in names:
                pipe.send(name)
                measured.setdefault(name, []).append(pipe.recv())
    for pipe, _, _process in sides:
        pipe.send(None)
    _report(measured, asked.runs)


def _report(measured: dict[tuple[str, str], list[dict[str, float]]], runs: int) -> None:
    from relubench.sweeps.layout import step_flops

    sgemm = statistics.median(each["flops"] for each in measured["sgemm", ""])
    print(
        f"XLA sgemm, 2048 x 2048, float32, all cores: {sgemm / 1e9:.0f} GF/s; {runs} runs; {STEPS} steps, 20 probes\n"
    )
    for workload in WORKLOADS:
        sizes = [64, *workload.widths, 10]
        flops = step_flops(list(itertools.pairwise(sizes)), workload.batch)
        print(f"| {workload.name} | run-steps/s | GF/s | of sgemm |\n|---|---|---|---|")

        def line(name: str, seconds: list[float], steps: float, flops: float = flops) -> None:
            rates = [steps / each for each in seconds]
            share = statistics.median(rates) * flops / sgemm
            print(f"| {name} | {statistics.median(rates):,.0f} | {share * sgemm / 1e9:.0f} | {share:.0%} |")

        counted, bare = measured[COUNTED, workload.name], measured[BARE, workload.name]
        line("relubench, with the counter", [each["step"] for each in counted], runs)
        line("relubench, counter and 20 probes", [each["step"] + each["probe"] * 20 / STEPS for each in counted], runs)
        line("relubench, without the counter", [each["step"] for each in bare], runs)
        line("one vmap of all runs", [each["step"] for each in measured["one vmap of all runs", workload.name]], runs)
        line("loop of jitted steps", [each["step"] for each in measured["loop of jitted steps", workload.name]], 1)
        counter = statistics.median(a["step"] / b["step"] - 1 for a, b in zip(counted, bare, strict=True))
        probes = statistics.median(20 * each["probe"] / (STEPS * each["step"]) for each in counted)
        bar = f" (bar: {workload.bar:.0%})" if workload.bar else ""
        reached = statistics.median(runs / each["step"] for each in counted) * flops / sgemm
        print(f"\ncounter {counter:+.1%} of the time, probes {probes:.1%}; {reached:.0%} of sgemm{bar}\n")


if __name__ == "__main__":
    main()

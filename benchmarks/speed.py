"""Training speed beside what a user would do instead, and beside the limit that the machine's BLAS sets.

    python benchmarks/speed.py [--rounds 5] [--only W1,W3] [--json FILE]

Each way of doing the work has processes of its own, which take turns on the same workloads, as do workloads that are
compared with each other: a noisy machine is noisy for all. Rates are those of the fastest round; the spread is how much
longer the median round took. The limit is a step's own products at their own shapes, one thread a core.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workloads import WORKLOADS, Workload

#: A measurement takes about so long, and a step at least.
SECONDS = 0.3


class Way(NamedTuple):
    """A way of doing the work."""

    title: str
    module: str
    function: str  # workload -> what measures seconds a run-step, by name
    on_each_core: bool = False  # a process a core, all at once
    takes: Callable[[Workload], bool] = lambda workload: True


def _cores() -> int:
    from relubench.sweeps.machine import usable_cores

    return usable_cores()


OURS, BARE, LIMIT = "relubench", "relubench without its counter", "the limit: products by BLAS"
TORCH, FUNC = "PyTorch loop, a process a core", "torch.func, all models"
COMPILED = "PyTorch loop, torch.compile, a process a core"
WAYS = [
    Way(OURS, "with_relubench", "counted"),
    Way(BARE, "with_relubench", "bare"),
    Way(LIMIT, "blas", "products", on_each_core=True, takes=lambda workload: workload.dense),
    Way(TORCH, "with_torch", "loop", on_each_core=True),
    Way(COMPILED, "with_torch", "compiled_loop", on_each_core=True, takes=lambda workload: workload.batch != 32),
    Way(FUNC, "with_torch", "many"),
    Way("JAX, a loop of jitted steps", "with_jax", "loop"),
    Way("JAX, one vmap of all models", "with_jax", "many"),
]


def _serve(pipe: Any, module: str, function: str, core: int | None) -> None:
    """Do what the other end of the pipe asks for.

    (workload) prepares it, (workload, name, steps) measures, and of 0 steps finds how many a measurement takes. On one
    core, if it is given: BLAS then takes one thread.
    """
    if core is not None:
        os.sched_setaffinity(0, {core})
    make = getattr(importlib.import_module(module), function)
    made: dict[str, dict[str, Callable[[int], float]]] = {}
    while (asked := pipe.recv()) is not None:
        try:
            workload, *rest = asked
            if not rest:
                made[workload.key] = make(workload)
                pipe.send(list(made[workload.key]))
            else:
                name, steps = rest
                measure = made[workload.key][name]
                pipe.send(measure(steps) if steps else _steps(measure))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")


def _steps(measure: Callable[[int], float]) -> int:
    """Return how many steps a measurement takes, after a warm-up."""
    measure(2)
    start = time.perf_counter()
    measure(4)
    return max(1, round(4 * SECONDS / (time.perf_counter() - start)))


class Side:
    """The processes of a way."""

    def __init__(self, way: Way) -> None:
        self.way, self.steps, self.failed = way, dict[str, list[tuple[str, int]]](), dict[str, str]()
        context = multiprocessing.get_context("spawn")
        self.pipes, self.processes = [], []
        for core in sorted(os.sched_getaffinity(0)) if way.on_each_core else [None]:
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, way.module, way.function, core), daemon=True)
            process.start()
            self.pipes.append(here)
            self.processes.append(process)

    def ask(self, *asked: Any) -> list[Any]:
        """Return what each process answers; they work at once."""
        self.send(*asked)
        return [pipe.recv() for pipe in self.pipes]

    def send(self, *asked: Any) -> None:
        """Ask without waiting for answers."""
        for pipe in self.pipes:
            pipe.send(asked)

    def prepared(self, workload: Workload) -> None:
        """Find how many steps measurements take of a workload that was sent, or note why it cannot be."""
        answers = [pipe.recv() for pipe in self.pipes]
        wrong = [answer for answer in answers if isinstance(answer, str)]
        if not wrong:
            asked = {name: self.ask(workload, name, 0) for name in answers[0]}
            wrong = [answer for steps in asked.values() for answer in steps if isinstance(answer, str)]
            self.steps[workload.key] = [(name, steps[0]) for name, steps in asked.items()] if not wrong else []
        if wrong:
            self.failed[workload.key] = wrong[0]

    def measure(self, workload: Workload) -> dict[str, float]:
        """Return seconds a run-step by name, of all processes together."""
        found = {}
        for name, steps in self.steps.get(workload.key, []):
            answers = self.ask(workload, name, steps)
            wrong = [answer for answer in answers if isinstance(answer, str)]
            if wrong:
                self.failed[workload.key] = wrong[0]
                return {}
            found[name] = 1 / sum(1 / seconds for seconds in answers)
        return found

    def close(self) -> None:
        """End the processes."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.send(None)
            process.join()


class Row(NamedTuple):
    """What a way has shown of a workload."""

    rate: float  # run-steps/s of the fastest round
    spread: float  # by how much the median round took longer


def _row(seconds: Sequence[float]) -> Row:
    return Row(1 / min(seconds), statistics.median(seconds) / min(seconds) - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names of workloads, with commas between them")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    chosen = [w for w in WORKLOADS if not asked.only or {w.name, w.key} & set(asked.only.split(","))]
    sides = [Side(way) for way in WAYS]
    measured: dict[str, dict[str, dict[str, list[float]]]] = {}
    for family in {workload.family: None for workload in chosen}:
        together = [workload for workload in chosen if workload.family == family]
        for workload in together:
            taking = [side for side in sides if side.way.takes(workload)]
            for side in taking:
                side.send(workload)
            for side in taking:
                side.prepared(workload)
        for _ in range(asked.rounds):
            for side, workload in itertools.product(sides, together):
                found = measured.setdefault(workload.key, {})
                for name, seconds in side.measure(workload).items():
                    found.setdefault(side.way.title, {}).setdefault(name, []).append(seconds)
        for workload in together:
            failed = {side.way.title: side.failed[workload.key] for side in sides if workload.key in side.failed}
            print(_table(workload, measured[workload.key], failed), flush=True)
    for side in sides:
        side.close()
    print(_goals({w.key: w for w in chosen}, measured))
    if asked.json:
        asked.json.write_text(json.dumps({"machine": _machine(), "seconds": measured}, indent=1))


def _machine() -> dict[str, Any]:
    from relubench.sweeps.machine import processor_type

    packages = ("jax", "jaxlib", "numpy", "torch", "flax", "optax")
    versions = {package: importlib.metadata.version(package) for package in packages}
    return {"processor": processor_type(), "cores": _cores(), "python": platform.python_version(), **versions}


def _table(workload: Workload, found: dict[str, dict[str, list[float]]], failed: dict[str, str]) -> str:
    from relubench.sweeps.layout import step_flops

    flops = step_flops(workload.sizes, workload.batch)
    limit = _row(found[LIMIT]["step"]).rate if LIMIT in found else None
    lines = [
        f"\n| **{workload.title}, batch {workload.batch}** | run-steps/s | spread | GF/s | of the limit |",
        "|---|---|---|---|---|",
    ]
    for title, seconds in found.items():
        rate, spread = _row(seconds["step"])
        gigaflops = f"{rate * flops / 1e9:.0f}" if workload.dense else ""
        share = f"{rate / limit:.0%}" if limit else ""
        lines.append(f"| {title} | {rate:,.0f} | {spread:.0%} | {gigaflops} | {share} |")
    lines += [f"| {title} | does not work here: {reason} | | | |" for title, reason in failed.items()]
    return "\n".join(lines)


def _goals(workloads: dict[str, Workload], measured: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Return each goal beside what was reached."""

    def rate(key: str, title: str = OURS) -> float:
        return _row(measured[key][title]["step"]).rate

    rows: list[tuple[str, str, float, float]] = []  # goal, format, wanted at least, reached

    def goal(text: str, form: str, wanted: float, keys: Sequence[str], reached: Callable[[], float]) -> None:
        if all(key in measured for key in keys):
            rows.append((text, form, wanted, reached()))

    for key, wanted in (("W1/128", 0.9), ("W2/128", 0.9), ("W4/128", 0.8)):
        goal(f"{key}: share of the limit", ".0%", wanted, [key], lambda key=key: rate(key) / rate(key, LIMIT))
    for key, wanted in (("W1/128", 2), ("W2/128", 2), ("W4/128", 5), ("W3/128", 40)):
        goal(f"{key}: times PyTorch", ".1f", wanted, [key], lambda key=key: rate(key) / rate(key, TORCH))
    for key in workloads:
        if FUNC in measured[key]:
            goal(f"{key}: times torch.func", ".1f", 2, [key], lambda key=key: rate(key) / rate(key, FUNC))
    goal("W3/128: run-steps/s", ",.0f", 145_000, ["W3/128"], lambda: rate("W3/128"))
    for key, other, wanted in (
        ("W6/128", "W1/128", 0.9),
        ("W7 Adam/64", "W7/64", 0.9),
        ("W7 ELU/64", "W7/64", 0.85),
        ("W7 tanh/64", "W7/64", 0.85),
    ):
        goal(f"{key}: of {other}", ".0%", wanted, [key, other], lambda key=key, other=other: rate(key) / rate(other))
    lines = ["\n| goal | at least | reached | |", "|---|---|---|---|"]
    lines += [
        f"| {text} | {wanted:{form}} | {got:{form}} | {'' if got >= wanted else 'missed'} |"
        for text, form, wanted, got in rows
    ]
    for key, found in measured.items():
        counted, bare = (_row(found[title]["step"]).rate for title in (OURS, BARE))
        probe = min(found[OURS]["probe"]) * counted - 1
        lines.append(f"| {key}: the counter's share | at most 1% | {bare / counted - 1:+.1%} | |")
        lines.append(f"| {key}: a probe, in steps | | {probe:.1f} | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

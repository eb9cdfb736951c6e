"""Training what a request lacks: its grid less what is on disk, laid out, trained, and written as parts."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rich.console import Console

from relubench.sweeps import folders, interrupts
from relubench.sweeps.grid import Grid

if TYPE_CHECKING:
    from relubench.sweeps.engine import Trained
    from relubench.sweeps.layout import Layout
    from relubench.sweeps.machine import Machine
    from relubench.sweeps.programs import Store
    from relubench.sweeps.request import Request

#: Packages whose versions are part of the provenance.
PACKAGES = ("relubench", "jax", "jaxlib", "flax", "optax", "numpy", "polars", "hydra-core", "scikit-learn", "scipy")


class Progress(Protocol):
    """What follows how far a training is."""

    def steps(self, run_steps: int) -> None:
        """Note so many more run-steps."""

    def runs(self, runs: int) -> None:
        """Note so many more finished runs."""


#: (console, runs, run-steps of all) -> what follows it, as long as the context lasts
Progressing = Callable[[Console, int, int], AbstractContextManager[Progress]]


def train_missing(request: Request, console: Console, progressing: Progressing) -> None:
    """Train the runs of the request (of its shard, if it has one) that are not on disk, and write them as parts."""
    folder, grid = folders.Folder(request.config.out), share(request)
    missing = lacking(grid, folder, asked(request))
    machine, layouts = lay_out(request, missing) if len(missing) else (None, [])
    if machine is not None:
        folder.check_origins([layout.origin for layout in layouts], request.config.engine.mixed)
    elif request.config.data.root is not None:  # is it the data of the runs that are there?
        seen = [layout.origin for layout in lay_out(request, grid)[1]]
        folder.check_origins(seen, request.config.engine.mixed, only=("data", "inputs"))
    interrupts.check()
    folder.claim(request.config.name, request.base, set(request.grid.keys), request.yaml)
    if len(missing) < len(grid):
        console.print(f"{len(grid) - len(missing):,} of {len(grid):,} runs are on disk already")
    if machine is not None:
        _train(request, folder, layouts, console, progressing)
    folder.clear_finished(asked(request))


def share(request: Request) -> Grid:
    """Return the runs of the request's shard, all of them where it has none."""
    return request.grid if request.shard is None else request.grid.shard(*request.shard)


def asked(request: Request) -> frozenset[str]:
    """Return what is asked of runs beside what all have: the names of measures, and `units`."""
    return frozenset((*request.base["probe.measures"], *(["units"] if request.config.units else [])))


def lacking(grid: Grid, folder: folders.Folder, asked: frozenset[str]) -> Grid:
    """Return the runs of the grid that are not on disk with all that is asked of them."""
    return grid.take(np.flatnonzero(~np.isin(grid.run_ids(), folder.done_ids(asked))))


def lay_out(request: Request, grid: Grid) -> tuple[Machine, list[Layout]]:
    """Set JAX up and lay the runs out; what cannot be trained is refused before anything is written."""
    from relubench import data
    from relubench.sweeps import layout, machine

    machine.prepare()
    made = machine.make_machine(request.config.engine)
    return made, layout.lay_out(grid, data.loader(request.config.data.root), made)


def _train(
    request: Request, folder: folders.Folder, layouts: list[Layout], console: Console, progressing: Progressing
) -> None:
    from relubench.sweeps import engine, rows

    clock, begun = engine.Clock(), time.perf_counter()
    runs = sum(len(layout.group.rows) for layout in layouts)
    run_steps = sum(layout.setting.train.steps * len(layout.group.rows) for layout in layouts)
    with progressing(console, runs, run_steps) as progress:

        def note(run_steps: int) -> None:
            if run_steps:
                progress.steps(run_steps)
            interrupts.check()

        for trained in engine.train_grid(
            layouts,
            checkpoints=folder,
            programs=_kept_programs(request.config.imports),
            progress=note,
            clock=clock,
            hurried=interrupts.hurried,
        ):
            folder.write_part(rows.part_frame(trained, request.config.units), _origin(request, trained))
            progress.runs(len(trained.grid))
    seconds = time.perf_counter() - begun
    console.print(
        f"trained {runs:,} runs ({clock.run_steps:,} run-steps) in {seconds:.1f} s: "
        f"{clock.run_steps / max(seconds, 1e-9):,.0f} run-steps/s; {clock.compiled / seconds:.0%} of the time in "
        f"compiled programs, {clock.compiling / seconds:.0%} waiting for their compilation"
    )


def _kept_programs(imports: Sequence[str]) -> Store | None:
    try:
        from relubench.sweeps import programs
    except ImportError:  # JAX's inside has changed: its own cache serves
        return None
    return programs.store(imports)


def _origin(request: Request, trained: Trained) -> dict[str, Any]:
    return {
        "name": request.config.name,
        **trained.layout.origin,
        "devices": trained.layout.machine.devices,
        "runs": len(trained.grid),
        "run_steps": trained.layout.setting.train.steps * len(trained.grid),
        "seconds": trained.seconds,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "commit": _commit(),
        "mixed": request.config.engine.mixed,
    }


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


@functools.cache
def _commit() -> str | None:
    """Return the commit of the checkout that runs, with `-dirty` for uncommitted changes; None for a wheel."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None

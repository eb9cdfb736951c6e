"""What the verbs do with a composed request: train what is missing, merge, summarise, draw."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from relubench import experiments, results
from relubench.errors import UserError
from relubench.grid import Grid

if TYPE_CHECKING:
    from relubench.compose import Request
    from relubench.layout import Layout
    from relubench.machine import Machine

#: Columns of a table where the output is no terminal.
PLAIN_WIDTH = 140
#: Packages whose versions are part of the provenance.
PACKAGES = ("relubench", "jax", "jaxlib", "flax", "optax", "numpy", "polars", "hydra-core", "scikit-learn", "scipy")


def run(request: Request) -> int:
    """Train the runs that are missing; without `shard`, merge, summarise, draw and print as well."""
    folder, grid = results.Folder(request.config.out), _share(request)
    missing = _missing(grid, folder)
    console = _console()
    machine, layouts = _plan(request, missing) if len(missing) else (None, [])
    if machine is not None:
        folder.check_origin(machine.fingerprint, request.config.engine.mixed)
    folder.claim(request.config.name, request.base, set(request.grid.keys), request.yaml)
    if len(missing) < len(grid):
        console.print(f"{len(grid) - len(missing):,} of {len(grid):,} runs are on disk already")
    if machine is not None:
        _train(request, folder, machine, layouts, console)
    if request.shard is not None:
        console.print(f"shard {request.shard[0]}/{request.shard[1]}: {len(grid):,} runs are in {folder.parts}")
        return 0
    return _finish(request, folder, console)


def _console() -> Console:
    """The terminal; elsewhere lines as wide as a table of many keys needs."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def _missing(grid: Grid, folder: results.Folder) -> Grid:
    return grid.take(np.flatnonzero(~np.isin(grid.run_ids(), folder.done_ids())))


def _plan(request: Request, grid: Grid) -> tuple[Machine, list[Layout]]:
    """Set JAX up and lay the runs out; what cannot be trained is refused before anything is written."""
    from relubench import data, layout, machine

    machine.prepare()
    ours = machine.make_machine(request.config.engine)
    return ours, layout.plan(grid, data.loader(request.config.data.root), ours)


def _share(request: Request) -> Grid:
    return request.grid if request.shard is None else request.grid.shard(*request.shard)


def _train(request: Request, folder: results.Folder, machine: Machine, layouts: list[Layout], console: Console) -> None:
    from relubench import engine, rows
    from relubench.report.progress import Progress

    mixed = request.config.engine.mixed
    with_units = experiments.find(request.config.name).units
    clock, begun = engine.Clock(), time.perf_counter()
    runs = sum(len(layout.group.rows) for layout in layouts)
    run_steps = sum(layout.setting.train.steps * len(layout.group.rows) for layout in layouts)
    with Progress(console, runs, run_steps) as progress:
        for trained in engine.train_grid(layouts, checkpoints=folder, progress=progress.steps, clock=clock):
            folder.write_part(rows.part_frame(trained, with_units), _origin(machine, trained, mixed))
            progress.runs(len(trained.grid))
    seconds = time.perf_counter() - begun
    console.print(
        f"trained {runs:,} runs ({clock.run_steps:,} run-steps) in {seconds:.1f} s: "
        f"{clock.run_steps / max(seconds, 1e-9):,.0f} run-steps/s; {clock.compiled / seconds:.0%} of the time in "
        f"compiled programs, {clock.compiling / seconds:.0%} waiting for their compilation"
    )


def _origin(machine: Machine, trained: Any, mixed: bool) -> dict[str, Any]:
    return {
        "fingerprint": machine.fingerprint,
        "devices": machine.devices,
        "runs": len(trained.grid),
        "run_steps": trained.setting.train.steps * len(trained.grid),
        "seconds": trained.seconds,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "commit": _commit(),
        "mixed": mixed,
    }


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@functools.cache
def _commit() -> str | None:
    """Return the commit of the checkout that runs, with `-dirty` for uncommitted changes; None for a wheel."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _finish(request: Request, folder: results.Folder, console: Console) -> int:
    """Merge the parts, write the tables, draw, and print; 1 if runs of the grid are missing."""
    from relubench import summary
    from relubench.report.table import print_table

    _check_one_origin(folder, request.config.engine.mixed)
    ids = request.grid.run_ids()
    runs = folder.merge()
    ours = runs.filter(runs["run_id"].is_in(ids.astype("U16").tolist()))
    lacking = len(ids) - ours.height
    if ours.height:
        axes = {key: request.grid.values(key) for key in request.grid.keys if key != "seed"}
        table = summary.summarize(ours, axes)
        results.write_table(folder.path / "summary.parquet", table)
        curves = summary.curves(
            results.read_table(folder.path / "probes.parquet"),
            results.read_table(folder.path / "layers.parquet"),
            ours,
            axes,
            experiments.find(request.config.name).curves,
        )
        results.write_table(folder.path / "curves.parquet", curves)
        print_table(table, list(axes), console)
    results.write_text(folder.path / "provenance.json", json.dumps(_provenance(request, folder), indent=2) + "\n")
    drawn = _draw(folder) if request.config.figures and ours.height else []
    _print_paths(folder, drawn, console)
    if lacking:
        console.print(f"{lacking:,} of {len(ids):,} runs are missing: run the experiment (or its shards) to train them")
    return 1 if lacking else 0


def _check_one_origin(folder: results.Folder, mixed: bool) -> None:
    origins = folder.origins()
    if origins:
        folder.check_origin(origins[0]["fingerprint"], mixed or any(origin["mixed"] for origin in origins))


def _provenance(request: Request, folder: results.Folder) -> dict[str, Any]:
    """What the results come from: one entry for each way in which parts were computed."""
    ways: dict[str, dict[str, Any]] = {}
    for origin in folder.origins():
        told = {k: origin[k] for k in ("fingerprint", "devices", "versions", "commit", "mixed")}
        way = ways.setdefault(
            json.dumps(told, sort_keys=True),
            {
                **told,
                "runs": 0,
                "run_steps": 0,
                "seconds": 0.0,
                "first": origin["finished"],
                "last": origin["finished"],
            },
        )
        for number in ("runs", "run_steps", "seconds"):
            way[number] += origin[number]
        way["first"], way["last"] = min(way["first"], origin["finished"]), max(way["last"], origin["finished"])
    for way in ways.values():
        way["run_steps_per_second"] = way["run_steps"] / max(way["seconds"], 1e-9)
        way["repeatable_bits"] = way["fingerprint"]["backend"] == "cpu"
    return {
        "name": request.config.name,
        "command": ["python", "-m", "relubench", *request.overrides],
        "runs_in_grid": len(request.grid),
        "computed": list(ways.values()),
    }


def _draw(folder: results.Folder) -> list[Path]:
    """Draw the experiment's figures from Parquet and config.yaml alone."""
    from relubench.report.figure import save

    path = folder.path / "config.yaml"
    if not path.exists():
        raise UserError(f"out={folder.path}: no config.yaml there; it is not a folder of results")
    name, values, _ = results.read_config(path)
    frames = experiments.Frames(
        summary=results.read_table(folder.path / "summary.parquet"),
        curves=results.read_table(folder.path / "curves.parquet"),
        setting=values,
    )
    drawn: list[Path] = []
    for figure in experiments.find(name).figures(frames):
        drawn += save(figure, folder.path / "figures")
    return drawn


def _print_paths(folder: results.Folder, drawn: list[Path], console: Console) -> None:
    tables = sorted(path for path in folder.path.glob("*.parquet"))
    for path in [*tables, folder.path / "config.yaml", folder.path / "provenance.json", *drawn]:
        if path.exists():
            console.print(f"wrote {path}", soft_wrap=True)


def merge(request: Request) -> int:
    """Write tables, summary and figures from the parts; say how many runs are missing."""
    folder = results.Folder(request.config.out)
    _require(folder)
    return _finish(request, folder, _console())


def figures(request: Request) -> int:
    """Draw the figures again."""
    folder = results.Folder(request.config.out)
    _require(folder)
    for path in _draw(folder):
        print(f"wrote {path}")
    return 0


def _require(folder: results.Folder) -> None:
    if not folder.path.is_dir():
        raise UserError(f"out={folder.path}: no such folder; run the experiment first")


def plan(request: Request) -> int:
    """Print the number of runs, groups and chunks, and estimated memory and time; train nothing."""
    from relubench.layout import estimate

    started = time.perf_counter()
    grid = _share(request)
    missing = _missing(grid, results.Folder(request.config.out))
    machine, layouts = _plan(request, missing)
    told = estimate(layouts)
    devices = f"{machine.devices} {machine.platform} device{'s' if machine.devices > 1 else ''}"
    print(f"runs        {len(grid):,} ({len(missing):,} to train)")
    print(f"groups      {told.groups:,}, each one compiled program")
    print(f"chunks      {told.chunks:,} of up to {told.chunk_runs:,} runs, {machine.width} wide, on {devices}")
    print(f"memory      {told.state_bytes / 2**20:,.0f} MiB of run states")
    print(f"time        about {_duration(told.seconds)}, and {told.groups} compilations the first time")
    print(f"planned in  {time.perf_counter() - started:.1f} s")
    return 0


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.0f} s"

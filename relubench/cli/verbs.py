"""What the verbs do with a composed request: train what is missing, merge, summarise, draw."""

from __future__ import annotations

import datetime
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console

from relubench import experiments
from relubench.cli.progress import Progress
from relubench.errors import UserError, shown, unknown
from relubench.experiments.base import with_levels
from relubench.sweeps import folders, interrupts, training
from relubench.sweeps.storage import read_table, refusing, write_json, write_table, write_text
from relubench.sweeps.training import asked, lacking, share

if TYPE_CHECKING:
    from relubench.sweeps.factors import Level
    from relubench.sweeps.request import Request

#: Columns of a table where the output is no terminal.
PLAIN_WIDTH = 140


def run(request: Request) -> int:
    """Train the runs that are missing; without `shard`, merge, summarise, draw and print as well."""
    console = terminal()
    _train(request, console)
    folder = folders.Folder(request.config.out)
    if request.shard is not None:
        console.print(
            f"shard {request.shard[0]}/{request.shard[1]}: {len(share(request)):,} runs are in {folder.parts}"
        )
        return 0
    return _finish(request, folder, console)


def _train(request: Request, console: Console) -> None:
    needed = _checked(request).seeds
    limits = (level.seeds for factor in request.factors for level in factor.levels if level.seeds is not None)
    seeds = min([len(request.grid.values("seed")), *limits])
    if seeds < needed:
        console.print(f"note: with {seeds} of the {needed} seeds that its claims need they stay open")
    training.train_missing(request, console, Progress)


def _checked(request: Request) -> experiments.Experiment:
    """Return the request's experiment, whose claims and curves find in its runs what they read."""
    from relubench.run.recorder import MEASURES

    experiment = experiments.find(request.config.name)
    needed = sorted(experiment.needs - asked(request))
    for name in needed:
        if name != "units" and name not in MEASURES:
            raise unknown(f"curve or measure of experiment={request.config.name}", name, MEASURES)
    if needed:
        raise UserError(
            f"experiment={request.config.name}: its claims or curves need {', '.join(needed)}; it takes them in "
            "probe.measures, or units=true for units"
        )
    return experiment


def terminal() -> Console:
    """The terminal; elsewhere lines as wide as a table of many keys needs."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def trained(request: Request, console: Console) -> pl.DataFrame:
    """Train the runs that are missing; return those of the request, with the columns of its factors."""
    _checked(request)
    training.train_missing(request, console, Progress)
    return _merged(request, folders.Folder(request.config.out)).runs


def _finish(request: Request, folder: folders.Folder, console: Console) -> int:
    """Merge the parts, write the tables, draw, and print; 1 if runs of the grid are missing."""
    from relubench.findings.summary import dead_by_layer
    from relubench.report.terminal import print_table

    tables = _merged(request, folder)
    absent = len(request.grid) - tables.runs.height
    if tables.runs.height:
        table = _fold(request, folder, tables)
        layers = dead_by_layer(tables, request.grid.points)
        print_table(table, layers, request.grid.coordinates, console, request.factors)
        _print_counted(folder, console)
    write_json(folder.path / "provenance.json", _provenance(request, folder))
    drawn = _draw(folder) if request.config.figures and tables.runs.height else []
    _print_paths(folder, drawn, console)
    if absent:
        console.print(
            f"{absent:,} of {len(request.grid):,} runs are missing: run the experiment (or its shards) to train them"
        )
    return 1 if absent else 0


def _print_counted(folder: folders.Folder, console: Console) -> None:
    """Print how many of the experiment's claims hold, and where to read which."""
    from relubench.report.verdicts import counted

    claims = read_table(folder.path / "claims.parquet")
    if claims.height:
        report = f"python -m relubench report out={folder.path.parent}"
        console.print(f"verdicts: {counted(claims)}: {report}", soft_wrap=True)


def _merged(request: Request, folder: folders.Folder) -> folders.Tables:
    """Write the tables of all runs on disk; return those of the request's runs."""
    folder.check_origins((), request.config.engine.mixed or any(origin["mixed"] for origin in folder.origins()))
    interrupts.check()
    tables = folder.merge(request.grid)
    design = experiments.design(request.config.name)
    if design is None:
        return tables
    return replace(tables, runs=with_levels(tables.runs, design.factors, design.base))


def _fold(request: Request, folder: folders.Folder, tables: folders.Tables) -> pl.DataFrame:
    """Write the tables that fold seeds: summary, values, curves and claims; return the summary."""
    from relubench.findings import claims, summary

    name, axes = request.config.name, request.grid.points
    experiment = experiments.find(name)
    interrupts.check()
    table = summary.summarize(tables.runs, axes)
    origin = {"name": name}
    write_table(folder.path / "summary.parquet", table, origin)
    write_table(folder.path / "values.parquet", summary.values(tables.runs, axes), origin)
    curves = [summary.curves(tables, axes, experiment.curves), *(derive(tables) for derive in experiment.derived)]
    write_table(folder.path / "curves.parquet", pl.concat(curves, how="diagonal_relaxed"), origin)
    write_table(
        folder.path / "claims.parquet", claims.judge(experiment.claims, tables, name, _reduced(request)), origin
    )
    return table


def _reduced(request: Request) -> str:
    """Return what is less, or other, than at the source of published numbers: by design, and by this command."""
    design = experiments.design(request.config.name, request.config.size)
    changed = design.changed(request.grid) if design else []
    seeds = len(request.grid.values("seed"))
    fewer = f"{seeds:,} of {design.seeds:,} seeds" if design and seeds < design.seeds else ""
    return "; ".join(filter(None, (request.config.reduced, f"other {', '.join(changed)}" if changed else "", fewer)))


#: What makes a way in which parts are computed.
_COMPUTED = ("fingerprint", "devices", "versions", "commit", "mixed")


def _provenance(request: Request, folder: folders.Folder) -> dict[str, Any]:
    """What the results come from: one entry for each way in which parts were computed."""
    ways: dict[str, list[dict[str, Any]]] = {}
    for origin in folder.origins():
        ways.setdefault(json.dumps([origin[key] for key in _COMPUTED], sort_keys=True), []).append(origin)
    return {
        "name": request.config.name,
        # Where the results went is no part of what made them, and a path of this machine.
        "command": ["python", "-m", "relubench", *(word for word in request.overrides if not word.startswith("out="))],
        "runs_in_grid": len(request.grid),
        "computed": [_way(origins) for origins in ways.values()],
    }


def _way(origins: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how parts of these origins were computed, and what they make together."""
    way = {key: origins[0][key] for key in _COMPUTED}
    way |= {key: sum(origin[key] for origin in origins) for key in ("runs", "run_steps", "seconds")}
    finished = [origin["finished"] for origin in origins]
    return {
        **way,
        "first": min(finished),
        "last": max(finished),
        "run_steps_per_second": way["run_steps"] / max(way["seconds"], 1e-9),
        "repeatable_bits": way["fingerprint"]["backend"] == "cpu",
    }


def _draw(folder: folders.Folder) -> list[Path]:
    """Draw the experiment's figures from Parquet and config.yaml alone."""
    from relubench.findings.words import finding
    from relubench.plots.figure import save
    from relubench.report import collect

    frames = collect.frames(folder.path)
    experiment = experiments.find(folders.read_config(folder.path / "config.yaml").name)
    drawn: list[Path] = []
    for figure in experiment.figures(frames):
        interrupts.check()
        told = finding(frames.claims, figure.claims, figure.setting)
        drawn += save(figure._replace(caption=" ".join(filter(None, [figure.caption, told]))), folder.path / "figures")
    return drawn


def _print_paths(folder: folders.Folder, drawn: list[Path], console: Console) -> None:
    tables = sorted(path for path in folder.path.glob("*.parquet"))
    for path in [*tables, folder.path / "config.yaml", folder.path / "provenance.json", *drawn]:
        if path.exists():
            console.print(f"wrote {path}", soft_wrap=True)


def merge(request: Request) -> int:
    """Write tables, summary and figures from the parts; say how many runs are missing."""
    folder = _existing(request)
    folder.check_name(request.config.name)
    return _finish(request, folder, terminal())


def figures(request: Request) -> int:
    """Draw the figures again."""
    for path in _draw(_existing(request)):
        print(f"wrote {path}")
    return 0


def _existing(request: Request) -> folders.Folder:
    folder = folders.Folder(request.config.out)
    if not folder.path.is_dir():
        raise UserError(f"out={folder.path}: no such folder; run the experiment first")
    return folder


def verify(request: Request, rows: Sequence[int]) -> int:
    """Ask the oracles and judge published numbers; 1 if an oracle, or a number at its source's size, fails.

    `rows` are those of published numbers asked for; none: all of them, and the oracles. In the file they take the place
    of what it had for the same rows.
    """
    from relubench.cli import compose
    from relubench.report import verify as verification
    from relubench.report.verdicts import print_verdicts

    out, console = Path(request.config.out), terminal()
    names = verification.picked(rows)
    words = [word for word in request.overrides if word.partition("=")[0] not in ("experiment", "name", "out")]
    tables = [] if rows else [verification.oracles()]
    for name in names:
        console.print(f"experiment={name}")
        tables.append(_judged(compose.request_of(name, [*words, f"out={out / Path(name).name}"]), console))
    table = pl.concat(tables)
    if rows:
        table = table.filter(pl.col("claim").is_in(rows))  # an experiment may be on several
    verification.keep(out, table)
    print_verdicts(table, console)
    print(f"wrote {out / verification.FILE}")
    return 1 if verification.failed(table) else 0


def _judged(request: Request, console: Console) -> pl.DataFrame:
    """Train what an experiment lacks, and return its claims.parquet."""
    _train(request, console)
    folder = folders.Folder(request.config.out)
    _fold(request, folder, _merged(request, folder))
    write_json(folder.path / "provenance.json", _provenance(request, folder))
    return read_table(folder.path / "claims.parquet", name=request.config.name)


def report(request: Request) -> int:
    """Judge the claims of all results folders under `out` together: a table, and the pages that answer the question."""
    from relubench.report import answer, claims_page, collect, page, published
    from relubench.report import verify as verification
    from relubench.report.verdicts import print_verdicts

    root = Path(request.config.out)
    table = collect.verdicts(root, collect.studies(root))
    print_verdicts(table, terminal())
    write_table(root / "report.parquet", table)
    pages = {
        "claims.md": claims_page,
        "answer.md": answer,
        **({} if verification.find(root) is None else {"published.md": published}),
    }
    for name, written in pages.items():
        written.write(root, root / name)
    names = ["report.parquet", *pages]
    if lacking_packages := page.missing():
        print(f"note: report.html takes {', '.join(lacking_packages)}: {page.INSTALL}")
    else:
        page.write(root, root / "answer.md", root / "report.html")
        names.append("report.html")
    for name in names:
        print(f"wrote {root / name}")
    return 0


def compare(a: Path, b: Path, out: Path | None) -> int:
    """Print two folders of results side by side; with `out`, write the table and a figure there."""
    from relubench.plots.figure import save
    from relubench.report import compare as comparison

    compared = comparison.compare(a, b)
    comparison.print_comparison(compared, terminal())
    if out is not None:
        write_table(out / comparison.FILE, compared.table)
        figure = comparison.figure(compared)
        for path in [out / comparison.FILE, *(save(figure, out / "figures") if figure else [])]:
            print(f"wrote {path}")
    return 0


def plan(request: Request) -> int:
    """Print the number of runs, groups and chunks, and estimated memory and time; train nothing."""
    from relubench.sweeps.layout import estimate

    started = time.perf_counter()
    _checked(request)
    grid, folder = share(request), folders.Folder(request.config.out)
    folder.check_name(request.config.name)
    missing = lacking(grid, folder, asked(request))
    machine, layouts = training.lay_out(request, missing)
    estimated = estimate(layouts)
    devices = f"{machine.devices} {machine.platform} device{'s' if machine.devices > 1 else ''}"
    print(f"runs        {len(grid):,} ({len(missing):,} to train)")
    for factor in request.factors:
        print(f"{factor.column}: {', '.join(_titled(level) for level in factor.levels)}")
    print(f"groups      {estimated.groups:,}, each one compiled program")
    widths = " or ".join(map(str, sorted({layout.width for layout in layouts})))
    print(f"chunks      {estimated.chunks:,} of up to {estimated.chunk_runs:,} runs, {widths} wide, on {devices}")
    print(f"memory      {estimated.state_bytes / 2**20:,.0f} MiB of run states")
    print(f"time        about {_duration(estimated.seconds)}, and {estimated.groups} compilations the first time")
    print(f"planned in  {time.perf_counter() - started:.1f} s")
    return 0


def _titled(level: Level) -> str:
    told = [] if level.title == level.name.replace("_", " ") else [level.title]
    told += [] if level.seeds is None else [f"the first {level.seeds} seeds"]
    return f"{level.name} ({'; '.join(told)})" if told else level.name


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.0f} s"


def autopsy(file: str, max_dead: str | None, out: str | None) -> int:
    """Print what is wrong with the units of a census's table, and write it as JSON or as a page; 1 where it fails."""
    from relubench.report import diagnosis

    try:
        share = diagnosis.MAX_DEAD if max_dead is None else float(max_dead)
    except ValueError as error:
        raise UserError(f"max_dead={shown(max_dead)}: it takes a share, such as 0.2") from error
    forms = {".json": diagnosis.Autopsy.json, ".html": diagnosis.Autopsy.html}
    if out is not None and Path(out).suffix not in forms:
        raise UserError(f"out={shown(out)}: it takes a file of type {' or '.join(forms)}")
    if not Path(file).exists():
        raise UserError(f"{file}: no such file")
    with refusing(Path(file), "write the table of relubench.census again"):
        table = pl.read_parquet(file)
    result = diagnosis.autopsy(table, share)
    print(result)
    if out is not None:
        write_text(Path(out), forms[Path(out).suffix](result))
        print(out)
    return 0 if result.passes else 1

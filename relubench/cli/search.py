"""A search: its trials are trained batch by batch, each is given its value, and the best is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.console import Console

from relubench.cli import verbs
from relubench.cli.trials import TRIAL, Trials, title
from relubench.findings import objectives
from relubench.sweeps.factors import FACTOR
from relubench.sweeps.request import Request


def batch(request: Request, trials: Trials) -> None:
    """Train the trials that are not done, and tell them, and the user, their values."""
    console = verbs.terminal()
    seek = [objectives.find(name) for name in request.config.objective]
    for note in request.notes if not trials.values else ():
        console.print(f"note: {note}")
    runs = verbs.trained(request, console)
    for number in trials.new:
        own = runs.filter(pl.col(f"{FACTOR}{TRIAL}") == trials.levels[number])
        values = [value(own) for value in seek]
        trials.values.append(None if None in values else [value for value in values if value is not None])
        console.print(f"t{number}: {_line(request, trials, number)}{_lost(own)}", soft_wrap=True)
    _print_best(request, trials, console)


def end(request: Request, trials: Trials, folder: Path) -> int:
    """Finish as any run does, then tell the best trial, and what the sweeper has written into its folder."""
    status = verbs.run(request)
    console = verbs.terminal()
    _print_best(request, trials, console)
    for path in sorted(folder.glob("*.yaml")):
        console.print(f"wrote {path}", soft_wrap=True)
    return status


def _line(request: Request, trials: Trials, number: int) -> str:
    """Return a trial's setting, and its values."""
    values = trials.values[number]
    result = _result(request.config.objective, values) if request.config.objective else "done"
    return ": ".join(filter(None, [title(trials.settings[number]), result]))


def _result(names: Sequence[str], values: Sequence[float] | None) -> str:
    if values is None:
        return f"no {' and '.join(names)}: a failed trial"
    return ", ".join(f"{name} {value:.6g}" for name, value in zip(names, values, strict=True))


def _lost(runs: pl.DataFrame) -> str:
    diverged = int(runs["diverged"].sum())
    return f" ({diverged:,} of {runs.height:,} runs diverged)" if diverged else ""


def _print_best(request: Request, trials: Trials, console: Console) -> None:
    """Print the best trial so far of a search that seeks one number."""
    best = trials.best
    if best is not None:
        console.print(f"best of {len(trials):,} trials: t{best}: {_line(request, trials, best)}", soft_wrap=True)

"""The generated part of docs/definitions.md: every column of the result tables, and every measure.

python -m relubench.report.definitions docs/definitions.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from relubench.report import generated
from relubench.run.recorder import MEASURES, OverSteps
from relubench.sweeps.columns import TABLES, Column

_TYPES = {int: "whole number", float: "number", bool: "yes or no"}
_ROWS = {
    "runs": "A row a run; before these columns stand `run_id`, the factors and every key of the setting.",
    "probes": "A row a run and probe.",
    "layers": "A row a run, probe and layer.",
    "units": "A row a run, layer and unit, with `units=true`.",
}


def write(page: Path) -> None:
    """Write the generated part of a page anew."""
    generated.rewrite(page, "relubench.report.definitions", _lines())


def _lines() -> Iterator[str]:
    for name, columns in TABLES.items():
        yield from ("", f"### {name}.parquet", _ROWS[name], "", "| column | type | what | null |", "|---|---|---|---|")
        yield from (_row(column) for column in columns)
    yield from (
        "", "### measures.parquet",
        "A row a run, probe, measure, layer and item: what `probe.measures` names. `layer` and `item` are null where a "
        "measure has none; `value` is null from divergence on, and where there is none.", "",
        "| measure | what |", "|---|---|",
    )  # fmt: skip
    yield from (f"| `{name}` | {_what(name)} |" for name in sorted(MEASURES))
    yield ""


def _row(column: Column) -> str:
    gaps = "; ".join(gap.words for gap in column.gaps)
    return f"| `{column.name}` | {_TYPES[column.dtype]} | {column.definition} | {gaps} |"


def _what(name: str) -> str:
    """Return what a measure is, from the first line of its function's documentation."""
    measure = MEASURES[name]
    function: Callable[..., object] = measure.step if isinstance(measure, OverSteps) else measure.take
    first, *_ = (inspect.getdoc(function) or "").splitlines()
    mean = ", a mean over the steps since the last probe" if isinstance(measure, OverSteps) else ""
    return first.removeprefix("Return ").rstrip(".").replace("|", "\\|") + mean


if __name__ == "__main__":
    write(Path(sys.argv[1]))

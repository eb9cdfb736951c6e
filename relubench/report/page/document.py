"""The file: a template filled with the answer, the claims, the packed numbers and the scripts that draw them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np
import vl_convert
from markupsafe import Markup

from relubench.findings.stats import FEWEST_RUNS
from relubench.plots import style
from relubench.report import collect
from relubench.report.page import animation, claims, explorer, packing, prose, tables
from relubench.sweeps.storage import read_table, write_text

ASSETS = Path(__file__).parent / "assets"
#: The scripts, in the order in which each stands on those before it.
_SCRIPTS = (
    "data", "theme", "pickers", "marks", "chart", "table", "view", "figure", "lines", "explorer", "animation", "claims",
    "main",
)  # fmt: skip
#: Colours between which an order's are picked.
_SHADES = 64
#: The verdicts in the order in which they are offered.
_VERDICTS = ("holds", "mostly", "depends", "does not hold", "reversed", "open", "not measured")


def write(root: Path, answer: Path, page: Path) -> None:
    """Write the page of the results under `root`, with the answer in a Markdown file."""
    studies = collect.studies(root)
    listed = claims.statements(collect.verdicts(root, studies))
    text = prose.html(answer.read_text(encoding="utf-8"), answer.parent, {each.anchor for each in listed})
    drawn_by = [_numbers(study) for study in studies]
    numbers = {
        "colours": style.COLOURS, "shades": _shades(), "steps": tables.STEPS, "fewest": FEWEST_RUNS,
        "studies": drawn_by,
    }  # fmt: skip
    words = {each.verdict for each in listed}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    whole = environment.get_template("page.html").render(
        answer=Markup(text),
        statements=listed,
        sources=sorted({source for each in listed for source in each.source.split(", ")}),
        verdicts=sorted(words, key=lambda word: (*_VERDICTS, word).index(word)),
        studies=[(study, drawn["animation"] is not None) for study, drawn in zip(studies, drawn_by, strict=True)],
        explorable=any(drawn["explorer"] for drawn in drawn_by),
        numbers=packing.packed(numbers),
        style=Markup(_asset("style.css")),
        bundle=_script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),
        script=_script("\n".join(_asset(f"{name}.js") for name in _SCRIPTS)),
    )
    write_text(page, whole)


def _numbers(study: collect.Study) -> dict[str, Any]:
    """Return what the page draws of an experiment."""
    frames = collect.frames(study.path)
    path = study.path / "values.parquet"
    values = read_table(path) if os.path.lexists(path) else None  # folders that were merged before have none
    lines = animation.animation(frames)
    return {
        "name": study.name,
        "tables": tables.tables(frames, values, without=animation.CURVES if lines else ()),
        "explorer": explorer.explorer(frames),
        "animation": lines,
    }


def _shades() -> list[str]:
    """Return the colours of an order from first to last, those of the figures."""
    return [matplotlib.colors.to_hex(colour) for colour in matplotlib.colormaps["viridis"](np.linspace(0, 1, _SHADES))]


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _script(text: str) -> Markup:
    """Return a script as an element's content, which no text in it ends."""
    return Markup(text.replace("</script", r"<\/script"))

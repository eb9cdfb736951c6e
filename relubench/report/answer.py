"""The question answered by measurement: a page generated from committed results.

`python -m relubench.report.answer RESULTS PAGE` writes it; `make reference` keeps it as docs/answer.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from relubench.findings.claims.rule import NOT_MEASURED
from relubench.report import answer_text
from relubench.report.claims_page import anchor, of_each, stated
from relubench.report.collect import studies
from relubench.report.headlines import Headline
from relubench.report.markdown import row as cells
from relubench.report.markdown import titles
from relubench.sweeps.storage import write_text

_HEAD = """\
# What is the dying ReLU problem?

*The question [What is the "dying ReLU" problem in neural networks?](https://stats.stackexchange.com/questions/126238),
and each sentence of its answers, put to the test. Generated from the results.*
"""


def write(root: Path, page: Path, *, strict: bool = False) -> None:
    """Write the page from the results folders under `root`, with its charts in a folder beside it.

    `strict`: a finding that does not follow from the results is refused; else it is left out.
    """
    table = stated(studies(root))
    parts = [_HEAD, answer_text.INTRO, *_pictures(root, page.parent), *_findings(table, page, strict)]
    judged = answer_text.JUDGED.format(corrected=answer_text.CORRECTED if "p_holm" in table.columns else "")
    parts += ["## Sentence by sentence\n", judged, *_sentences(table), "", answer_text.LINKS]
    write_text(page, "\n".join(parts))


def _pictures(root: Path, base: Path) -> Iterator[str]:
    figures = root / "boundaries/figures"
    for name, words in (("boundaries.gif", answer_text.MOVING), ("deadly_step.png", answer_text.DEADLY)):
        if (figures / name).exists():
            yield f"![{words}]({os.path.relpath(figures / name, base)})\n"


def _findings(table: pl.DataFrame, page: Path, strict: bool) -> Iterator[str]:
    for old in (page.parent / page.stem).glob("?.png"):
        old.unlink()  # of more findings
    following = [each for each in answer_text.HEADLINES if strict or not each.refuted(table)]
    told = [(each, text) for each in following if (text := each.text(table))]
    if told:
        yield f"## What was found\n\n{answer_text.TERMS}"
    for place, (headline, text) in enumerate(told, 1):
        yield f"### {place}. {headline.question}\n\n{text}\n"
        yield f"![{headline.x_label}]({_chart(headline, table, page, place)})\n"


def _chart(headline: Headline, table: pl.DataFrame, page: Path, place: int) -> str:
    """Draw a finding's chart, and return its path from the page's folder."""
    from relubench.plots.dots import dots
    from relubench.plots.figure import write_pictures

    path = page.parent / page.stem / f"{place}.png"
    write_pictures(dots(headline.chart(table), label="setting", marks="mark", x_label=headline.x_label), [path])
    return path.relative_to(page.parent).as_posix()


def _sentences(table: pl.DataFrame) -> Iterator[str]:
    """Yield a table with a row a claim: its sentence, its source, and the verdict of each of its statements."""
    statements: dict[int, list[dict[str, Any]]] = {}
    for rows in of_each(table.filter(pl.col("kind") != "published")):
        statements.setdefault(rows[0]["claim"], []).append(rows[0])
    yield titles("claim", "sentence", "source", "verdicts")
    for claim, sentence in answer_text.SENTENCES.items():
        rows = statements.get(claim, [])
        source = ", ".join(dict.fromkeys(_in_short(row["source"]) for row in rows))
        yield cells(claim, sentence, source, " · ".join(map(_verdict, rows)))


def _in_short(source: str) -> str:
    for words, short in answer_text.SOURCES.items():
        source = source.replace(words, short)
    return source


def _verdict(row: dict[str, Any]) -> str:
    part = answer_text.PARTS.get(row["statement"], "")
    word = answer_text.VERDICTS.get(row["claim_verdict"], row["claim_verdict"])
    return f"[{f'{part}: ' if part else ''}{word}{_count(row)}](claims.md#{anchor(row)})"


def _count(row: dict[str, Any]) -> str:
    """Return in how many settings a claim holds, unless it is all or none, and is reversed; a star for no runs."""
    if row["claim_verdict"] == NOT_MEASURED:
        return ""
    if row["kind"] != "seeds":
        return "\\*"
    some = "" if row["holds_in"] in (0, row["settings"]) else f" {row['holds_in']}/{row['settings']}"
    return f"{some}, reversed {row['reversed_in']}" if row["reversed_in"] else some


def main(arguments: Sequence[str]) -> None:
    """Write the page that the command line names."""
    root, page = map(Path, arguments)
    write(root, page, strict=True)


if __name__ == "__main__":
    main(sys.argv[1:])

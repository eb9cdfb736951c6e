"""What results folders hold: what figures are drawn from, and all claims under one root, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from relubench import config, experiments
from relubench.errors import UserError
from relubench.experiments.base import Frames
from relubench.findings import claims
from relubench.report import verify
from relubench.sweeps import folders
from relubench.sweeps.storage import MERGE_AGAIN, read_json, read_table


class Study(NamedTuple):
    """A folder of results, as far as a report needs it."""

    name: str  # the folder's: two folders may hold one experiment
    question: str
    path: Path
    claims: pl.DataFrame  # without rows, where the experiment has no claims
    command: str
    runs: int

    @property
    def figures(self) -> Sequence[Path]:
        """The pictures of its figures, the moving one where there is one."""
        pictures = sorted(self.path.glob("figures/*.png"))
        moving = [path.with_suffix(".gif") for path in pictures]
        return [gif if gif.exists() else png for gif, png in zip(moving, pictures, strict=True)]


def studies(root: Path) -> list[Study]:
    """Return the folders of results under `root`, by name; at least one holds claims."""
    every = [study(path) for path in sorted(root.glob("*/claims.parquet"))]
    if all(each.claims.is_empty() for each in every):
        raise UserError(f"out={root}: no folder there holds claims; run an experiment that has some first")
    return every


def study(path: Path) -> Study:
    """Return the folder of results that has these claims."""
    folder = path.parent
    provenance = read_json(folder / "provenance.json", {"name": str, "command": list, "runs_in_grid": int}, MERGE_AGAIN)
    table = read_table(path, name=provenance["name"]).with_columns(experiment=pl.lit(folder.name))
    question = experiments.find(provenance["name"]).question
    command = " ".join(_quoted(word) for word in provenance["command"])
    return Study(folder.name, question, folder, table, command, provenance["runs_in_grid"])


def frames(path: Path) -> Frames:
    """Return what the figures of a folder of results are drawn from: Parquet and config.yaml alone."""
    stored = folders.read_config(path / "config.yaml")
    design = experiments.design(stored.name)
    return Frames(
        summary=read_table(path / "summary.parquet", name=stored.name),
        curves=read_table(path / "curves.parquet", name=stored.name),
        claims=read_table(path / "claims.parquet", name=stored.name),
        setting=config.over_defaults(stored.values),
        factors=tuple({each.name: each for each in (*(design.factors if design else ()), *stored.factors)}.values()),
    )


def _quoted(word: str) -> str:
    return f"'{word}'" if set(word) & set("[]${}*?; ") else word


def judged(every: Sequence[Study]) -> pl.DataFrame:
    """Return all claims in order of number, with their Holm-adjusted verdicts where their p-values allow it."""
    return claims.holm([study.claims for study in every]).sort("claim", maintain_order=True)


def verdicts(root: Path, every: Sequence[Study]) -> pl.DataFrame:
    """Return all claims, with what verify.parquet under `root` has of oracles and published numbers in their place."""
    table, verified = judged(every), verify.find(root)
    if verified is None:
        return table
    return pl.concat([table.filter(pl.col("kind") != "published"), verified], how="diagonal")

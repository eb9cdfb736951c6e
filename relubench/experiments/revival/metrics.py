"""How long units stay dead, and how many come back."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of
from relubench.experiments.revival.cases import FACTOR, NAME, VARIANTS
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing
from relubench.findings.spells import REVIVED_SHARE, spells, survival


def _with_variants(tables: Tables) -> Tables:
    """Return the tables with what is done with the optimiser, in words."""
    done = pl.col(FACTOR).str.splitn("_", 2).struct.field("field_1").replace_strict(VARIANTS, default=pl.col(FACTOR))
    return replace(tables, runs=tables.runs.with_columns(variant=done))


@needing("unit_dead")
def _still_dead(tables: Tables) -> pl.DataFrame:
    """Return the survival of death: the share of units still dead, by optimiser, variant and layer."""
    return survival(_with_variants(tables), (NAME, "variant"), "still_dead")


@needing("unit_dead")
def _revived(tables: Tables) -> pl.DataFrame:
    """Return the mean share of a run's dead units that come back, by optimiser, variant and layer."""
    runs = _with_variants(tables).runs.select("run_id", NAME, "variant")
    shares = spells(tables).group_by("run_id", "layer").agg(value=REVIVED_SHARE)
    shares = runs.join(shares, on="run_id", maintain_order="left")
    rows = shares.sort(
        NAME, place_of("variant", VARIANTS.values()), "layer", descending=[True, False, False], maintain_order=True
    )
    return mean_over_runs(rows, (NAME, "variant", "layer"), "revived_share")


DERIVED = (_still_dead, _revived)

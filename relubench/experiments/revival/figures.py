"""The figures about recovery."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.derived import mean_over_runs
from relubench.experiments.revival.cases import FACTOR, HIGH, LOW, NAME, TOLD, VARIANTS
from relubench.findings.claims import Tables
from relubench.findings.spells import REVIVED_SHARE, spells, survival
from relubench.plots import points, survival_panels
from relubench.plots.figure import Figure, runs_note

#: The decay of the variants that have one.
DECAY = 0.01


def _with_variants(tables: Tables) -> Tables:
    """Return the tables with what is done with the optimiser, in words."""
    done = pl.col(FACTOR).str.splitn("_", 2).struct.field("field_1").replace_strict(VARIANTS, default=pl.col(FACTOR))
    return tables._replace(runs=tables.runs.with_columns(variant=done))


def _still_dead(tables: Tables) -> pl.DataFrame:
    """Return the survival of death: the share of units still dead, by optimiser, variant and layer."""
    return survival(_with_variants(tables), (NAME, "variant"), "still_dead")


def _revived(tables: Tables) -> pl.DataFrame:
    """Return the mean share of a run's dead units that come back, by optimiser, variant and layer."""
    runs = _with_variants(tables).runs.select("run_id", NAME, "variant")
    shares = spells(tables).group_by("run_id", "layer").agg(value=REVIVED_SHARE)
    shares = runs.join(shares, on="run_id", maintain_order="left")
    places = {name: place for place, name in enumerate(VARIANTS.values())}
    order = pl.col("variant").replace_strict(places, default=None, return_dtype=pl.Int64)
    rows = shares.sort(NAME, order, "layer", descending=[True, False, False], maintain_order=True)
    return mean_over_runs(rows, (NAME, "variant", "layer"), "revived_share")


DERIVED = (_still_dead, _revived)


def _survival(curves: pl.DataFrame) -> Figure:
    figure = survival_panels(curves, columns="layer", lines=NAME, label="units still dead")
    for axis in figure.axes:
        axis.set_xlabel("steps since found dead")
    rates = ", ".join(f"{TOLD[name]} {rate:g}" for name, rate in HIGH.items())
    caption = (
        "Share of units still dead so many steps after a probe found them dead, by hidden layer (1 is at the input). "
        f"Learning rates at which units die: {rates}. Kaplan-Meier over spells of death, with 95 % bootstrap "
        f"intervals that resample runs; a unit that dies again has another spell. {runs_note({'': curves})}"
    )
    return Figure("revival", figure, caption)


def _causes(shares: pl.DataFrame) -> Figure:
    rows = {"units that come back": shares}
    figure = points(rows, x="variant", columns=NAME, lines="layer")
    figure.set_figheight(3.4)
    figure.axes[0].set_ylim(-0.05, 1.05)  # whole markers at 0 and 100 %
    rates = "; ".join(f"{TOLD[name]} low {LOW[name]:g}, high {HIGH[name]:g}" for name in LOW)
    caption = (
        "Share of the units found dead that a later probe finds active again, by hidden layer. Learning rates: "
        f"{rates} (frozen layers and decays: the high one). Frozen layers never move, and are not shown; equal decay: "
        f"{DECAY:g} on weights and biases; bias decay: {DECAY:g} on biases alone. Means over the runs in which a unit "
        "of the layer died, with 95 % BCa bootstrap intervals over seeds (Clopper-Pearson where all runs are alike, "
        f"none below five runs). {runs_note(rows)}"
    )
    return Figure("what_revives", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell."""
    metric, variant, layer = pl.col("metric"), pl.col("variant"), pl.col("layer")
    curves = frames.curves.filter(metric == "still_dead", variant == VARIANTS["high"])
    frozen = (variant == VARIANTS["frozen_1"]) & (layer <= 1) | (variant == VARIANTS["frozen_2"]) & (layer <= 2)
    shares = frames.curves.filter(metric == "revived_share", pl.col(NAME).is_in(list(LOW)), ~frozen)
    return [draw(rows) for draw, rows in ((_survival, curves), (_causes, shares)) if rows.height]

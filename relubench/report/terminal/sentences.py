"""What is said below the table: what it leaves out, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.findings.words import percent, percent_interval
from relubench.report.terminal.points import RATE, Names

LOSSES = ("diverged", "collapsed")


def left_out(points: pl.DataFrame, shown: pl.DataFrame, keys: Sequence[str]) -> str:
    """Return in a line which points the table does not show, and which losses no run has had."""
    rest = points.join(shown, on=list(keys), how="anti", nulls_equal=True) if keys else points.clear()
    none = [kind for kind in LOSSES if not points[kind].sum()]
    lines = [f"no run {' or '.join(none)}"] if none else []
    if rest.height:
        lines.insert(0, f"{rest.height:,} more grid points are in summary.parquet: {_told(rest, keys)}")
    return "; ".join(lines)


def _told(rest: pl.DataFrame, keys: Sequence[str]) -> str:
    """Return what is to be known of points that are not shown."""
    facts = []
    if RATE in keys and rest[RATE].n_unique() > 1:
        rates = rest[RATE].drop_nulls().sort()
        facts.append(f"rates from {rates[0]:.3g} to {rates[-1]:.3g}")
    dead = rest["dead"].drop_nulls()
    if len(dead):
        facts.append(f"{_range(dead)} of the units dead")
    facts += [f"{rest[kind].sum():,} of {rest['runs'].sum():,} runs {kind}" for kind in LOSSES if rest[kind].sum()]
    return ", ".join(facts)


def _range(shares: pl.Series) -> str:
    low, high = percent(shares.min()), percent(shares.max())  # type: ignore[arg-type]
    return f"{low} %" if low == high else f"{low} to {high} %"


def finding(points: pl.DataFrame, keys: Sequence[str], names: Names) -> str:
    """Return in a sentence where most units are dead, and where fewest or none are."""
    known = points.filter(pl.col("dead").is_not_null())
    if not known.height:
        return "Every run diverged." if points["runs"].sum() else ""
    if known["dead"].max() == 0:
        return "No unit is dead at the end of any run."
    most = known.row(int(known["dead"].arg_max() or 0), named=True)
    share = percent_interval(most["dead"], most["dead_low"], most["dead_high"])
    varied = [key for key in keys if points[key].n_unique() > 1]
    if not varied:
        return f"At the end {share} of the units are dead{_finite(most)}."
    contrast = _contrast(known, most, varied, names)
    return f"Most units are dead with {names.point(most, varied)}: {share} of them{_finite(most)}{contrast}."


def _finite(point: dict[str, Any]) -> str:
    if not point["diverged"]:
        return ""
    return f" in the {point['finite']} of {point['runs']} runs that did not diverge"


def _contrast(known: pl.DataFrame, most: dict[str, Any], varied: Sequence[str], names: Names) -> str:
    """Return where fewer units are dead: below which rate, all else being the same, or without rates at which point."""
    if RATE in varied:
        same = [pl.col(key).eq_missing(pl.lit(most[key])) for key in varied if key != RATE]
        lower = known.filter(*same, pl.col(RATE) < most[RATE]).sort(RATE)
        some = lower.filter(pl.col("dead") > 0)[RATE]
        first = most[RATE] if some.is_empty() else some[0]
        if lower.height and lower[RATE][0] < first:
            return f"; below {first:.3g} none is"
        return f"; at {lower[RATE][0]:.3g} {percent(lower['dead'][0])} % are" if lower.height else ""
    none = known.filter(pl.col("dead") == 0)
    if none.height > 1:
        return f"; at {none.height:,} of {known.height:,} grid points none is"
    fewest = known.row(int(known["dead"].arg_min() or 0), named=True)
    share = "none" if fewest["dead"] == 0 else f"fewest, {percent(fewest['dead'])} %,"
    return f"; {share} with {names.point(fewest, varied)}" if known.height > 1 else ""

"""claims.parquet: every claim's conditions with their numbers and verdicts, and what is left of them after Holm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.findings.claims.claim import NOT_DECIDED, NOT_MEASURED, Claim, overall
from relubench.findings.claims.metrics import are_there
from relubench.sweeps.folders import Tables

LEVEL = 0.05

_SCHEMA: dict[str, Any] = {
    "claim": pl.Int64,
    "experiment": pl.String,
    "statement": pl.String,
    "source": pl.String,
    "kind": pl.String,
    "statistic": pl.String,
    "condition": pl.String,
    "remark": pl.String,  # what was chosen on the way
    "direction": pl.String,
    "threshold": pl.Float64,
    "smallest": pl.Float64,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
    "lost_a": pl.Int64,
    "lost_b": pl.Int64,
    "p": pl.Float64,
    "p_method": pl.String,  # by which p was made; older files do not tell
    "verdict": pl.String,
    "claim_verdict": pl.String,
    "note": pl.String,
}
#: What rows of one claim share.
_CLAIM = ("experiment", "claim", "statement", "statistic")


def evaluate(claims: Sequence[Claim], tables: Tables, experiment: str) -> pl.DataFrame:
    """Return claims.parquet of an experiment: a row a claim and condition, one row where a claim has none.

    `p` is two-sided, against the boundary that decides: the threshold where the value is at least the smallest
    effect that counts, that effect where it is less. Null where there is no interval.
    """
    from relubench.findings import stats

    rows = [row for claim in claims for row in _rows(claim, tables, experiment)]
    table = pl.DataFrame(rows, _SCHEMA, orient="row").with_columns(
        pl.col("value", "ci_low", "ci_high", "p").fill_nan(None)
    )
    return table.with_columns(p_method=pl.when(pl.col("p").is_not_null()).then(pl.lit(stats.P_METHOD)))


def _rows(claim: Claim, tables: Tables, experiment: str) -> list[dict[str, Any]]:
    told: dict[str, Any] = {"claim": claim.id, "experiment": experiment}
    told |= {name: getattr(claim, name) for name in ("statement", "source", "kind", "note")}
    if not claim.conditions:
        return [told | {"verdict": claim.decided, "claim_verdict": claim.decided}]
    told |= {name: getattr(claim, name) for name in ("statistic", "direction", "threshold", "smallest")}
    rows = [told | _condition(claim, tables, place) for place in range(len(claim.conditions))]
    verdict = overall([row["verdict"] for row in rows], [row["condition"] for row in rows])
    return [row | {"claim_verdict": verdict} for row in rows]


def _condition(claim: Claim, tables: Tables, place: int) -> dict[str, Any]:
    label, measure = claim.conditions[place]
    if not all(are_there(tables, side) for side in measure.sides):
        return {"condition": label, "verdict": NOT_MEASURED}
    effect = measure(tables)
    return {
        "condition": label,
        "remark": effect.remark,
        "value": effect.value,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "n": effect.n,
        "lost_a": effect.lost[0],
        "lost_b": effect.lost[1],
        "p": effect.p(claim.boundary(effect.value)),
        "verdict": claim.verdict(effect),
    }


def holm(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all experiments' claims.parquet with `p_holm`, `verdict_holm` and `claim_verdict_holm`.

    All conditions of kind "seeds" that were measured are one family (Holm 1979); one without a p-value counts as
    p = 1. A decided verdict whose adjusted p is above .05 becomes *not decided*. Where any p was made by another method
    than `stats.P_METHOD`, the three columns are left out.
    """
    from relubench.findings import stats

    kept = pl.concat([pl.DataFrame(schema=_SCHEMA), *tables], how="diagonal").with_row_index("_row")
    family = kept.filter(pl.col("kind") == "seeds", pl.col("verdict") != NOT_MEASURED)
    if not family.filter(pl.col("p").is_not_null())["p_method"].eq_missing(stats.P_METHOD).all():
        return kept.drop("_row")
    adjusted = stats.holm(family["p"].fill_null(1.0).to_numpy())
    kept = kept.join(family.select("_row", p_holm=pl.Series(adjusted)), on="_row", how="left", maintain_order="left")
    lost = pl.col("p_holm") > LEVEL  # null, so false, for claims that need no seeds
    kept = kept.with_columns(verdict_holm=pl.when(lost).then(pl.lit(NOT_DECIDED)).otherwise("verdict"))
    rows = [row for _, claim in kept.group_by(_CLAIM, maintain_order=True) for row in _judged(claim)]
    verdicts = pl.DataFrame(rows, {"_row": pl.UInt32, "claim_verdict_holm": pl.String}, orient="row")
    return kept.join(verdicts, on="_row", maintain_order="left").drop("_row")


def _judged(claim: pl.DataFrame) -> list[dict[str, Any]]:
    verdict = overall(claim["verdict_holm"].to_list(), claim["condition"].to_list())
    return [{"_row": row, "claim_verdict_holm": verdict} for row in claim["_row"].to_list()]

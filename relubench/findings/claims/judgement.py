"""claims.parquet: every claim's conditions with their numbers and verdicts, and what is left of them after Holm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.findings.claims.claim import Claim, Condition, overall
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import are_there
from relubench.findings.claims.published import DIRECTION, NUMBER, Published
from relubench.findings.claims.rule import NOT_DECIDED, NOT_MEASURED
from relubench.sweeps.folders import Tables

LEVEL = 0.05

SCHEMA: dict[str, Any] = {
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
    # Of published numbers alone:
    "relation": pl.String,
    "published": pl.Float64,
    "rounding": pl.Float64,
    "judged": pl.String,  # what the verdict is about: the number, or the direction of its effect
    "reference": pl.String,  # what the effect is measured from
    "effect": pl.Float64,  # the measured number less the reference, where the direction is judged
    "effect_low": pl.Float64,
    "effect_high": pl.Float64,
    "reduced": pl.String,  # what is less, or other, than at the source
}
#: What rows of one claim share.
_CLAIM = ("experiment", "claim", "statement", "statistic")


def judge(claims: Sequence[Claim], tables: Tables, experiment: str, reduced: str = "") -> pl.DataFrame:
    """Return claims.parquet of an experiment: a row a claim and condition, one row where a claim has none.

    `reduced` says what is less, or other, than at the source of published numbers; "": the runs are as those are.

    `p` is two-sided, against the boundary that decides: the threshold where the value is at least the smallest
    effect that counts, that effect where it is less. Null where there is no interval.
    """
    from relubench.findings import stats

    rows = [row for claim in claims for row in _rows(claim, tables, experiment, reduced)]
    table = pl.DataFrame(rows, SCHEMA, orient="row").fill_nan(None)
    return table.with_columns(p_method=pl.when(pl.col("p").is_not_null()).then(pl.lit(stats.P_METHOD)))


def _rows(claim: Claim, tables: Tables, experiment: str, reduced: str) -> list[dict[str, Any]]:
    row: dict[str, Any] = {"claim": claim.id, "experiment": experiment}
    row |= {name: getattr(claim, name) for name in ("statement", "source", "kind", "note")}
    if not claim.conditions:
        return [row | {"verdict": claim.decided, "claim_verdict": claim.decided}]
    row |= {"statistic": claim.statistic}
    rows = [row | _condition(claim, condition, tables, reduced) for condition in claim.conditions]
    verdict = overall([row["verdict"] for row in rows], [row["condition"] for row in rows])
    return [row | {"claim_verdict": verdict} for row in rows]


def _condition(claim: Claim, condition: Condition, tables: Tables, reduced: str) -> dict[str, Any]:
    label, measure, published = condition
    if published is None:
        row = {"condition": label, **claim.rule._asdict()}
    else:
        row = {"condition": label, "direction": published.rule.direction, "reduced": reduced}
        row |= {"relation": published.relation, "rounding": published.rounding, "published": published.value}
    if not _all_there(tables, measure):
        return row | {"verdict": NOT_MEASURED}
    effect = measure(tables)
    row |= {"value": effect.value, "ci_low": effect.low, "ci_high": effect.high, "n": effect.n, "remark": effect.remark}
    row |= dict(zip(("lost_a", "lost_b"), effect.lost, strict=True))
    if published is None:
        return row | {"p": effect.p(claim.rule.boundary(effect.value)), "verdict": claim.verdict(effect)}
    if not reduced:
        return row | {"judged": NUMBER, "verdict": published.verdict(effect)}
    return row | _direction(published, tables)


def _all_there(tables: Tables, measure: Measurement) -> bool:
    return all(are_there(tables, side, measure.best_of) for side in measure.sides)


def _direction(published: Published, tables: Tables) -> dict[str, Any]:
    row = {"judged": DIRECTION, "reference": published.reference}
    if not _all_there(tables, published.effect):
        return row | {"verdict": NOT_MEASURED}
    effect = published.effect(tables)
    ends = {"effect": effect.value, "effect_low": effect.low, "effect_high": effect.high}
    less = {name: end - published.rule.threshold for name, end in ends.items()}
    return row | less | {"verdict": published.rule.verdict(effect)}


def holm(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all experiments' claims.parquet with `p_holm`, `verdict_holm` and `claim_verdict_holm`.

    All conditions of kind "seeds" that were measured are one family (Holm 1979); one without a p-value counts as
    p = 1. A decided verdict whose adjusted p is above .05 becomes *not decided*. Where any p was made by another method
    than `stats.P_METHOD`, the three columns are left out.
    """
    from relubench.findings import stats

    kept = pl.concat([pl.DataFrame(schema=SCHEMA), *tables], how="diagonal").with_row_index("_row")
    family = kept.filter(pl.col("kind") == "seeds", pl.col("verdict") != NOT_MEASURED)
    if not family.filter(pl.col("p").is_not_null())["p_method"].eq_missing(stats.P_METHOD).all():
        return kept.drop("_row")
    adjusted = stats.holm(family["p"].fill_null(1.0).to_numpy())
    kept = kept.join(family.select("_row", p_holm=pl.Series(adjusted)), on="_row", how="left", maintain_order="left")
    lost = pl.col("p_holm") > LEVEL  # null, so false, for claims that need no seeds
    kept = kept.with_columns(verdict_holm=pl.when(lost).then(pl.lit(NOT_DECIDED)).otherwise("verdict"))
    claims = kept.group_by(_CLAIM, maintain_order=True).agg("_row", "verdict_holm", "condition")
    verdicts = [overall(*of_claim) for of_claim in claims.select("verdict_holm", "condition").iter_rows()]
    claims = claims.select("_row", claim_verdict_holm=pl.Series(verdicts, dtype=pl.String)).explode("_row")
    return kept.join(claims, on="_row", maintain_order="left").drop("_row")

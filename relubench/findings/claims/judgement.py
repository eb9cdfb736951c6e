"""claims.parquet: every claim's conditions with their numbers and verdicts, and what is left of them after Holm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from relubench.findings.claims import beside
from relubench.findings.claims.claim import Claim, Condition, Overall, Premise, overall
from relubench.findings.claims.effect import Effect
from relubench.findings.claims.rule import NOT_MEASURED, OPEN
from relubench.findings.words import number as in_words
from relubench.sweeps.folders import Tables

LEVEL = 0.05

SCHEMA: dict[str, Any] = {
    "claim": pl.Int64,
    "experiment": pl.String,
    "statement": pl.String,
    "source": pl.String,
    "kind": pl.String,
    "statistic": pl.String,
    "setting": pl.String,  # data, network and training; older files do not tell
    "condition": pl.String,
    "primary": pl.Boolean,  # whether the claim's verdict goes by it
    "remark": pl.String,  # what was chosen on the way
    "direction": pl.String,
    "threshold": pl.Float64,
    "smallest": pl.Float64,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
    "left_out": pl.Int64,  # runs, or pairs, without a finite number
    "lost_a": pl.Int64,
    "lost_b": pl.Int64,
    "at_chance": pl.Float64,  # of an accuracy: the value with diverged runs at chance
    "at_chance_low": pl.Float64,
    "at_chance_high": pl.Float64,
    "p": pl.Float64,
    "p_method": pl.String,  # by which p was made; older files do not tell
    "verdict": pl.String,
    "claim_verdict": pl.String,
    "holds_in": pl.Int64,  # settings
    "reversed_in": pl.Int64,  # older files do not tell
    "settings": pl.Int64,  # that were measured
    "note": pl.String,
    # Of published numbers alone:
    "relation": pl.String,
    "published": pl.Float64,
    "rounding": pl.Float64,
    "error": pl.Float64,  # its standard error, where it comes from a simulation
    "ratio": pl.Float64,  # the measured number over the published one, where both are positive
    "reference": pl.String,  # what the effect is measured from
    "effect": pl.Float64,  # the measured number less the reference, where the numbers are not comparable
    "effect_low": pl.Float64,
    "effect_high": pl.Float64,
    "reduced": pl.String,  # what is less, or other, than at the source
}
#: What rows of one claim share, of whichever experiments.
_CLAIM = ("claim", "statement", "statistic")


def judge(claims: Sequence[Claim], tables: Tables | None, experiment: str, reduced: str = "") -> pl.DataFrame:
    """Return claims.parquet of an experiment: a row a claim and condition, one row where a claim has none.

    Without tables nothing is measured.

    `reduced` says what is less, or other, than at the source of published numbers; "": the runs are as those are.

    `p` is two-sided, against the boundary that decides: the threshold where the value is at least the smallest
    effect that counts, that effect where it is less. Null where there is no interval.
    """
    from relubench.findings import stats

    rows = [row for claim in claims for row in _rows(claim, tables, experiment, reduced)]
    table = pl.DataFrame(rows, SCHEMA, orient="row").fill_nan(None)
    return table.with_columns(p_method=pl.when(pl.col("p").is_not_null()).then(pl.lit(stats.P_METHOD)))


def _rows(claim: Claim, tables: Tables | None, experiment: str, reduced: str) -> list[dict[str, Any]]:
    row: dict[str, Any] = {"claim": claim.id, "experiment": experiment}
    row |= {name: getattr(claim, name) for name in ("statement", "source", "kind", "note")}
    if not claim.conditions:
        return [row | {"verdict": claim.decided, "claim_verdict": claim.decided}]
    row |= {"statistic": claim.statistic}
    rows = [row | _condition(claim, condition, tables, reduced) for condition in claim.conditions]
    if claim.kind == "published":
        return [each | {"claim_verdict": beside.overall([row["verdict"] for row in rows])} for each in rows]
    return [each | _overall(row["verdict"] for row in rows if row["primary"]) for each in rows]


def _overall(verdicts: Iterable[str]) -> dict[str, Any]:
    return overall(list(verdicts))._asdict()


def _condition(claim: Claim, condition: Condition, tables: Tables | None, reduced: str) -> dict[str, Any]:
    measure, published = condition.effect, condition.published
    row = {"condition": condition.label, "setting": condition.setting, "primary": condition.primary}
    row |= claim.rule._asdict() if published is None else beside.given(published)
    if tables is None or condition.lacks or not measure.all_there(tables):
        return row | {"verdict": NOT_MEASURED, "remark": condition.lacks}
    if condition.premise and (lacking := _lacking(condition.premise, tables)):
        return row | {"verdict": NOT_MEASURED, "remark": lacking}
    effect = measure(tables)
    row |= _numbers(effect)
    if published is None:
        return row | {"p": effect.p(claim.rule.boundary(effect)), "verdict": claim.verdict(effect)}
    return row | beside.judged(published, effect, tables, reduced if measure.sides else "")  # else it reads no runs


def _numbers(effect: Effect) -> dict[str, Any]:
    """Return what is told of an effect; equal values have no interval to be shown."""
    low, high = (None, None) if effect.equal else (effect.low, effect.high)
    row = {"value": effect.value, "ci_low": low, "ci_high": high, "n": effect.n, "remark": effect.remark}
    row |= {"left_out": effect.left_out, "lost_a": effect.lost[0], "lost_b": effect.lost[1]}
    if (at_chance := effect.at_chance) is not None:
        row |= {"at_chance": at_chance.value}
        row |= {} if at_chance.equal else {"at_chance_low": at_chance.low, "at_chance_high": at_chance.high}
    return row


def _lacking(premise: Premise, tables: Tables) -> str:
    """Return in words what a premise lacks, "" where it is met."""
    if not premise.effect.all_there(tables):
        return f"{premise.label}: not measured"
    value = premise.effect(tables).value
    return "" if value >= premise.least else f"{premise.label}: {in_words(value)}, less than {in_words(premise.least)}"


def holm(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all experiments' claims.parquet with `p_holm`, and verdicts after the correction.

    The primary conditions of kind "seeds" that were measured are one family (Holm 1979); one without a p-value counts
    as p = 1. A verdict that they decide is *open* where its adjusted p is above .05: `verdict` and what follows from it
    are those after the correction, `verdict_alone` is the condition's own. Where any p was made by another method than
    `stats.P_METHOD`, or a file does not tell which conditions are primary, nothing is corrected and there is no
    `p_holm`.
    """
    from relubench.findings import stats

    kept = pl.concat([pl.DataFrame(schema=SCHEMA), *tables], how="diagonal").with_row_index("_row")
    kept = kept.with_columns(verdict_alone="verdict")
    tested = kept.filter(pl.col("kind") == "seeds", pl.col("verdict") != NOT_MEASURED)
    methods = tested.filter(pl.col("p").is_not_null())["p_method"]
    if not methods.eq_missing(stats.P_METHOD).all() or tested["primary"].null_count():
        return kept.drop("_row")
    family = tested.filter("primary")
    adjusted = stats.holm(family["p"].fill_null(1.0).to_numpy())
    kept = kept.join(family.select("_row", p_holm=pl.Series(adjusted)), on="_row", how="left", maintain_order="left")
    lost = pl.col("p_holm") > LEVEL  # null, so false, for all that is not in the family
    kept = kept.with_columns(verdict=pl.when(lost).then(pl.lit(OPEN)).otherwise("verdict"))
    claims = kept.filter("primary", pl.col("kind") != "published")
    of_claim = claims.group_by(_CLAIM, maintain_order=True).agg("verdict")
    found = [_overall(verdicts) for verdicts in of_claim["verdict"]]
    after = pl.DataFrame(found, {name: SCHEMA[name] for name in Overall._fields}, orient="row")
    after = pl.concat([of_claim.select(_CLAIM), after], how="horizontal")
    return (
        kept.drop("_row")
        .join(after, on=_CLAIM, how="left", nulls_equal=True, maintain_order="left", suffix="_after")
        .with_columns(pl.coalesce(f"{name}_after", name).alias(name) for name in after.columns if name not in _CLAIM)
        .select(*SCHEMA, "verdict_alone", "p_holm")
    )

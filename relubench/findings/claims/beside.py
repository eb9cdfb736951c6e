"""The columns of claims.parquet that published numbers have of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from relubench.findings.claims.effect import Effect
from relubench.findings.claims.published import DIRECTIONS, FAILS, NOT_COMPARABLE, PASSES, Contrast, Published
from relubench.findings.claims.rule import NOT_MEASURED, OPEN
from relubench.sweeps.folders import Tables


def given(published: Published) -> dict[str, Any]:
    """Return what is told of a published number, measured or not."""
    return {
        "relation": published.relation,
        "published": published.value,
        "rounding": published.rounding,
        "error": published.error,
        "direction": published.contrast.rule.direction if published.contrast else None,
    }


def judged(published: Published, effect: Effect, tables: Tables, reduced: str) -> dict[str, Any]:
    """Return the judgement of a published number beside the measured one; `reduced` as for `judge`."""
    if published.rival:
        published = published.found(published.rival(tables))
    verdict = published.verdict(effect, reduced)
    row = given(published) | {"verdict": verdict, "ratio": published.ratio(effect.value), "reduced": reduced}
    if verdict != NOT_COMPARABLE or published.contrast is None:
        return row
    return row | _direction(published.contrast, tables)


def _direction(contrast: Contrast, tables: Tables) -> dict[str, Any]:
    row: dict[str, Any] = {"reference": contrast.reference}
    if not contrast.effect.all_there(tables):
        return row
    effect, rule = contrast.effect(tables), contrast.rule
    ends = {"effect": effect.value, "effect_low": effect.low, "effect_high": effect.high}
    less = {name: end - rule.threshold for name, end in ends.items()}
    return row | less | {"remark": DIRECTIONS[rule.verdict(effect)]}


def overall(verdicts: Collection[str]) -> str:
    """Return what a claim's published numbers come to: what fails, is open or passes, before what is not judged."""
    return next(word for word in (FAILS, OPEN, PASSES, NOT_COMPARABLE, NOT_MEASURED) if word in verdicts)

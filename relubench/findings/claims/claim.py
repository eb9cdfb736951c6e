"""A claim: a statement, what is measured to judge it, and the rule by which it is judged.

A condition *holds* if its whole interval lies beyond the threshold and its value beyond it by the smallest effect
that counts; it *does not hold* if the interval leaves out even the smallest effect that counts; else it is *not
decided*. So it is below 5 runs, and where the verdict would be another had the lost pairs had the worst or the best
value seen. It is *not measured* where the grid has left out its runs. A claim *holds* if all its conditions do, and
*does not hold* if all do not; where some hold and others do not, it *holds only if* one of the former is met, whatever
is undecided; else it is *not decided*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from relubench.findings.claims.effect import Effect
from relubench.findings.claims.measurements import Measurement

HOLDS, DOES_NOT_HOLD, NOT_DECIDED = "holds", "does not hold", "not decided"
#: The grid has left out the runs that it takes.
NOT_MEASURED = "not measured"


class Condition(NamedTuple):
    """Under what a claim is judged, in words, and the statistic there."""

    label: str  # "SGD, rate 1"; "" where a claim has this one alone
    effect: Measurement


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement about dying ReLUs, and how it is judged. Its threshold is fixed before the run that it judges."""

    id: int
    statement: str
    source: str  # "question", "answer", "comment", or a paper
    statistic: str = ""  # what the number is, with its unit
    direction: Literal["above", "below"] = "above"
    threshold: float = 0.0
    smallest: float = 0.0  # the smallest effect that counts, as a distance from the threshold
    conditions: tuple[Condition, ...] = ()
    kind: Literal["seeds", "proof", "exact test", "picture", "bibliography"] = "seeds"
    decided: str = ""  # the verdict of a claim that needs no measurement
    note: str = ""  # what a reader should know; where the proof, the test or the picture is

    def __post_init__(self) -> None:
        measured = bool(self.conditions)
        if measured == bool(self.decided) or (self.kind == "seeds" and not measured):
            raise ValueError(f"claim {self.id}: either it has conditions, or, where it needs no seeds, it is decided")
        if self.smallest < 0 or (measured and not self.statistic):
            raise ValueError(f"claim {self.id}: it needs a statistic in words and a smallest effect of 0 or more")

    def boundary(self, value: float) -> float:
        """Return what a measured value is tested against: the threshold, or the smallest effect where it is less."""
        counts = _beyond(self, value) >= self.smallest
        return self.threshold if counts else self.threshold + _sign(self) * self.smallest

    def verdict(self, effect: Effect) -> str:
        """Return the verdict of one of its conditions."""
        if self.kind != "seeds":
            return _exact_verdict(self, effect)
        verdicts = {_interval_verdict(self, each) for each in (effect, *effect.if_lost)}
        return verdicts.pop() if len(verdicts) == 1 else NOT_DECIDED


def _sign(claim: Claim) -> int:
    return 1 if claim.direction == "above" else -1


def _beyond(claim: Claim, value: float) -> float:
    """Return how far a value lies beyond the threshold, in the claim's direction."""
    return _sign(claim) * (value - claim.threshold)


def _interval_verdict(claim: Claim, effect: Effect) -> str:
    from relubench.findings.stats import FEWEST_RUNS  # see `relubench.findings.claims.effect`

    near, far = sorted((_beyond(claim, effect.low), _beyond(claim, effect.high)))
    value = _beyond(claim, effect.value)
    if effect.n < FEWEST_RUNS:
        return NOT_DECIDED
    if near > 0 and value >= claim.smallest:
        return HOLDS
    return DOES_NOT_HOLD if far < claim.smallest and value < claim.smallest else NOT_DECIDED


def _exact_verdict(claim: Claim, effect: Effect) -> str:
    """An exact count is compared as it is: there is nothing to infer."""
    if not effect.n:
        return NOT_DECIDED
    value = _beyond(claim, effect.value)
    return HOLDS if value > 0 and value >= claim.smallest else DOES_NOT_HOLD


def overall(verdicts: Sequence[str], labels: Sequence[str]) -> str:
    """Return a claim's verdict from those of its conditions, whose labels say where it holds."""
    measured = [(verdict, label) for verdict, label in zip(verdicts, labels, strict=True) if verdict != NOT_MEASURED]
    if 0 < len(measured) < len(verdicts):
        return f"{overall(*zip(*measured, strict=True))} where measured"
    if len(set(verdicts)) == 1:
        return verdicts[0]
    if {HOLDS, DOES_NOT_HOLD} <= set(verdicts):
        kept = [label for label, verdict in zip(labels, verdicts, strict=True) if verdict == HOLDS]
        return f"{HOLDS} only if {' or '.join(kept)}"
    return NOT_DECIDED

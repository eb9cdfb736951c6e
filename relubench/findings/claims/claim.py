"""A claim: a statement, what is measured to judge it, and the rule by which it is judged.

A condition *holds* if its whole interval lies beyond the threshold and its value beyond it by the smallest effect
that counts; it *does not hold* if the interval leaves out even the smallest effect that counts; else it is *not
decided*. So it is below 5 runs, and where the verdict would be another had the lost pairs had the worst or the best
value seen. It is *not measured* where the grid has left out its runs. Published numbers have a rule of their own
(`relubench.findings.claims.published`). A claim *holds* if all its conditions do, and *does not hold* if all do not;
where some hold and others do not, it *holds only if* one of the former is met, whatever is undecided; else it is *not
decided*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from relubench.findings.claims.effect import Effect
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, NOT_DECIDED, NOT_MEASURED, Direction, Rule

if TYPE_CHECKING:
    from relubench.findings.claims.published import Published


class Condition(NamedTuple):
    """Under what a claim is judged, in words, and the statistic there."""

    label: str  # "SGD, rate 1"; "" where a claim has this one alone
    effect: Measurement
    published: Published | None = None  # the number that it is put beside

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All that it takes."""
        return (self.effect, self.published.effect) if self.published else (self.effect,)

    @property
    def needs(self) -> frozenset[str]:
        """The measures that it reads, and `units` where it reads these."""
        return frozenset().union(*(measurement.needs for measurement in self.measurements))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement about dying ReLUs, and how it is judged. Its threshold is fixed before the run that it judges."""

    id: int
    statement: str
    source: str  # "question", "answer", "comment", or a paper
    statistic: str = ""  # what the number is, with its unit
    direction: Direction = "above"
    threshold: float = 0.0
    smallest: float = 0.0  # the smallest effect that counts, as a distance from the threshold
    conditions: tuple[Condition, ...] = ()
    kind: Literal["seeds", "proof", "exact test", "picture", "bibliography", "published"] = "seeds"
    decided: str = ""  # the verdict of a claim that needs no measurement
    note: str = ""  # what a reader should know; where the proof, the test or the picture is

    def __post_init__(self) -> None:
        measured = bool(self.conditions)
        if measured == bool(self.decided) or (self.kind == "seeds" and not measured):
            raise ValueError(f"claim {self.id}: either it has conditions, or, where it needs no seeds, it is decided")
        if any((condition.published is None) == (self.kind == "published") for condition in self.conditions):
            raise ValueError(f"claim {self.id}: conditions with published numbers are those of kind published")
        if self.kind == "published" and self.rule != Rule():
            raise ValueError(f"claim {self.id}: published numbers bring their own rules; it takes none")
        if self.smallest < 0 or (measured and not self.statistic):
            raise ValueError(f"claim {self.id}: it needs a statistic in words and a smallest effect of 0 or more")

    @property
    def rule(self) -> Rule:
        """What its conditions are judged by."""
        return Rule(self.direction, self.threshold, self.smallest)

    def verdict(self, effect: Effect) -> str:
        """Return the verdict of one of its conditions."""
        return self.rule.verdict(effect) if self.kind == "seeds" else self.rule.exact_verdict(effect)


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

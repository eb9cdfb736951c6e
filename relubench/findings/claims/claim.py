"""A claim: a statement, what is measured to judge it, and the rule by which it is judged.

A condition *holds* if its whole interval lies beyond the threshold and its value beyond it by the smallest effect
that counts; it is *reversed* if it lies so on the other side; it *does not hold* if the interval leaves out even the
smallest effect that counts; else it is *open*. So it is below 5 runs, where more runs were lost than kept, and where
the verdict would be another had the lost runs had the worst or the best value seen. It is *not measured* where the grid
has left out its runs, or no run has what it takes. Published numbers have a rule of their own
(`relubench.findings.claims.published`).

A claim is judged in several settings, by one primary condition in each; the others are told beside it. Of the settings
that were measured it *holds* in all; or it *depends*: in some it holds, and in one it is reversed, or in some it does
not hold, and it holds in fewer than two thirds; or it holds in two thirds or more, *mostly*; or it *does not hold*: it
holds in none, and does not in half of them or more; else it is *open*.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from relubench.findings.claims.effect import Effect
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, NOT_MEASURED, OPEN, REVERSED, Direction, Rule

if TYPE_CHECKING:
    from relubench.findings.claims.published import Published


class Premise(NamedTuple):
    """What must be there for a condition to be measured at all, such as dead units that a remedy could prevent."""

    label: str
    effect: Measurement
    least: float


class Condition(NamedTuple):
    """Under what a claim is judged, in words, and the statistic there."""

    label: str  # "SGD, rate 1"; "" where a claim, or a setting, has this one alone
    effect: Measurement
    published: Published | None = None  # the number that it is put beside
    setting: str = ""  # data, network and training, in words; "": the label's, which is a setting of its own
    primary: bool = True  # whether the claim's verdict goes by it
    premise: Premise | None = None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All that it takes."""
        contrast = self.published.contrast if self.published else None
        return (self.effect, *(other.effect for other in (contrast, self.premise) if other))

    @property
    def needs(self) -> frozenset[str]:
        """The measures that it reads, and `units` where it reads these."""
        return frozenset().union(*(measurement.needs for measurement in self.measurements))

    @property
    def lacks(self) -> str:
        """What is missing here that it takes beside the runs, in words; "" for nothing."""
        rival = self.published.rival if self.published else None
        return self.effect.lacks or (rival.lacks if rival else "")


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
        if not effect.n:
            return NOT_MEASURED
        return self.rule.verdict(effect) if self.kind == "seeds" else self.rule.exact_verdict(effect)


#: A claim that something never happens: a law, and an exact count, given as it is or as a share to show of how many.
law = functools.partial(Claim, kind="exact test", direction="below", threshold=1, smallest=1)


class Overall(NamedTuple):
    """A claim's verdict over settings, and in how many of those that were measured it holds, and is reversed."""

    claim_verdict: str
    holds_in: int
    reversed_in: int
    settings: int


DEPENDS, MOSTLY = "depends", "mostly"
#: From this share of the settings on a claim holds mostly.
MOST = 2 / 3


def overall(verdicts: Sequence[str]) -> Overall:
    """Return a claim's verdict from those of its primary conditions, one a setting."""
    measured = [verdict for verdict in verdicts if verdict != NOT_MEASURED]
    held, settings = measured.count(HOLDS), len(measured)
    refuted = measured.count(DOES_NOT_HOLD) + measured.count(REVERSED)
    if not measured:
        word = NOT_MEASURED
    elif held == settings:
        word = HOLDS
    elif held and (REVERSED in measured or (refuted and held < MOST * settings)):
        word = DEPENDS
    elif held >= MOST * settings:
        word = MOSTLY
    else:
        word = DOES_NOT_HOLD if not held and 2 * refuted >= settings else OPEN
    return Overall(word, held, measured.count(REVERSED), settings)

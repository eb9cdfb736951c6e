"""Published numbers that those of our runs are put beside, and how they are judged.

Where the runs are on the source's own data and at its own size, with all seeds of the design, the published number
*passes* if its relation agrees with our interval, else it *fails*. Elsewhere it is *not comparable*, and the reason is
told: a wide interval of few seeds agrees with any number, and other data may have another one. So is what the source
gives no number for. Beside every judgement stands the ratio of the two numbers, and where they are not comparable,
whether the measured effect has the direction of the source's.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from relubench.findings.claims.claim import Condition
from relubench.findings.claims.effect import Effect
from relubench.findings.claims.measurements import Measurement, mean_of, paired, range_of, share_of
from relubench.findings.claims.metrics import Metric, Where
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN, Rule
from relubench.findings.words import number as in_words

PASSES, FAILS, NOT_COMPARABLE = "passes", "fails", "not comparable"
#: The direction of an effect beside that of the source's, by the verdict of its rule.
DIRECTIONS = {HOLDS: "same direction", DOES_NOT_HOLD: "other direction", OPEN: "direction open"}
#: Confidence of the intervals beside published numbers, and the half-width of a normal one in standard errors.
CONFIDENCE, STANDARD_ERRORS = 0.99, 2.5758
#: The source of numbers that nobody published: simulations written without this code, with the same definitions.
MONTE_CARLO = "independent Monte Carlo"

Relation = Literal["=", "~", ">", "<"]


class Contrast(NamedTuple):
    """The effect that the source reports, of which the direction is told where the numbers are not comparable."""

    reference: str  # what the effect is measured from, in words
    effect: Measurement  # the measured number, or its difference from the reference where that is another measured one
    rule: Rule  # the side of the effect that the source reports, and the reference where it is a number


class Published(NamedTuple):
    """A published number."""

    value: float | None  # None: the source gives a definition or a curve, and no number
    relation: Relation = "="  # "=" as printed, "~" about (said so, or read off a figure), ">" more than, "<" less than
    rounding: float = 0.0  # half-width of the values that print as this one
    error: float = 0.0  # its standard error, where it comes from a simulation
    errors: float = STANDARD_ERRORS  # how many standard errors the interval beside it is wide to each side
    contrast: Contrast | None = None
    rival: Measurement | None = None  # what measures it where it is not printed, with an interval `errors` wide

    def found(self, effect: Effect) -> Published:
        """Return the number with what its rival has measured."""
        return self._replace(value=effect.value, error=(effect.high - effect.low) / (2 * self.errors))

    def verdict(self, measured: Effect, reduced: str = "") -> str:
        """Return the judgement; `reduced` says what is less, or other, than at the source, "" for nothing."""
        if reduced or self.value is None:
            return NOT_COMPARABLE
        if not measured.low <= measured.high:  # too few runs for an interval
            return OPEN
        ends = widened(measured, self.errors * self.error)
        return PASSES if agrees(self.relation, self.value, self.rounding, *ends) else FAILS

    def ratio(self, measured: float) -> float | None:
        """Return the measured number over the published one, None unless both are positive."""
        return measured / self.value if self.value and min(measured, self.value) > 0 else None


def widened(measured: Effect, half: float) -> tuple[float, float]:
    """Return an interval for the difference of two numbers, moved to the measured one.

    `half` is the half-width of the other one's interval; independent errors add up as their squares do.
    """
    value, low, high = measured[:3]
    return value - math.hypot(value - low, half), value + math.hypot(high - value, half)


def agrees(relation: str, value: float, rounding: float, low: float, high: float) -> bool:
    """Return whether an interval agrees with a published number.

    It does if the number lies in the interval widened by its rounding ("=", "~"), or if the interval reaches to the
    right side of it (">", "<").
    """
    if relation == ">":
        return high > value
    if relation == "<":
        return low < value
    return low - rounding <= value <= high + rounding


class Number(NamedTuple):
    """A number of each run, which stands beside a published one, or from which one is measured."""

    label: str
    metric: Metric
    where: Where
    kind: Literal["share", "share of runs", "other"] = "share"  # of units, or another mean between 0 and 1

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest value that it can have."""
        return None if self.kind == "other" else (0.0, 1.0)

    def measurement(self) -> Measurement:
        """Return its mean over runs, or the share of runs that it is."""
        if self.kind == "share of runs":
            return share_of(self.metric, self.where, confidence=CONFIDENCE)
        return mean_of(self.metric, self.where, bounds=self.bounds, confidence=CONFIDENCE)

    def less(self, other: Number) -> Measurement:
        """Return the mean of its differences from another one, paired by seed."""
        return paired(
            self.metric, other.where, self.where, metric_a=other.metric, bounds=self.bounds, confidence=CONFIDENCE
        )

    def beside(
        self,
        value: float | None,
        relation: Relation = "=",
        rounding: float = 0.0,
        *,
        error: float = 0.0,
        less: float | Number = 0.0,
        sign: int = 1,
        one_run: bool = False,
    ) -> Condition:
        """Return the condition that puts it beside a published number, whose standard error is `error`.

        The source reports more than `less` (`sign` +1), or less than that (-1). `one_run`: the source has one run, so
        the range of 99 % of our runs stands in the place of the interval of their mean.
        """
        other, threshold = (less, 0.0) if isinstance(less, Number) else (None, less)
        mean = self.measurement()
        contrast = Contrast(
            reference=other.label if other else in_words(threshold),
            effect=self.less(other) if other else mean,
            rule=Rule("above" if sign > 0 else "below", threshold),
        )
        measured = range_of(self.metric, self.where, confidence=CONFIDENCE) if one_run else mean
        return Condition(self.label, measured, Published(value, relation, rounding, error, contrast=contrast))

"""Published numbers that those of our runs are put beside, and how they are judged.

Where the runs are on the source's own data and at its own size, with all seeds of the design, the published number is:
it *holds* if its relation agrees with our interval, else it *does not hold*. Elsewhere (a wide interval of few seeds
agrees with any number) the direction of the source's effect alone is: the number less what the source measures it from
has the source's sign (*holds*), the other one (*does not hold*), or it is *open*.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from relubench.findings.claims.claim import Condition
from relubench.findings.claims.effect import Effect
from relubench.findings.claims.measurements import Measurement, mean_of, paired, range_of, share_of
from relubench.findings.claims.metrics import Metric, Where
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN, Rule
from relubench.findings.words import number as in_words

#: Confidence of the intervals beside published numbers.
CONFIDENCE = 0.99
#: The source of numbers that nobody published: simulations written without this code, with the same definitions.
MONTE_CARLO = "independent Monte Carlo"
#: What a verdict is about.
NUMBER, DIRECTION = "number", "direction"

Relation = Literal["=", "~", ">", "<"]


class Published(NamedTuple):
    """A published number, and the effect that is judged where the runs are not those of its source."""

    value: float
    relation: Relation  # "=" as printed, "~" about (said so, or read off a figure), ">" more than, "<" less than
    rounding: float  # half-width of the values that print as this one
    reference: str  # what the effect is measured from, in words
    effect: Measurement  # the measured number, or its difference from the reference where that is another measured one
    rule: Rule  # the side of the effect that the source reports, and the reference where it is a number

    def verdict(self, measured: Effect) -> str:
        """Return the verdict on the number itself."""
        if not measured.low <= measured.high:  # too few runs for an interval
            return OPEN
        agreed = agrees(self.relation, self.value, self.rounding, measured.low, measured.high)
        return HOLDS if agreed else DOES_NOT_HOLD


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
        value: float,
        relation: Relation = "=",
        rounding: float = 0.0,
        *,
        less: float | Number = 0.0,
        sign: int = 1,
        one_run: bool = False,
    ) -> Condition:
        """Return the condition that puts it beside a published number.

        The source reports more than `less` (`sign` +1), or less than that (-1). `one_run`: the source has one run, so
        the range of 99 % of our runs stands in the place of the interval of their mean.
        """
        other, threshold = (less, 0.0) if isinstance(less, Number) else (None, less)
        mean = self.measurement()
        published = Published(
            value, relation, rounding,
            reference=other.label if other else in_words(threshold),
            effect=self.less(other) if other else mean,
            rule=Rule("above" if sign > 0 else "below", threshold),
        )  # fmt: skip
        measured = range_of(self.metric, self.where, confidence=CONFIDENCE) if one_run else mean
        return Condition(self.label, measured, published)

"""The rule that judges a measured effect: its interval against a threshold, and the smallest effect that counts."""

from __future__ import annotations

from typing import Literal, NamedTuple

from relubench.findings.claims.effect import Effect

HOLDS, DOES_NOT_HOLD, REVERSED, OPEN = "holds", "does not hold", "reversed", "open"
#: The grid has left out the runs that it takes, or none of them has what it takes.
NOT_MEASURED = "not measured"

Direction = Literal["above", "below"]


class Rule(NamedTuple):
    """On which side of a threshold an effect has to lie, and by how much at least."""

    direction: Direction = "above"
    threshold: float = 0.0
    smallest: float = 0.0  # the smallest effect that counts, as a distance from the threshold; 0: any does

    def boundary(self, effect: Effect) -> float:
        """Return what a measured effect is tested against: the threshold, or the smallest effect where it is less."""
        counts = self._beyond(effect.value) >= self.smallest or self._interval_verdict(effect) == REVERSED
        return self.threshold if counts else self.threshold + self._sign * self.smallest

    def verdict(self, effect: Effect) -> str:
        """Return the verdict of an effect with an interval, the same whatever the lost runs had been.

        Where most are lost it is open: the worst and the best seen are then those of a few that were spared.
        """
        if effect.mostly_left_out:
            return OPEN
        verdicts = {self._interval_verdict(each) for each in (effect, *effect.if_lost)}
        return verdicts.pop() if len(verdicts) == 1 else OPEN

    def exact_verdict(self, effect: Effect) -> str:
        """Return the verdict of an exact count, which is compared as it is: there is nothing to infer."""
        value = self._beyond(effect.value)
        return HOLDS if value > 0 and value >= self.smallest else DOES_NOT_HOLD

    @property
    def _sign(self) -> int:
        return 1 if self.direction == "above" else -1

    def _beyond(self, value: float) -> float:
        """Return how far a value lies beyond the threshold, in the rule's direction."""
        return self._sign * (value - self.threshold)

    def _interval_verdict(self, effect: Effect) -> str:
        from relubench.findings.stats import FEWEST_RUNS  # see `relubench.findings.claims.effect`

        near, far = sorted((self._beyond(effect.low), self._beyond(effect.high)))
        value = self._beyond(effect.value)
        if effect.n < FEWEST_RUNS:
            return OPEN
        if near > 0 and value >= self.smallest:
            return HOLDS
        if self.smallest and far < 0 and value <= -self.smallest:
            return REVERSED
        return DOES_NOT_HOLD if far < self.smallest and value < self.smallest else OPEN

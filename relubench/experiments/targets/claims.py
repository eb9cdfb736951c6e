"""The claims about targets."""

from __future__ import annotations

import functools

from relubench.experiments.cases import RATE, Cases, each
from relubench.findings.claims import Claim, Condition, paired
from relubench.findings.claims.metrics import Where

FACTOR, MOMENTUM = "factor.target", "optimizer.momentum"

DEAD = "dead_train_fraction"
#: The smallest difference of dead shares that counts.
FIVE_POINTS = 0.05
#: A proper rate of plain SGD here: it learns fast, and no unit dies on a target of mean 0 and variance 1.
PROPER = 0.01
#: The far target and the one of little variance, and what they are compared with.
NEAR, FAR, FLAT = {FACTOR: "near"}, {FACTOR: "mean_10"}, {FACTOR: "deviation_001"}


def _steps(momentum: float, effective: bool) -> dict[str, float]:
    """Return momentum and rate, the latter proper for plain SGD as it is or as an effective rate."""
    return {MOMENTUM: momentum, RATE: round(PROPER * (1 - momentum), 10) if effective else PROPER}


#: The ways to take steps that a claim is judged under.
PLAIN = _steps(0.0, effective=False)
WITH_MOMENTUM: Cases = {
    f"momentum {momentum}, same {'effective ' if effective else ''}rate": _steps(momentum, effective)
    for momentum in (0.9, 0.99)
    for effective in (False, True)
}


def _against_near(target: Where) -> tuple[Condition, ...]:
    ways = {"plain SGD": PLAIN, **WITH_MOMENTUM}
    return each(ways, lambda way: paired(DEAD, {**NEAR, **way}, {**target, **way}))


_NOTE = (
    "The teacher's target has mean 0 and standard deviation 1 before the change. Plain SGD's rate is .01; the same "
    "effective rate is .01 times 1 - momentum, which moves a steady gradient's weights as fast in the end."
)
_claim = functools.partial(Claim, id=42, source="Arnekvist et al. 2020", smallest=FIVE_POINTS, note=_NOTE)

CLAIMS = (
    _claim(
        statement="A target far from the network's output kills units",
        statistic="dead share with the target's mean at 10 less that at 0",
        conditions=_against_near(FAR),
    ),
    _claim(
        statement="On a target far from the network's output, momentum kills more units",
        statistic="dead share with momentum less that of plain SGD, target's mean at 10",
        conditions=each(WITH_MOMENTUM, lambda way: paired(DEAD, {**FAR, **PLAIN}, {**FAR, **way})),
    ),
    _claim(
        statement="A target of little variance kills units",
        statistic="dead share with the target's standard deviation at .01 less that at 1",
        conditions=_against_near(FLAT),
    ),
)

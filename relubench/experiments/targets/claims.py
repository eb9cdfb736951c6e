"""The claims about targets."""

from __future__ import annotations

from collections.abc import Iterator

from relubench.experiments.by_optimizer import RATE, Where
from relubench.findings.claims import Claim, Condition, paired

FACTOR, MOMENTUM = "factor.target", "optimizer.momentum"

DEAD = "dead_train_fraction"
SOURCE = "Arnekvist et al. 2020"
#: The smallest difference of dead shares that counts.
FIVE_POINTS = 0.05
#: A proper rate of plain SGD here: it learns fast, and no unit dies on a target of mean 0 and variance 1.
PROPER = 0.01
#: The far target and the one of little variance, and what they are compared with.
NEAR, FAR, FLAT = {FACTOR: "near"}, {FACTOR: "mean_10"}, {FACTOR: "deviation_001"}


def _steps(momentum: float, effective: bool) -> dict[str, float]:
    """Return momentum and rate, the latter proper for plain SGD as it is or as an effective rate."""
    return {MOMENTUM: momentum, RATE: round(PROPER * (1 - momentum), 10) if effective else PROPER}


def _ways() -> Iterator[tuple[str, dict[str, float]]]:
    """Yield (label, momentum and rate) of each way to take steps that a claim is judged under."""
    yield "plain SGD", _steps(0.0, effective=False)
    for momentum in (0.9, 0.99):
        yield f"momentum {momentum}, same rate", _steps(momentum, effective=False)
        yield f"momentum {momentum}, same effective rate", _steps(momentum, effective=True)


def _against_near(target: Where) -> tuple[Condition, ...]:
    return tuple(Condition(label, paired(DEAD, {**NEAR, **way}, {**target, **way})) for label, way in _ways())


def _against_plain(target: Where) -> tuple[Condition, ...]:
    (_, plain), *others = _ways()
    return tuple(Condition(label, paired(DEAD, {**target, **plain}, {**target, **way})) for label, way in others)


_NOTE = (
    "The teacher's target has mean 0 and standard deviation 1 before the change. Plain SGD's rate is .01; the same "
    "effective rate is .01 times 1 - momentum, which moves a steady gradient's weights as fast in the end."
)
CLAIMS = (
    Claim(
        id=42,
        statement="A target far from the network's output kills units",
        source=SOURCE,
        statistic="dead share with the target's mean at 10 less that at 0",
        smallest=FIVE_POINTS,
        conditions=_against_near(FAR),
        note=_NOTE,
    ),
    Claim(
        id=42,
        statement="On a target far from the network's output, momentum kills more units",
        source=SOURCE,
        statistic="dead share with momentum less that of plain SGD, target's mean at 10",
        smallest=FIVE_POINTS,
        conditions=_against_plain(FAR),
        note=_NOTE,
    ),
    Claim(
        id=42,
        statement="A target of little variance kills units",
        source=SOURCE,
        statistic="dead share with the target's standard deviation at .01 less that at 1",
        smallest=FIVE_POINTS,
        conditions=_against_near(FLAT),
        note=_NOTE,
    ),
)

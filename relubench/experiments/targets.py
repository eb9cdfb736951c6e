"""Does a target far from the network's output, or of little variance, kill units, and more of them with momentum?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.findings.claims import Claim, Condition, paired
from relubench.plots import style
from relubench.plots.figure import Figure, line_panels, runs_note

OFFSET, SCALE = "data.target_offset", "data.target_scale"
RATE, MOMENTUM = "optimizer.learning_rate", "optimizer.momentum"
PANELS = {"dead_train_fraction": "dead units", "collapsed": "collapsed runs", "diverged": "diverged runs"}

DEAD = "dead_train_fraction"
SOURCE = "Arnekvist et al. 2020"
#: The smallest difference of dead shares that counts.
FIVE_POINTS = 0.05
#: A proper rate of plain SGD here: it learns fast, and no unit dies on a target of mean 0 and variance 1.
PROPER = 0.01
#: What the far target and the one of little variance are compared with.
NEAR = {OFFSET: 0.0, SCALE: 1.0}
FAR, FLAT = NEAR | {OFFSET: 10.0}, NEAR | {SCALE: 0.01}


def _steps(momentum: float, effective: bool) -> dict[str, float]:
    """Return momentum and rate, the latter proper for plain SGD as it is or as an effective rate."""
    return {MOMENTUM: momentum, RATE: round(PROPER * (1 - momentum), 10) if effective else PROPER}


def _ways() -> Iterator[tuple[str, dict[str, float]]]:
    """Yield (label, momentum and rate) of each way to take steps that a claim is judged under."""
    yield "plain SGD", _steps(0.0, effective=False)
    for momentum in (0.9, 0.99):
        yield f"momentum {momentum}, same rate", _steps(momentum, effective=False)
        yield f"momentum {momentum}, same effective rate", _steps(momentum, effective=True)


def _against_near(target: dict[str, float]) -> tuple[Condition, ...]:
    return tuple(Condition(label, paired(DEAD, NEAR | way, target | way)) for label, way in _ways())


def _against_plain(target: dict[str, float]) -> tuple[Condition, ...]:
    (_, plain), *others = _ways()
    return tuple(Condition(label, paired(DEAD, target | plain, target | way)) for label, way in others)


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


def _over(frames: Frames, x: str, fixed: str, name: str, told: str, **axis: Any) -> Figure:
    """Draw dead units, collapsed and diverged runs over `x` where the key `fixed` has its value of `NEAR`."""
    rows = {label: frames.summary_of(metric).filter(pl.col(fixed) == NEAR[fixed]) for metric, label in PANELS.items()}
    figure = line_panels(rows, x=x, columns=RATE, lines=MOMENTUM, **axis)
    caption = (
        f"Dead units, collapsed and diverged runs over {told}, one column per learning rate. Momentum 0 at .01, .9 "
        "at .001 and .99 at .0001 have the same effective rate (rate / (1 - momentum)). Dead units: means over the "
        "runs that did not diverge (collapsed ones included), with 95 % BCa bootstrap intervals over seeds; collapsed "
        "and diverged: shares of runs with 95 % Clopper-Pearson intervals, collapsed of those that did not diverge. "
        f"{runs_note(rows)}"
    )
    return Figure(name, figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    deviation = f"the target's standard deviation ({style.name(SCALE)}), its mean at 0"
    mean = f"the target's mean ({style.name(OFFSET)}) in units of its standard deviation"
    return [
        _over(frames, OFFSET, SCALE, "offset", mean, symlog_x=True),
        _over(frames, SCALE, OFFSET, "scale", deviation, log_x=True),
    ]


EXPERIMENT = Experiment(
    question="Does a target far from the output, or of little variance, kill units, and more with momentum?",
    figures=_figures,
    claims=CLAIMS,
    minutes=1.6,
)

"""The cases under which a claim is judged: labelled choices of runs, and a condition for each of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from relubench.experiments.designs import titles
from relubench.findings.claims import Condition
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where
from relubench.plots import style

RATE, OPTIMIZER = "optimizer.learning_rate", "optimizer.name"
#: The runs of each case, by its label.
Cases = Mapping[str, Where]

#: The note of a claim that is judged at best rates.
AT_BEST = "Each half of the seeds is measured at the rate chosen on the other half."


def each(cases: Cases, measure: Callable[[Where], Measurement]) -> tuple[Condition, ...]:
    """Return a condition for each case: its label, and what is measured of its runs."""
    return tuple(Condition(label, measure(where)) for label, where in cases.items())


def crossed(first: Cases, second: Cases) -> Cases:
    """Return the cases that are one of each, the second varying faster."""
    both = itertools.product(first.items(), second.items())
    return {_joined(label, other): {**where, **further} for (label, where), (other, further) in both}


def of_levels(experiment: str, factor: str, levels: Iterable[str] | None = None) -> Cases:
    """Return a case for each level of an experiment's factor, all or those named, under its title."""
    named = titles(experiment, factor)
    return {named[level]: {f"factor.{factor}": level} for level in levels or named}


def of_optimizers(names: Iterable[str]) -> Cases:
    """Return a case for each optimiser."""
    return {style.name(name): {OPTIMIZER: name} for name in names}


def at_rates(rates: Sequence[tuple[str, float]], cases: Cases | None = None) -> Cases:
    """Return each case at each pair of an optimiser and a learning rate, by which its label begins."""
    at = {_joined(style.name(name), f"rate {rate:g}"): {OPTIMIZER: name, RATE: rate} for name, rate in rates}
    return {
        _joined(label, further): {**runs, **where}
        for further, where in (cases or {"": {}}).items()
        for label, runs in at.items()
    }


def _joined(*labels: str) -> str:
    return ", ".join(filter(None, labels))

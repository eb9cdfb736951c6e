"""The cases under which a claim is judged: labelled choices of runs, and a condition for each of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from relubench.config import over_defaults
from relubench.experiments.designs import levels, titles
from relubench.findings.claims import Condition, Premise, mean_of
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where
from relubench.plots import style
from relubench.sweeps import rates
from relubench.sweeps.factors import FACTOR, Level

RATE, OPTIMIZER = "optimizer.learning_rate", "optimizer.name"
#: The factors of a setting (data, network, training), of the optimiser, and of the rate: proper, or high.
WORLD, BY, AT = "factor.world", "factor.optimizer", "factor.rate"
PROPER, HIGH = {AT: "proper"}, {AT: "high"}
#: The runs of each case, by its label.
Cases = Mapping[str, Where]

#: The note of a claim that is judged at best rates.
AT_BEST = "Each half of the seeds is measured at the rate chosen on the other half."


def each(cases: Cases, measure: Callable[[Where], Measurement]) -> tuple[Condition, ...]:
    """Return a condition for each case: its label, and what is measured of its runs."""
    return tuple(Condition(label, measure(where)) for label, where in cases.items())


def in_settings(
    experiment: str,
    measure: Callable[[Where], Measurement],
    cases: Cases | None = None,
    *,
    worlds: Iterable[str] | None = None,
    optimizers: Iterable[str] | None = None,
    premise: Callable[[Where], Premise] | None = None,
    label: str = "",
    beside: bool = False,
) -> tuple[Condition, ...]:
    """Return a condition for each setting of an experiment and each case in it.

    A setting is a level of its factor `world`, all or those named, with one of its factor `optimizer`. The first case
    is the primary one, or where all stand `beside` others, none is; `label` ends their names. Left out is what the
    design does not cross.
    """
    conditions = []
    for world, optimizer in itertools.product(_named(experiment, WORLD, worlds), _named(experiment, BY, optimizers)):
        place = {WORLD: world.name, BY: optimizer.name}
        for number, (name, where) in enumerate((cases or {"": {}}).items()):
            runs = {**place, **where}
            if _is_crossed(experiment, runs):
                conditions.append(
                    Condition(
                        _joined(name, label), measure(runs), None, f"{world.title}, {optimizer.title}",
                        primary=number == 0 and not beside, premise=premise(runs) if premise else None,
                    )
                )  # fmt: skip
    return tuple(conditions)


def _named(experiment: str, column: str, names: Iterable[str] | None) -> list[Level]:
    held = levels(experiment, column.removeprefix(FACTOR))
    return [held[name] for name in names or held]


def _is_crossed(experiment: str, where: Where) -> bool:
    """Whether the levels of some factors go together."""
    chosen = {column.removeprefix(FACTOR): name for column, name in where.items() if column.startswith(FACTOR)}
    for factor, name in chosen.items():
        within = levels(experiment, factor)[name].within
        if any(chosen.get(other, held[0]) not in held for other, held in within.items()):
            return False
    return True


def at(*wheres: Where) -> Cases:
    """Return the one case that has all of these."""
    return {"": {key: value for where in wheres for key, value in where.items()}}


#: Below this dead share of plain networks there is nothing to prevent.
DEAD_ENOUGH = 0.1


def enough_dead(plain: Where) -> Callable[[Where], Premise]:
    """Return the premise that so many units of the networks that a case is compared with are dead."""

    def premise(runs: Where) -> Premise:
        dead = mean_of("dead_train_fraction", {**runs, **plain})
        return Premise("dead units of what it is compared with", dead, DEAD_ENOUGH)

    return premise


def rate_by_rule(experiment: str, where: Where, rule: str, factor: float = 1.0) -> float:
    """Return the rate, times a factor, that a rule of the shipped table has for a setting and optimiser by factors."""
    chosen = [levels(experiment, column.removeprefix(FACTOR))[where[column]] for column in (WORLD, BY)]
    values = {key: value for level in chosen for key, value in level.values.items()}
    entry, _ = rates.find(rates.parse(rates.shipped()), over_defaults(values))
    return entry.times(rule, factor)


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

"""The experiments: a folder each, found by its name, beside a YAML file of the same name.

Its `__init__` tells the question it answers in its first line. `claims.py` has CLAIMS, `figures.py` a function
`figures` of the frames; `metrics.py`, where needed, has CURVES and DERIVED, what curves.parquet holds for them, and
numbers of a run that are the experiment's own.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.errors import UserError
from relubench.experiments.base import Frames, with_levels
from relubench.experiments.designs import Design, design

if TYPE_CHECKING:
    import polars as pl

    from relubench.findings.claims import Claim, Condition
    from relubench.plots.figure import Figure
    from relubench.sweeps.folders import Tables

__all__ = ["Experiment", "Frames", "design", "find", "names", "with_levels"]

#: An experiment of the user's own, known by a YAML file alone, is drawn as this one is.
_DEFAULT = "custom"


class Experiment:
    """An experiment's part in Python, each piece imported when it is first asked for."""

    def __init__(self, package: ModuleType) -> None:
        self._package = package

    def _piece(self, module: str, name: str, default: Any) -> Any:
        if module not in (found.name for found in pkgutil.iter_modules(self._package.__path__)):
            return default
        return getattr(importlib.import_module(f"{self._package.__name__}.{module}"), name, default)

    @property
    def question(self) -> str:
        """The question that it answers."""
        return (self._package.__doc__ or "").splitlines()[0].removesuffix(".")

    @property
    def minutes(self) -> float:
        """About how long the default size takes on two cores, once compiled, as measured; 0: not measured."""
        return getattr(self._package, "MINUTES", 0.0)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it judges, on runs that its YAML file has: others are refused."""
        claims: tuple[Claim, ...] = self._piece("claims", "CLAIMS", ())
        name = self._package.__name__.rpartition(".")[2]
        designs = [found for size in config.KEYS["size"].metadata["choices"] if (found := design(name, size))]
        for claim in claims:
            for condition, ours in itertools.product(claim.conditions, designs):
                _check(name, claim, condition, ours)
        return claims

    @property
    def needs(self) -> frozenset[str]:
        """The measures that its claims and curves read, and `units` where they read these."""
        return _needs(self)

    @property
    def figures(self) -> Callable[[Frames], Sequence[Figure]]:
        """What draws it."""
        return self._piece("figures", "figures", lambda frames: ())

    @property
    def curves(self) -> tuple[str, ...]:
        """Columns of probes or layers, or names of measures, to keep over the steps."""
        return self._piece("metrics", "CURVES", ())

    @property
    def derived(self) -> tuple[Callable[[Tables], pl.DataFrame], ...]:
        """Functions that compute further rows of curves.parquet from the runs."""
        return self._piece("metrics", "DERIVED", ())


def _needs(experiment: Experiment) -> frozenset[str]:
    from relubench.findings.claims.metrics import needs_of

    measured = (condition.effect.needs for claim in experiment.claims for condition in claim.conditions)
    return frozenset().union(*measured, *map(needs_of, experiment.derived))


def _check(name: str, claim: Claim, condition: Condition, ours: Design) -> None:
    from relubench.findings.claims.metrics import check_where

    for side in condition.effect.sides:
        try:
            check_where(side, ours.values)
        except UserError as error:
            raise UserError(
                f"experiment={name}: claim {claim.id} ({condition.label or claim.statement}): {error}"
            ) from None


def names() -> list[str]:
    """Return the names of the experiments."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def find(name: str) -> Experiment:
    """Return the experiment `name`."""
    return Experiment(importlib.import_module(f"{__name__}.{name if name in names() else _DEFAULT}"))

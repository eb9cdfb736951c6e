"""The experiments: a folder each, registered under its name, beside a YAML file of the same name.

A folder of experiments is a shelf: their names have its name before them, as in published/born, and they share its
modules (`published/figures.py`, for example) where they have none of their own.

The first line of its `__init__` is the question that it answers. `claims.py` has CLAIMS, `figures.py` a function
`figures` of the frames; `metrics.py`, where needed, has CURVES and DERIVED, what curves.parquet holds for them, and
numbers of a run that are the experiment's own. One that is a single module has all of these itself.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from relubench.errors import UserError
from relubench.experiments.designs import design, values

if TYPE_CHECKING:
    import polars as pl

    from relubench.experiments.base import Frames
    from relubench.findings.claims import Claim, Condition
    from relubench.plots.figure import Figure
    from relubench.sweeps.folders import Tables

__all__ = ["Experiment", "design", "find", "names", "register"]

#: An experiment without figures is drawn as this one is.
_DEFAULT = "custom"


def _packages(folder: str, package: str, shelf: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, dotted name) of each experiment in a folder, and on the shelves in it."""
    for module in pkgutil.iter_modules([folder]):
        if module.ispkg:
            name, dotted = f"{shelf}{module.name}", f"{package}.{module.name}"
            yield from list(_packages(os.path.join(folder, module.name), dotted, f"{name}/")) or [(name, dotted)]


#: The module or package that is each experiment's part in Python.
MODULES = dict(_packages(__path__[0], __name__))


class Experiment:
    """An experiment's part in Python, each piece imported when it is first asked for."""

    def __init__(self, name: str, module: ModuleType) -> None:
        self.name, self._module = name, module

    def _piece(self, module: str, name: str, default: Any) -> Any:
        """Return what a module of the package, or of its shelf, has under a name; or what the only module has."""
        if not hasattr(self._module, "__path__"):
            return getattr(self._module, name, default)
        shelf = self._module.__name__.rpartition(".")[0] if "/" in self.name else ""
        for package in (self._module, *([importlib.import_module(shelf)] if shelf else [])):
            if module in (each.name for each in pkgutil.iter_modules(package.__path__)):
                return getattr(importlib.import_module(f"{package.__name__}.{module}"), name, default)
        return default

    @property
    def question(self) -> str:
        """The question that it answers."""
        return next(iter((self._module.__doc__ or "").splitlines()), "").removesuffix(".")

    @property
    def minutes(self) -> float:
        """About how long the default size takes on two cores, once compiled, as measured; 0: not measured."""
        return getattr(self._module, "MINUTES", 0.0)

    @functools.cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What it judges, on runs that its YAML file has: others are refused."""
        claims: tuple[Claim, ...] = self._piece("claims", "CLAIMS", ())
        held = values(self.name)
        for claim in claims if held else ():
            for condition in claim.conditions:
                _check(self.name, claim, condition, held)
        return claims

    @property
    def needs(self) -> frozenset[str]:
        """The measures that its claims and curves read, and `units` where they read these."""
        return _needs(self)

    @property
    def seeds(self) -> int:
        """How many its claims need at least for a verdict."""
        from relubench.findings.stats import FEWEST_RUNS

        return FEWEST_RUNS if any(claim.kind == "seeds" for claim in self.claims) else 0

    @property
    def figures(self) -> Callable[[Frames], Iterable[Figure]]:
        """What draws it."""
        return self._own_figures or find(_DEFAULT).figures

    @property
    def _own_figures(self) -> Callable[[Frames], Iterable[Figure]] | None:
        return self._piece("figures", "figures", None)

    @property
    def curves(self) -> tuple[str, ...]:
        """Columns of probes or layers, or names of measures, to keep over the steps."""
        own = self._piece("metrics", "CURVES", None)
        if own is not None:
            return own
        return () if self._own_figures else find(_DEFAULT).curves

    @property
    def derived(self) -> tuple[Callable[[Tables], pl.DataFrame], ...]:
        """Functions that compute further rows of curves.parquet from the runs."""
        return self._piece("metrics", "DERIVED", ())


def _needs(experiment: Experiment) -> frozenset[str]:
    from relubench.findings.claims.metrics import needs_of
    from relubench.sweeps.columns import LAYERS, PROBES

    measured = (condition.needs for claim in experiment.claims for condition in claim.conditions)
    curves = set(experiment.curves) - {column.name for column in (*PROBES, *LAYERS)}
    return frozenset(curves).union(*measured, *map(needs_of, experiment.derived))


def _check(name: str, claim: Claim, condition: Condition, held: Mapping[str, Sequence[Any]]) -> None:
    from relubench.findings.claims.metrics import check_metric, check_where

    try:
        for measurement in condition.measurements:
            for metric in measurement.metrics:
                check_metric(metric)
            for side in measurement.sides:
                check_where(side, held)
    except UserError as error:
        raise UserError(
            f"experiment={name}: claim {claim.id} ({condition.label or claim.statement}): {error}"
        ) from None


def names() -> list[str]:
    """Return the names of the experiments, those on shelves after the others."""
    return sorted(MODULES, key=lambda name: ("/" in name, name))


def register(name: str, module: str) -> None:
    """Make a module or package, by its dotted name (`__name__`), the part in Python of the experiment `name`."""
    if MODULES.setdefault(name, module) != module:
        raise UserError(f"experiment={name}: both {MODULES[name]} and {module} are registered as it")


def find(name: str) -> Experiment:
    """Return the experiment `name`; one known by its YAML file alone has the figures of a custom one."""
    return Experiment(name, importlib.import_module(MODULES.get(name, MODULES[_DEFAULT])))

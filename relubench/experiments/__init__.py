"""The experiments: one module each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil

from relubench.experiments.base import Experiment, Frames

__all__ = ["Experiment", "Frames", "find", "names"]

#: An experiment of the user's own, known by a YAML file alone, is drawn as this one is.
_DEFAULT = "custom"
#: The modules beside the experiments: what they have in common.
_COMMON = ("base", "by_optimizer", "derived")


def names() -> list[str]:
    """Return the names of the experiments."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _COMMON)


def find(name: str) -> Experiment:
    """Return the experiment `name`."""
    module = name if name in names() else _DEFAULT
    experiment: Experiment = importlib.import_module(f"{__name__}.{module}").EXPERIMENT
    return experiment

"""relubench: how many ReLU units die, when, and what fixes it.

`load` reads results, `sweep` trains a grid from Python, `retrain` gives the weights of a run; `watch` gives a function
of JAX with the units of its activations, `census` makes a table of them, and `autopsy` tells what is wrong with them;
`units` holds the definitions (dead, silent, saturated, dormant, linear, constant) as functions of plain arrays.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relubench import units
    from relubench.api import Results, load, retrain, sweep
    from relubench.report.diagnosis import autopsy
    from relubench.sites import census, watch

__all__ = ["Results", "autopsy", "census", "load", "retrain", "sweep", "units", "watch"]

#: When this process first imported relubench: source that changes later is not what it runs.
IMPORTED = time.time()


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: the command line starts without JAX."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("relubench")
    if name == "units":
        return importlib.import_module("relubench.units")
    if name in __all__:
        homes = {"watch": "sites", "census": "sites", "autopsy": "report.diagnosis"}
        return getattr(importlib.import_module(f"relubench.{homes.get(name, 'api')}"), name)
    raise AttributeError(f"module 'relubench' has no attribute {name!r}")

"""The project's own plug-ins of Hydra made known to it, and those of extras that may be missing."""

from __future__ import annotations

import functools
import importlib
import sys
import types
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from relubench.errors import UserError

#: The extra that brings a choice of Hydra's groups.
_EXTRAS = {
    "hydra/sweeper": {"optuna": "optuna"},
    "hydra/launcher": {"submitit_slurm": "slurm", "submitit_local": "slurm", "ray": "ray"},
}
_MODULE = "hydra_plugins.relubench"


def register(group: str, name: str, plugin: type, **arguments: object) -> None:
    """Make `hydra/GROUP=NAME` known. Hydra takes plug-ins only from modules named `hydra_plugins.…`."""
    try:
        package = importlib.import_module("hydra_plugins")
    except ImportError:  # no other plug-in is installed
        package = sys.modules["hydra_plugins"] = types.ModuleType("hydra_plugins")
    module = sys.modules.setdefault(_MODULE, types.ModuleType(_MODULE))
    package.relubench = module  # type: ignore[attr-defined]
    plugin.__module__ = _MODULE
    setattr(module, plugin.__name__, plugin)
    Plugins.instance().register(plugin)
    node = {"_target_": f"{_MODULE}.{plugin.__name__}", **arguments}
    ConfigStore.instance().store(group=f"hydra/{group}", name=name, node=node, provider="relubench")


def check_installed(group: str, name: str) -> None:
    """Refuse a choice of one of Hydra's groups whose extra is not installed."""
    extra = _EXTRAS.get(group, {}).get(name)
    if extra is None:
        return
    Plugins.instance()  # its scan makes those that are installed known
    known: Any = functools.reduce(lambda node, part: node.get(part, {}), group.split("/"), ConfigStore.instance().repo)
    if f"{name}.yaml" not in known:
        raise UserError(f"{group}={name}: it takes an extra: pip install 'relubench[{extra}]'")

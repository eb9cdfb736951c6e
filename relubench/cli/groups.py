"""The groups of the configuration: what GROUP=NAME may name, by what is registered and by YAML files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra.core.config_store import ConfigStore

from relubench import config
from relubench.errors import UserError, shown
from relubench.paths import CONF
from relubench.sweeps.storage import refusing

EXPERIMENT = "experiment"


class Groups(NamedTuple):
    """The choices of every group, of the package and of the user."""

    conf: Path | None = None  # the user's folder of YAML files (--config-dir)

    def names(self) -> dict[str, list[str]]:
        """Return the names that each group takes."""
        return {group: sorted({*registered, *self.files(group)}) for group, registered in _registered().items()}

    def files(self, group: str) -> dict[str, Path]:
        """Return the YAML files of a group by name."""
        own = _files(CONF / group)
        added = {} if self.conf is None else _files(self.conf / group)
        for name in added:
            if name in own:
                raise UserError(f"{added[name]}: relubench has {group}={name} already; it takes another name")
        return own | added

    def tree(self, group: str, name: str) -> dict[str, Any]:
        """Return what a choice sets, as its YAML file has it."""
        path = self.files(group).get(name)
        if path is None:
            return {"name": name}
        with refusing(path, "it takes a YAML file of keys"):
            return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})

    def store(self) -> None:
        """Make the registered choices that have no file known to Hydra, each as its name alone."""
        for group, registered in _registered().items():
            ConfigStore.instance().repo.pop(group, None)
            for name in set(registered) - self.files(group).keys():
                ConfigStore.instance().store(group=group, name=name, node={"name": name}, provider="relubench")


def is_stored(group: str, name: str) -> bool:
    """Whether a choice of a group stands for its name alone."""
    return f"{name}.yaml" in ConfigStore.instance().repo.get(group, {})


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def _registered() -> dict[str, list[str]]:
    """Return the names that are registered in each group; experiments have YAML files instead."""
    named = {choice.removesuffix(".name"): names for choice, names in config.CHOICES.items()}
    return {EXPERIMENT: []} | {group: names for group, names in named.items() if "." not in group}


def user_folder(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return (the folder that --config-dir names, the other arguments)."""
    given, others, rest = [], [], list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in ("--config-dir", "-cd"):
            others.append(name + equals + value)
            continue
        given.append(value if equals else rest.pop(0) if rest else "")
    if len(given) > 1:
        raise UserError(f"--config-dir: it takes one folder, not {' and '.join(map(shown, given))}")
    if given and not (given[0] and Path(os.path.expanduser(given[0])).is_dir()):
        raise UserError(f"--config-dir={given[0]}: no such folder; it takes one that holds experiment/mine.yaml")
    return (given[0] if given else None), others

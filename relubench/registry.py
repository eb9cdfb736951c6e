"""Choices by name: one registry for each kind of thing that a configuration can name.

An entry brings the keys that it reads, with their defaults, limits and words. Declaring imports no JAX: modules that
register take it from `relubench.lazy`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Generic, TypeVar

from relubench import config
from relubench.errors import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from the names a configuration uses to what they stand for.

    `kind` is the configuration key of the choice; error messages show it.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._keys: dict[str, tuple[str, ...]] = {}

    def register(self, name: str, *, reads: Sequence[str] = (), **keys: Any) -> Callable[[T], T]:
        """Return a decorator that files the decorated object under `name`.

        `keys` are its own keys, made by `config.knob` or `config.static`, by the last words of their names; they come
        to the entry as `own` returns them. `reads` names keys of its group that the core reads for some entries alone.
        """

        def add(entry: T) -> T:
            if name in self._entries:
                raise KeyError(f"{self.kind} {name!r} is registered twice")
            config.declare(self.kind, name, keys, reads)
            self._entries[name], self._keys[name] = entry, tuple(keys)
            return entry

        return add

    def own(self, group: Any) -> dict[str, Any]:
        """Return the values of the chosen entry's own keys, given its group of the setting (default: the schema's)."""
        prefix = self.kind.rpartition(".")[0]
        defaults = {leaf: config.KEYS[f"{prefix}.{leaf}"].default for leaf in self._keys[group.name]}
        return {leaf: group.own.get(leaf, default) for leaf, default in defaults.items()}

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def load(package: ModuleType, but: Sequence[str] = ()) -> None:
    """Import the modules of a package, so that what they register is known: a new file needs no list.

    `but` are those that need JAX, which others import where it is used.
    """
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in but:
            importlib.import_module(f"{package.__name__}.{module.name}")

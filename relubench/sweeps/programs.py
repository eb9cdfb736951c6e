"""Compiled programs on disk by what they are made from: where one is found, nothing is traced.

JAX's own cache knows a program by its text, and to write the text takes longer than to load the program. Here it is
known by all that the text is made from: the static setting, the shapes, the machine, JAX's settings, the source of
relubench, and the versions of the packages below it. Where other code may take part, JAX's cache serves.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable

import relubench
from relubench import nn
from relubench.sweeps import compile_cache
from relubench.sweeps.layout import Layout

#: Packages whose code a program is traced by, known by their versions.
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
#: Folders of relubench whose code is not traced.
_BESIDE = {"cli", "findings", "plots", "report"}


class Store:
    """A folder of programs."""

    def __init__(self, folder: str) -> None:
        self.cache = compile_cache.SealedCache(folder, max_size=jax.config.values["jax_compilation_cache_max_size"])

    def program(self, layout: Layout, arguments: tuple[Any, ...], lower: Callable[[], Any]) -> Any:
        """Return the group's program: the one that is kept, or what `lower` gives, compiled and kept.

        `arguments` have the shapes of those that it takes; it returns the like of the last.
        """
        key, devices = _key(layout, arguments), list(layout.machine.mesh.devices.flat)
        structures = jax.tree.structure((arguments, {})), jax.tree.structure(arguments[-1])
        payload = self.cache.get(key)
        if payload is not None:
            with contextlib.suppress(Exception):  # another build of the same version may have written it
                return serialize_executable.deserialize_and_load(payload, *structures, execution_devices=devices)
            self.cache.entry(key).unlink(missing_ok=True)
        with compile_cache.bypassed():  # what was loaded from a cache cannot be written again: it would lack functions
            program = lower().compile()
        with contextlib.suppress(Exception):  # not every program can be written: that is no reason to end a training
            payload, *own = serialize_executable.serialize(program)
            if tuple(own) == structures:
                self.cache.put(key, payload)
        return program


def store(imports: Sequence[str]) -> Store | None:
    """Return where programs are kept; None where something else than they are known by may make them differ.

    That is a user's module (one of `imports`, that of a network, or the one that calls relubench), a package below that
    is not a release, and source that has changed since this process began.
    """
    folder = jax.config.values["jax_compilation_cache_dir"]
    usable = folder and "://" not in folder and jax.config.values["jax_enable_compilation_cache"]
    if (
        not usable
        or imports
        or nn.MODELS.brought
        or not _is_command_line()
        or jax.process_count() > 1
        or not _are_releases()
    ):
        return None
    if _source()[1] >= relubench.IMPORTED:
        return None
    with contextlib.suppress(RuntimeError):  # a limit of the folder's size takes a package that may not be there
        return Store(folder)
    return None


def _key(layout: Layout, arguments: tuple[Any, ...]) -> str:
    leaves, structure = jax.tree.flatten(arguments)
    devices = list(layout.machine.mesh.devices.flat)
    made_from = {
        "code": _source()[0],
        "versions": [platform.python_version(), *map(importlib.metadata.version, PACKAGES)],
        "machine": [layout.machine.fingerprint, devices[0].client.platform_version, *map(str, devices)],
        "settings": [os.environ.get("XLA_FLAGS"), sorted(map(repr, jax.config.values.items()))],
        "setting": {key: str(value) for key, value in layout.group.static.items()},
        "arguments": [str(structure), [(leaf.shape, str(leaf.dtype)) for leaf in leaves]],
    }
    return f"program-{hashlib.blake2b(json.dumps(made_from).encode(), digest_size=16).hexdigest()}"


@functools.cache
def _source() -> tuple[str, float]:
    """Return a digest of the package's own code that is traced, and when it last changed."""
    digest, package, changed = hashlib.blake2b(digest_size=16), Path(__file__).parents[1], 0.0
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if place.parts[0] not in _BESIDE:
            text = path.read_bytes()
            digest.update(f"{place} {len(text)} ".encode() + text)
            changed = max(changed, path.stat().st_mtime)
    return digest.hexdigest(), changed


def _is_command_line() -> bool:
    """Whether the process is `python -m relubench`: anything else may have changed what is traced."""
    return getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", None) == "relubench.__main__"


@functools.cache
def _are_releases() -> bool:
    """Whether each package below comes from an index: only then its version tells its code."""
    try:
        return not any(importlib.metadata.distribution(name).read_text("direct_url.json") for name in PACKAGES)
    except importlib.metadata.PackageNotFoundError:
        return False

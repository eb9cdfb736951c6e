"""Compiled programs on disk by what they are made from: where one is found, nothing is traced.

JAX's own cache knows a program by its text, and to write the text takes longer than to load the program. Here it is
known by all that the text is made from: the static setting, the shapes, the machine, the source of relubench, and the
versions of the packages below it. Where other code takes part, a user's modules above all, JAX's cache serves.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable

from relubench.sweeps import compile_cache
from relubench.sweeps.layout import Layout

#: Packages whose code a program is traced by, known by their versions.
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


class Store:
    """A folder of programs."""

    def __init__(self, folder: str) -> None:
        self.cache = compile_cache.SealedCache(folder, max_size=jax.config.values["jax_compilation_cache_max_size"])

    def program(self, layout: Layout, arguments: tuple[Any, ...], lower: Callable[[], Any]) -> Any:
        """Return the group's program for arguments of these shapes, the last of which it returns; else compile it."""
        key, devices = _key(layout, arguments), list(layout.machine.mesh.devices.flat)
        structures = jax.tree.structure((arguments, {})), jax.tree.structure(arguments[-1])
        payload = self.cache.get(key)
        if payload is not None:
            with contextlib.suppress(Exception):  # another build of the same version may have written it
                return serialize_executable.deserialize_and_load(payload, *structures, execution_devices=devices)
        with compile_cache.bypassed():  # what was loaded from a cache cannot be written again: it would lack functions
            program = lower().compile()
        with contextlib.suppress(jax.errors.JaxRuntimeError, ValueError):  # not every program can be written
            payload, *own = serialize_executable.serialize(program)
            if tuple(own) == structures:
                self.cache.put(key, payload)
        return program


def store(imports: Sequence[str]) -> Store | None:
    """Return where programs are kept; None where something else than they are known by may make them differ."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    if imports or not folder or "://" in folder or jax.process_count() > 1 or _from_sources():
        return None
    return Store(folder)


def _key(layout: Layout, arguments: tuple[Any, ...]) -> str:
    leaves, structure = jax.tree.flatten(arguments)
    machine = layout.machine
    made_from = {
        "code": _source(),
        "versions": [platform.python_version(), *map(importlib.metadata.version, PACKAGES)],
        "machine": [machine.fingerprint, [str(device) for device in machine.mesh.devices.flat]],
        "setting": {key: str(value) for key, value in layout.group.static.items()},
        "arguments": [str(structure), [(leaf.shape, str(leaf.dtype)) for leaf in leaves]],
    }
    return f"program-{hashlib.blake2b(json.dumps(made_from).encode(), digest_size=16).hexdigest()}"


@functools.cache
def _source() -> str:
    """Return a digest of the package's own code."""
    digest, package = hashlib.blake2b(digest_size=16), Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(text)} ".encode() + text)
    return digest.hexdigest()


@functools.cache
def _from_sources() -> bool:
    """Whether a package below is installed from a folder of sources: its version does not tell its code."""
    return any(
        json.loads(importlib.metadata.distribution(name).read_text("direct_url.json") or "{}")
        .get("dir_info", {})
        .get("editable", False)
        for name in PACKAGES
    )

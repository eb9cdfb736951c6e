"""Compiled programs on disk: each entry is verified when it is read, and a damaged one is compiled and written anew.

JAX keeps an entry that it cannot read, and warns of it in every process from then on; one whose flipped bit lies in
data without a checksum it would run. So each entry ends with a digest of its key and content. JAX's classes used
here are private to it: a version without them keeps its own cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax
from jax._src import compilation_cache
from jax._src.lru_cache import LRUCache

from relubench.errors import Notice

_DIGEST_BYTES = 16
#: Ends the key of an entry with a digest: programs that use JAX alone may share the folder, and read only their own.
_SEALED = "-sealed"
_bypassing = threading.local()


def seal() -> None:
    """Let JAX's compilation cache verify its entries; do without one where its folder cannot be used."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    if not folder or "://" in folder:  # none, or a bucket: JAX's own cache serves
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        os.scandir(folder).close()
    except OSError as error:
        jax.config.update("jax_compilation_cache_dir", None)
        _warn(f"{folder}: no folder of compiled programs ({error.strerror}); they are compiled at each start")
    if getattr(compilation_cache, "LRUCache", None) is LRUCache:
        compilation_cache.LRUCache = SealedCache  # type: ignore[misc] # no other way in
        compilation_cache.reset_cache()  # it may be open already


@contextlib.contextmanager
def bypassed() -> Iterator[None]:
    """Have this thread find no program in the cache, and leave none there."""
    _bypassing.now = True
    try:
        yield
    finally:
        _bypassing.now = False


def _warn(text: str) -> None:
    warnings.warn(text, Notice, stacklevel=3)


class SealedCache(LRUCache):
    """JAX's cache of files, whose entries end with a digest."""

    _warned = False

    def get(self, key: str) -> bytes | None:
        """Return the entry, None where there is none that is whole; what is in its place makes way."""
        if getattr(_bypassing, "now", False):
            return None
        path, key = self.entry(key), key + _SEALED
        try:
            sealed = super().get(key)
        except OSError:  # a folder in its place, say
            sealed = b""
        if sealed is None:
            return None
        content, digest = sealed[:-_DIGEST_BYTES], sealed[-_DIGEST_BYTES:]
        if digest == _digest(key, content):
            return content
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._warn_once("a damaged compiled program was deleted and is compiled anew")
        return None

    def put(self, key: str, value: bytes) -> None:
        """Write an entry in one step, in the place of what is there."""
        if getattr(_bypassing, "now", False):
            return
        path, key = self.entry(key), key + _SEALED
        sealed = value + _digest(key, value)
        try:
            if self.eviction_enabled:  # it has a lock of its own
                super().put(key, sealed)
                return
            temporary = path.with_name(f".tmp-{os.getpid()}-{threading.get_ident()}-{path.name}")
            temporary.write_bytes(sealed)
            os.replace(temporary, path)
        except OSError as error:
            self._warn_once(f"compiled programs cannot be kept ({error.strerror})")

    def entry(self, key: str) -> Path:
        """Return where the entry of a key is kept."""
        return Path(os.fspath(self.path)) / f"{key}{_SEALED}-cache"

    def _warn_once(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            _warn(f"{self.path}: {text}")


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.blake2b(content, key=hashlib.blake2b(key.encode()).digest(), digest_size=_DIGEST_BYTES).digest()

"""The file of a checkpoint: states of runs midway, with a digest of all that it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Checkpoint(NamedTuple):
    """The states of some runs at one step."""

    run_ids: np.ndarray  # [runs]
    origin: str  # who can go on from it
    step: int
    leaves: list[np.ndarray]  # each [runs, ...]


def write(path: Path, saved: Checkpoint) -> None:
    """Write a checkpoint as an .npz file under any name."""
    arrays: dict[str, Any] = {f"leaf{n}": leaf for n, leaf in enumerate(saved.leaves)}
    with open(path, "wb") as file:
        np.savez(file, run_ids=saved.run_ids, step=saved.step, origin=saved.origin, digest=_digest(saved), **arrays)


def read(path: Path) -> Checkpoint:
    """Return the checkpoint in a file; raise an error, of whatever kind, where it is not what was written."""
    with open(path, "rb") as file, np.load(file) as arrays:
        leaves = [arrays[f"leaf{n}"] for n in range(sum(name.startswith("leaf") for name in arrays.files))]
        saved = Checkpoint(arrays["run_ids"], str(arrays["origin"]), int(arrays["step"]), leaves)
        if str(arrays["digest"]) != _digest(saved):
            raise ValueError("its digest is another one")
        return saved


def _digest(saved: Checkpoint) -> str:
    digest = hashlib.blake2b(f"{saved.origin} {saved.step}".encode(), digest_size=16)
    for array in (saved.run_ids, *saved.leaves):
        digest.update(f"{array.dtype.kind}{array.dtype.itemsize} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()

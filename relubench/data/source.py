"""What a source of data gives, and the registry of the sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from relubench import config, memory
from relubench.registry import Registry


class Examples(NamedTuple):
    """The examples of a source before the split and the normalisation."""

    x: np.ndarray  # [examples, features] float
    y: np.ndarray  # [examples] class labels from 0, or [examples, outputs] real-valued targets
    outputs: int  # number of classes or targets
    image_shape: tuple[int, int, int] | None = None  # height, width, channels; their product is `features`
    test: tuple[np.ndarray, np.ndarray] | None = None  # (x, y) of a source with a test set of its own


#: Copies of the examples that are made on their way into the program: as drawn, split, normalised, on the device.
_COPIES = 4


def require_room(data: config.Data, numbers: int, beside: int = 0) -> None:
    """Refuse a generated set that memory does not hold: `numbers` an example, and so many `beside` them."""
    needed = 8.0 * (data.examples * numbers * _COPIES + beside)
    memory.require(f"data.examples={data.examples}", needed, hint="it takes fewer examples, features or classes")


#: A source takes the data configuration and returns its examples.
SOURCES: Registry[Callable[[config.Data], Examples]] = Registry("data.name")

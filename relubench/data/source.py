"""What a source of data gives, and the registry of the sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from relubench import memory
from relubench.config import static
from relubench.registry import Registry


def are_classes(y: np.ndarray) -> bool:
    """Whether labels are classes, else they are real-valued targets."""
    return y.dtype.kind in "iu"


class Examples(NamedTuple):
    """The examples of a source before the split and the normalisation."""

    x: np.ndarray  # [examples, features] float
    y: np.ndarray  # [examples] class labels from 0, or [examples, outputs] real-valued targets
    outputs: int  # number of classes or targets
    image_shape: tuple[int, int, int] | None = None  # height, width, channels; their product is `features`
    test: tuple[np.ndarray, np.ndarray] | None = None  # (x, y) of a source with a test set of its own


#: Copies of the examples that are made on their way into the program: as drawn, split, normalised, on the device.
_COPIES = 4


def require_room(examples: int, numbers: int, beside: int = 0) -> None:
    """Refuse a generated set that memory does not hold: `numbers` an example, and so many `beside` them."""
    needed = 8.0 * (examples * numbers * _COPIES + beside)
    memory.require(f"data.examples={examples}", needed, hint="it takes fewer examples, features or classes")


#: A source takes the data configuration and its own keys, and returns its examples.
SOURCES: Registry[Callable[..., Examples]] = Registry("data.name")

#: Keys that the core reads for sources without a test set of their own, and for those of real-valued targets.
SPLIT = ("test_fraction",)
TARGETS = ("target_scale", "target_offset")
#: Keys of generated sets.
EXAMPLES = static(1000, "number of generated examples (train and test)", low=4)
FEATURES = static(2, "inputs of a generated example", low=1)
NOISE = static(0.1, "standard deviation of the noise of a generated set", low=0.0, high=1e30)

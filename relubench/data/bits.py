"""The inputs of the slowly-changing regression: random bits; the slow ones and the target come from the stream."""

from __future__ import annotations

import numpy as np

from relubench import config
from relubench.data.source import SOURCES, Examples, require_room

#: Dohare et al. 2024: 20 bits, of which 15 change slowly, and a constant 1; a target of 100 units, beta .7.
BITS, FLIPPING, TARGET_UNITS, BETA = 20, 15, 100, 0.7


@SOURCES.register("bits")
def bits(data: config.Data) -> Examples:
    """Draw the fast bits of `data.examples`; the slow bits and the target are 0 until a stream sets them."""
    require_room(data, BITS + 2)
    draw = np.random.default_rng(data.split_seed)
    x = np.zeros((data.examples, BITS + 1))
    x[:, FLIPPING:BITS] = draw.integers(0, 2, (data.examples, BITS - FLIPPING))
    x[:, BITS] = 1.0
    return Examples(x, np.zeros((data.examples, 1)), outputs=1)

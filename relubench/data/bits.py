"""The inputs of the slowly-changing regression: random bits; the slow ones and the target come from the stream."""

from __future__ import annotations

import numpy as np

from relubench import config
from relubench.data.source import EXAMPLES, SOURCES, SPLIT, TARGETS, Examples, require_room

#: Dohare et al. 2024: 20 bits, of which 15 change slowly, and a constant 1; a target of 100 units, beta .7.
BITS, FLIPPING, TARGET_UNITS, BETA = 20, 15, 100, 0.7


@SOURCES.register("bits", reads=SPLIT + TARGETS, examples=EXAMPLES)
def bits(data: config.Data, *, examples: int) -> Examples:
    """Draw the fast bits of `data.examples`; the slow bits and the target are 0 until a stream sets them."""
    require_room(examples, BITS + 2)
    draw = np.random.default_rng(data.split_seed)
    x = np.zeros((examples, BITS + 1))
    x[:, FLIPPING:BITS] = draw.integers(0, 2, (examples, BITS - FLIPPING))
    x[:, BITS] = 1.0
    return Examples(x, np.zeros((examples, 1)), outputs=1)

"""The 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn."""

from __future__ import annotations

from relubench import config
from relubench.data.source import SOURCES, SPLIT, Examples


@SOURCES.register("digits", reads=SPLIT)
def digits(data: config.Data) -> Examples:
    """Pixels from 0 to 1."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return Examples(x / 16.0, y, outputs=10, image_shape=(8, 8, 1))

"""Small frames as the figures take them, and what is drawn on an axis."""

import numpy as np
import polars as pl


def with_intervals(rows, half=0.02, n=64):
    """Return rows of keys and `mean` with an interval of `half` to each side (none where the mean is missing)."""
    frame = pl.DataFrame(rows, strict=False)
    return frame.with_columns(ci_low=pl.col("mean") - half, ci_high=pl.col("mean") + half, n=pl.lit(n))


def segments(collections):
    """Return the two ends of every line of some collections, [lines, 2, 2]."""
    return np.concatenate([np.asarray(collection.get_segments()) for collection in collections])


def texts(axis):
    return [text.get_text() for text in axis.texts]


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]

"""Generated sets in few dimensions: `data.examples` of them, drawn from `data.split_seed`."""

from __future__ import annotations

import numpy as np

from relubench import config
from relubench.data.source import SOURCES, Examples, require_room
from relubench.errors import UserError


@SOURCES.register("moons")
def moons(data: config.Data) -> Examples:
    """Two interleaved half circles with Gaussian noise of standard deviation `data.noise`."""
    require_room(data, 3)
    from sklearn.datasets import make_moons

    x, y = make_moons(data.examples, noise=data.noise, random_state=data.split_seed)
    return Examples(x, y, outputs=2)


@SOURCES.register("gaussian")
def gaussian(data: config.Data) -> Examples:
    """Standard Gaussian inputs of `data.features` dimensions, labelled by a random linear teacher.

    The label is the largest of `data.classes` Gaussian projections, each with Gaussian noise of standard
    deviation `data.noise`.
    """
    require_room(data, data.features + 2 * data.classes, data.features * data.classes)
    draw = np.random.default_rng(data.split_seed)
    x = draw.standard_normal((data.examples, data.features))
    teacher = draw.standard_normal((data.features, data.classes))
    score = x @ teacher + data.noise * draw.standard_normal((data.examples, data.classes))
    y = score.argmax(1)
    if len(np.unique(y)) < data.classes:
        raise UserError(
            f"data.examples={data.examples}: too few to draw each of data.classes={data.classes}; it takes more"
        )
    return Examples(x, y, outputs=data.classes)

"""Generated sets in few dimensions: `data.examples` of them, drawn from `data.split_seed`."""

from __future__ import annotations

import numpy as np

from relubench import config
from relubench.config import static
from relubench.data.source import EXAMPLES, FEATURES, NOISE, SOURCES, SPLIT, Examples, require_room
from relubench.errors import UserError


@SOURCES.register("moons", reads=SPLIT, examples=EXAMPLES, noise=NOISE)
def moons(data: config.Data, *, examples: int, noise: float) -> Examples:
    """Two interleaved half circles with Gaussian noise of standard deviation `data.noise`."""
    require_room(examples, 3)
    from sklearn.datasets import make_moons

    x, y = make_moons(examples, noise=noise, random_state=data.split_seed)
    return Examples(x, y, outputs=2)


@SOURCES.register(
    "gaussian",
    reads=SPLIT,
    examples=EXAMPLES,
    features=FEATURES,
    classes=static(2, "classes of a generated set", low=2),
    noise=NOISE,
)
def gaussian(data: config.Data, *, examples: int, features: int, classes: int, noise: float) -> Examples:
    """Standard Gaussian inputs of `data.features` dimensions, labelled by a random linear teacher.

    The label is the largest of `data.classes` Gaussian projections, each with Gaussian noise of standard
    deviation `data.noise`.
    """
    require_room(examples, features + 2 * classes, features * classes)
    draw = np.random.default_rng(data.split_seed)
    x = draw.standard_normal((examples, features))
    teacher = draw.standard_normal((features, classes))
    score = x @ teacher + noise * draw.standard_normal((examples, classes))
    y = score.argmax(1)
    if len(np.unique(y)) < classes:
        raise UserError(f"data.examples={examples}: too few to draw each of data.classes={classes}; it takes more")
    return Examples(x, y, outputs=classes)

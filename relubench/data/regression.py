"""Generated sets with real-valued targets: functions on an interval, and random teachers of Gaussian inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from relubench import config
from relubench.config import static
from relubench.data.source import EXAMPLES, FEATURES, NOISE, SOURCES, SPLIT, TARGETS, Examples, require_room
from relubench.registry import Registry

#: The targets of Lu et al. 2020, section 6 (equations 6.1 to 6.3).
FUNCTIONS: Registry[Callable[[np.ndarray], np.ndarray]] = Registry("data.function")
FUNCTIONS.register("abs")(np.abs)
FUNCTIONS.register("sine")(lambda x: x * np.sin(5 * x))
FUNCTIONS.register("step")(lambda x: (x > 0) + 0.2 * np.sin(5 * x))
FUNCTION = static("abs", "target on an interval")

_TEACHER_UNITS = 32


@SOURCES.register("plane", reads=SPLIT + TARGETS, examples=EXAMPLES)
def plane(data: config.Data, *, examples: int) -> Examples:
    """Two inputs, uniform on [-sqrt(3), sqrt(3)]^2, and [|x1 + x2|, |x1 - x2|] (Lu et al. 2020, section 6)."""
    require_room(examples, 4)
    x = np.random.default_rng(data.split_seed).uniform(-np.sqrt(3), np.sqrt(3), (examples, 2))
    return Examples(x, np.abs(x @ np.array([[1.0, 1.0], [1.0, -1.0]])), outputs=2)


@SOURCES.register("interval", reads=SPLIT + TARGETS, examples=EXAMPLES, function=FUNCTION)
def interval(data: config.Data, *, examples: int, function: str) -> Examples:
    """One input, evenly spaced over [-sqrt(3), sqrt(3)] (variance 1), and `data.function` of it."""
    require_room(examples, 2)
    x = np.linspace(-np.sqrt(3), np.sqrt(3), examples)[:, None]
    return Examples(x, FUNCTIONS[function](x), outputs=1)


@SOURCES.register("even", reads=TARGETS, examples=EXAMPLES, function=FUNCTION)
def even(data: config.Data, *, examples: int, function: str) -> Examples:
    """The inputs of `interval`, all of them trained on; the test set is the midpoints between them."""
    require_room(examples, 4)
    x = np.linspace(-np.sqrt(3), np.sqrt(3), examples)[:, None]
    between = (x[1:] + x[:-1]) / 2
    return Examples(x, FUNCTIONS[function](x), outputs=1, test=(between, FUNCTIONS[function](between)))


@SOURCES.register("teacher", reads=SPLIT + TARGETS, examples=EXAMPLES, features=FEATURES, noise=NOISE)
def teacher(data: config.Data, *, examples: int, features: int, noise: float) -> Examples:
    """Standard Gaussian inputs of `data.features` dimensions; the target is a random network of tanh units.

    It has mean 0 and variance 1 over the set, plus noise of standard deviation `data.noise`.
    """
    require_room(examples, features + _TEACHER_UNITS, features * _TEACHER_UNITS)
    draw = np.random.default_rng(data.split_seed)
    x = draw.standard_normal((examples, features))
    hidden = np.tanh(x @ draw.standard_normal((features, _TEACHER_UNITS)))
    y = hidden @ draw.standard_normal((_TEACHER_UNITS, 1))
    y = (y - y.mean()) / y.std() + noise * draw.standard_normal(y.shape)
    return Examples(x, y, outputs=1)


@SOURCES.register("linear", reads=SPLIT + TARGETS, examples=EXAMPLES, features=FEATURES, noise=NOISE)
def linear(data: config.Data, *, examples: int, features: int, noise: float) -> Examples:
    """Standard Gaussian inputs of `data.features` dimensions; the target is a random linear function of them.

    It has mean 0 and variance 1 over the inputs' distribution, plus noise of standard deviation `data.noise`.
    """
    require_room(examples, features)
    draw = np.random.default_rng(data.split_seed)
    x, weights = draw.standard_normal((examples, features)), draw.standard_normal((features, 1))
    y = x @ (weights / np.linalg.norm(weights)) + noise * draw.standard_normal((examples, 1))
    return Examples(x, y, outputs=1)

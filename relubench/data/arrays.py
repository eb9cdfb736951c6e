"""Arrays that are given from Python, which the configuration knows by their digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relubench import checks, config
from relubench.config import static
from relubench.data.source import SOURCES, TARGETS, Examples, are_classes
from relubench.errors import UserError

NAMES = ("x", "y", "x_test", "y_test")


@SOURCES.register("arrays", reads=TARGETS, digest=static("", "of arrays that are given from Python"))
def arrays(data: config.Data, *, digest: str) -> Examples:
    """What `relubench.sweep` is given as `data`: nothing else holds it."""
    raise UserError("data.name=arrays: Python gives them, by relubench.sweep(..., data=(x, y, x_test, y_test))")


def examples_of(given: Any) -> Examples:
    """Return (x, y, x_test, y_test) as the examples of a source; what cannot be trained on is refused by name.

    x is [examples, features], or of images [examples, height, width] or [examples, height, width, channels]. y is
    [examples] of classes from 0, where its numbers are whole ones by type, else [examples] or [examples, outputs] of
    real-valued targets.
    """
    if not isinstance(given, Sequence) or len(given) != len(NAMES):
        raise UserError(f"data={checks.shown(given)}: it takes a tuple of arrays, (x, y, x_test, y_test)")
    x, y, x_test, y_test = (_numbers(f"data: {name}", array) for name, array in zip(NAMES, given, strict=True))
    _check_shapes("x", x, "y", y, x.shape[1:])
    _check_shapes("x_test", x_test, "y_test", y_test, x.shape[1:])
    if (y.dtype, y.shape[1:]) != (y_test.dtype, y_test.shape[1:]):
        raise UserError(
            f"data: y_test is {y_test.dtype} of shape {y_test.shape}: it takes what y is, {y.dtype} of {y.shape}"
        )
    if are_classes(y):
        for name, labels in (("y", y), ("y_test", y_test)):
            if labels.min() < 0:
                raise UserError(f"data: {name} holds {labels.min()}: it takes classes from 0")
        outputs = int(y.max()) + 1
    else:
        y, y_test = y.reshape(len(y), -1), y_test.reshape(len(y_test), -1)
        outputs = y.shape[1]
    image_shape = None if x.ndim == 2 else (*x.shape[1:3], x.shape[3] if x.ndim == 4 else 1)
    return Examples(_flat(x), y, outputs, image_shape, test=(_flat(x_test), y_test))


def _numbers(name: str, array: Any) -> np.ndarray:
    """Return an array as int64 or float64, so that its digest does not depend on how wide its type was."""
    try:
        numbers = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}={checks.shown(array)}: it takes an array of numbers") from error
    if numbers.dtype.kind in "iub":
        if numbers.size and numbers.max() > config.MOST:
            raise UserError(f"{name} holds {numbers.max()}: it takes whole numbers up to {config.MOST}")
        return numbers.astype(np.int64)
    if numbers.dtype.kind in "OUSMm" or not checks.is_real(numbers.dtype):
        raise UserError(f"{name} is an array of {numbers.dtype}: it takes real numbers")
    numbers = numbers.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise UserError(f"{name}: not all of its numbers are finite")
    return numbers


def _check_shapes(x_name: str, x: np.ndarray, y_name: str, y: np.ndarray, features: tuple[int, ...]) -> None:
    """Refuse inputs that are no rows of these features, and labels or targets that are not as many."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise UserError(
            f"data: {x_name} has shape {x.shape}: it takes [examples, features], or of images [examples, height, "
            "width] or [examples, height, width, channels], none of them 0"
        )
    if x.shape[1:] != features:
        raise UserError(f"data: {x_name} has shape {x.shape}: it takes the features of x, {features}")
    if len(y.shape) not in ((1,) if are_classes(y) else (1, 2)) or 0 in y.shape or len(y) != len(x):
        raise UserError(
            f"data: {y_name} has shape {y.shape}: it takes a class, or some targets, for each of {len(x)} examples"
        )


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float64)

"""Checks of arguments that may be traced: what is concrete must be in range, and of a traced number only its shape."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from relubench import errors
from relubench.errors import UserError
from relubench.lazy import jax, jnp

if TYPE_CHECKING:
    from jax import Array

#: The largest number that int32 holds.
MOST = 2**31 - 1


def number(name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, whole: bool = False) -> None:
    """Refuse what is no number (a bool isn't one), not finite, out of range or, where it must be, not whole."""
    if not _is_number(value) or not (is_traced(value) or _fits(value, low, high, whole)):
        raise UserError(f"{name}={shown(value)}: it takes {_allowed(low, high, whole)}")


def flag(name: str, value: Any) -> None:
    """Refuse what is neither true nor false."""
    if not (isinstance(value, bool) or (is_array(value) and value.shape == () and value.dtype == bool)):
        raise UserError(f"{name}={shown(value)}: it takes true or false")


def one_of(name: str, value: Any, allowed: Collection[str]) -> None:
    """Refuse what is none of the allowed names."""
    if not (isinstance(value, str) and value in allowed):
        raise UserError(f"{name}={shown(value)}: it takes {', '.join(allowed)}")


def whole_numbers(name: str, values: Any) -> list[int]:
    """Return a list of whole numbers, none of them traced, as Python's."""
    if not isinstance(values, list | tuple | range | np.ndarray) or (
        isinstance(values, np.ndarray) and values.ndim != 1
    ):
        raise UserError(f"{name}={shown(values)}: it takes a list of whole numbers")
    for value in values:
        if not _is_number(value) or is_traced(value) or not _fits(value, -math.inf, math.inf, whole=True):
            raise UserError(f"{name} holds {shown(value)}: it takes whole numbers")
    return [int(value) for value in values]


def numbers(name: str, value: Any) -> Array:
    """Return an argument as an array of real numbers or bools."""
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{name}={shown(value)}: it takes an array of numbers") from error
    if not is_real(array.dtype) and array.dtype != bool:
        raise UserError(f"{name} is an array of {array.dtype}: it takes real numbers")
    return array


def all_within(name: str, array: Array, low: float, high: float) -> None:
    """Refuse an array that holds a number out of these finite limits, or NaN; a traced one passes."""
    if not is_traced(array):
        values = np.asarray(array).astype(np.float64)
        wrong = values[~((values >= low) & (values <= high))]
        if wrong.size:
            raise UserError(f"{name} holds {wrong[0]}: it takes finite numbers >= {low} and <= {high}")


def same_shape(name: str, array: Any, other_name: str, other: Any) -> None:
    """Refuse an array whose shape is not that of another."""
    if array.shape != other.shape:
        raise UserError(f"{name} has shape {array.shape}: it takes that of {other_name}, {other.shape}")


def shown(value: Any) -> str:
    """Return a value for an error's one line: a number, string or None as typed, else what it is."""
    if is_array(value) and value.shape == () and not is_traced(value):
        value = np.asarray(value).item()
    if value is None or isinstance(value, bool | int | float | complex | str):
        return errors.shown(value)
    return f"<array {value.shape} of {value.dtype}>" if is_array(value) else f"<{type(value).__name__}>"


def is_array(value: Any) -> bool:
    """Whether this is an array, of NumPy or JAX, concrete or traced, or what stands for one."""
    return isinstance(getattr(value, "shape", None), tuple) and hasattr(value, "dtype")


def is_traced(value: Any) -> bool:
    """Whether this is a value of a program that is being traced, which nobody knows yet."""
    return isinstance(value, jax.core.Tracer)


def is_real(dtype: Any) -> bool:
    """Whether numbers of this type are whole or floating."""
    return jnp.issubdtype(dtype, jnp.integer) or jnp.issubdtype(dtype, jnp.floating)


def _is_number(value: Any) -> bool:
    if is_array(value):
        return value.shape == () and is_real(value.dtype)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(value: Any, low: float, high: float, whole: bool) -> bool:
    plain = np.asarray(value).item() if is_array(value) else value
    return math.isfinite(plain) and low <= plain <= high and (not whole or plain == math.floor(plain))


def _allowed(low: float, high: float, whole: bool) -> str:
    words = "a whole number" if whole else "a finite number"
    limits = [f">= {low}"] * (low > -math.inf) + [f"<= {high}"] * (high < math.inf)
    return " ".join([words, " and ".join(limits)]).strip()

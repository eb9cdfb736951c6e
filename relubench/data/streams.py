"""Streams: how the examples change over training, task by task, generated inside the compiled program.

A *view* is what the present task makes of the data set: a permutation of the pixels, other labels, and so on. It is
part of a run's state; every draw comes from the run's key, so that settings which differ elsewhere share their tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relubench.config import Data, Setting, knob, static
from relubench.data.bits import BETA, FLIPPING, TARGET_UNITS
from relubench.errors import UserError
from relubench.lazy import jax, jnp, lax
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax import Array

    from relubench.run.state import Arrays


class Stream(NamedTuple):
    """A way in which examples change; a view is any pytree of arrays."""

    start: Callable[[Setting, Arrays, Array], Any]  # (setting, data, key) -> view of task 0
    change: Callable[[Setting, Arrays, Array, Any], Any]  # (setting, data, the task's key, view before) -> view
    examples: Callable[[Setting, Arrays, Any, Array], tuple[Array, Array]]  # (setting, data, view, rows) -> (x, y)


STREAMS: Registry[Stream] = Registry("data.stream.name")
PERIOD = static(1000, "steps of a task", low=1)


def first_view(setting: Setting, data: Arrays, key: Array) -> Any:
    """Return the view of the first task; `key` is the run's key for its stream."""
    return STREAMS[setting.data.stream.name].start(setting, data, key)


def next_view(setting: Setting, data: Arrays, key: Array, task: Array, view: Any) -> Any:
    """Return the view of `task` (from 1), given that of the task before."""
    return STREAMS[setting.data.stream.name].change(setting, data, jax.random.fold_in(key, task), view)


def view_at(setting: Setting, data: Arrays, key: Array, step: Array, view: Any) -> Any:
    """Return the view that `step` trains on, given that of the step before: another one where a task begins."""
    if not jax.tree.leaves(view):
        return view
    period = setting.data.stream.own["period"]
    begins = (step % period == 0) & (step > 0)
    return lax.cond(begins, lambda: next_view(setting, data, key, step // period, view), lambda: view)


def examples(setting: Setting, data: Arrays, view: Any, rows: Array) -> tuple[Array, Array]:
    """Return (inputs [rows, features], labels or targets) as the run sees them, scaled and shifted."""
    x, y = STREAMS[setting.data.stream.name].examples(setting, data, view, rows)
    x = as_seen(setting.data, x)
    if jnp.issubdtype(y.dtype, jnp.floating):
        y = y * setting.data.target_scale + setting.data.target_offset
    return x, y


def as_seen(data: Data, x: Any) -> Any:
    """Return inputs [rows, features], of NumPy or JAX, as a run sees them: scaled, shifted, of unlike scales."""
    x = x * data.scale + data.offset
    return x if data.spread == 1 else x * _unlike(data.spread, x.shape[1]).astype(x.dtype)[None, :]


def _unlike(spread: float, features: int) -> np.ndarray:
    """Return factors [features] with a mean square of 1 that grow log-evenly, the last to `spread` times the first."""
    factors = spread ** np.linspace(0, 1, features)
    return factors / np.sqrt(np.mean(factors**2))


def _stored(setting: Setting, data: Arrays, view: Any, rows: Array) -> tuple[Array, Array]:
    return data.x[rows], data.y[rows]


STREAMS.register("none")(
    Stream(start=lambda setting, data, key: (), change=lambda setting, data, key, view: view, examples=_stored)
)


# Permuted images (Goodfellow et al. 2013): each task shows the features in an order of its own.


def _features_in_order(setting: Setting, data: Arrays, key: Array) -> Array:
    return jnp.arange(data.x.shape[1], dtype=jnp.int32)


def _features_permuted(setting: Setting, data: Arrays, key: Array, view: Array) -> Array:
    return jax.random.permutation(key, data.x.shape[1]).astype(jnp.int32)


def _permuted_examples(setting: Setting, data: Arrays, view: Array, rows: Array) -> tuple[Array, Array]:
    return data.x[rows][:, view], data.y[rows]


STREAMS.register("permuted", period=PERIOD)(Stream(_features_in_order, _features_permuted, _permuted_examples))


# Reshuffled labels (Sokar et al. 2023): each task deals the training labels out anew; inputs and test set stay.


def _own_labels(setting: Setting, data: Arrays, key: Array) -> Array:
    return jnp.arange(data.y.shape[0], dtype=jnp.int32)


def _dealt_labels(setting: Setting, data: Arrays, key: Array, view: Array) -> Array:
    dealt = jax.random.permutation(key, data.train_examples).astype(jnp.int32)
    return view.at[: data.train_examples].set(dealt)


def _dealt_examples(setting: Setting, data: Arrays, view: Array, rows: Array) -> tuple[Array, Array]:
    return data.x[rows], data.y[view[rows]]


STREAMS.register("reshuffled", period=PERIOD)(Stream(_own_labels, _dealt_labels, _dealt_examples))


# Shifted inputs: from the second task on they are scaled and moved by `data.stream.scale` and `.offset`.


def _unmoved(setting: Setting, data: Arrays, key: Array) -> Array:
    return jnp.zeros((), data.x.dtype)


def _moved(setting: Setting, data: Arrays, key: Array, view: Array) -> Array:
    return jnp.ones_like(view)


def _moved_examples(setting: Setting, data: Arrays, view: Array, rows: Array) -> tuple[Array, Array]:
    x, shift = data.x[rows], setting.data.stream.own
    return jnp.where(view > 0, x * shift["scale"] + shift["offset"], x), data.y[rows]


STREAMS.register(
    "shift",
    period=PERIOD,
    scale=knob(1.0, "factor on the inputs from the second task on"),
    offset=knob(0.0, "added to the inputs from the second task on"),
)(Stream(_unmoved, _moved, _moved_examples))


# The slowly-changing regression (Dohare et al. 2024, "Slowly-Changing Regression problem").


class Bits(NamedTuple):
    """A task of the slowly-changing regression: the slow bits, and the target network of linear threshold units."""

    slow: Array  # [slow bits] 0 or 1
    kernel: Array  # [inputs, target units] -1 or 1
    output: Array  # [target units] -1 or 1


_SLOW, _KERNEL, _OUTPUT = 0, 1, 2


def _signs(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    return 2 * jax.random.bernoulli(key, shape=shape).astype(dtype) - 1


def _first_bits(setting: Setting, data: Arrays, key: Array) -> Bits:
    if setting.data.name != "bits":
        raise UserError(f"data.stream.name=slow_bits: it takes data.name=bits, not {setting.data.name!r}")
    dtype, keys = data.x.dtype, [jax.random.fold_in(key, purpose) for purpose in (_SLOW, _KERNEL, _OUTPUT)]
    return Bits(
        slow=jax.random.bernoulli(keys[0], shape=(FLIPPING,)).astype(dtype),
        kernel=_signs(keys[1], (data.x.shape[1], TARGET_UNITS), dtype),
        output=_signs(keys[2], (TARGET_UNITS,), dtype),
    )


def _one_bit_flipped(setting: Setting, data: Arrays, key: Array, view: Bits) -> Bits:
    place = jax.random.randint(key, (), 0, FLIPPING)
    return view._replace(slow=jnp.where(jnp.arange(FLIPPING) == place, 1 - view.slow, view.slow))


def _target(x: Array, view: Bits) -> Array:
    """A linear threshold unit is 1 where w.x >= inputs * BETA - (number of its negative weights), else 0."""
    negative = jnp.sum(view.kernel < 0, 0, keepdims=True).astype(x.dtype)
    units = (x @ view.kernel >= x.shape[1] * BETA - negative).astype(x.dtype)
    return (units @ view.output)[:, None]


def _bit_examples(setting: Setting, data: Arrays, view: Bits, rows: Array) -> tuple[Array, Array]:
    x = data.x[rows].at[:, :FLIPPING].set(view.slow[None, :])
    return x, _target(x, view)


STREAMS.register("slow_bits", period=PERIOD)(Stream(_first_bits, _one_bit_flipped, _bit_examples))

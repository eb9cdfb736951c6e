"""Continual backprop: the least useful units are replaced, a few at a time (Dohare et al. 2024, algorithm 1).

The paper is "Loss of plasticity in deep continual learning", Nature 632; the authors' code (`lop/algos/gnt.py` of
shibhansh/loss-of-plasticity) differs from it, and the paper is followed here but for the third point:

- utility: the paper's (equation 1) is a running average that starts at 0; the code divides it by 1 - decay^age
  before ranking, takes the mean over the outgoing weights instead of the sum (the same ranks), and for a batch the
  mean of |h| over its examples, as here;
- function: the code means to add the mean contribution of a replaced unit to the next layer's biases (but sets that
  mean to 0 before), the paper doesn't;
- number: the paper replaces one unit of a layer at a time, the code the whole part of what has accumulated (or,
  by default, doesn't accumulate but replaces one with the probability of the fraction);
- moments: the code also resets Adam's step count, which it keeps for each weight, of a replaced unit; here that is
  `optim.scale_by_counted_adam` (optimizer.counts=unit). Under optax's own Adam the unit's moments become 0 but the one
  count goes on, so that late in training its first updates are larger (.1 / sqrt(.001), some three times the rate);
- maturity: 100 in the paper's experiments; by default 100 in the code's wrapper and 20 in its generator, and 10 in
  some of its configurations.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks, magnitudes
from relubench.config import knob
from relubench.lazy import jnp, optax
from relubench.optim.remedies.choices import REMEDIES
from relubench.optim.remedies.lens import AffineLayers, Initialize, check_activations, check_lens, read
from relubench.optim.remedies.reset import Reset, fresh_layers, new_units, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


class LayerRecord(NamedTuple):
    """What is kept of one hidden layer's units."""

    utility: Array  # [units]: running average of mean |h| times the sum of |outgoing weights|
    age: Array  # int32 [units]: updates since the unit was made
    owed: Array  # scalar: units to replace that have accumulated


class ContinualBackpropState(NamedTuple):
    """State of `continual_backprop`."""

    inner: Any  # that of the wrapped transformation
    step: Array  # int32: updates so far
    hidden: tuple[LayerRecord, ...]  # one a hidden layer


@REMEDIES.register(
    "continual_backprop",
    replacement_rate=knob(1e-4, "share of mature units replaced a step", low=0.0, high=1.0),
    maturity=knob(100, "steps before a unit may be replaced", low=0),
    utility_decay=knob(0.99, "of the running utility", low=0.0, high=1.0),
)
def continual_backprop(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    replacement_rate: ArrayLike,
    maturity: ArrayLike,
    utility_decay: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with the least useful mature hidden units replaced after each update.

    A new unit has freshly drawn incoming weights and bias, outgoing weights of 0, no moments, and utility and age 0.
    A weight from one new unit to another is a fresh draw. Utilities take the weights after the update.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        replacement_rate: the share of a layer's mature units to replace at an update; fractions accumulate.
        maturity: a unit older than this many updates may be replaced.
        utility_decay: the share that the running utility keeps at each update.
    """
    check_lens(layers)
    checks.number("replacement_rate", replacement_rate, low=0, high=1)
    checks.number("maturity", maturity, low=0, high=checks.MOST, whole=True)
    checks.number("utility_decay", utility_decay, low=0, high=1)
    inner = optax.with_extra_args_support(inner)
    test = functools.partial(_test, replacement_rate, maturity, utility_decay)

    def init(params: Any) -> ContinualBackpropState:
        affine = read(layers, params, params)
        hidden = tuple(_new_record(affine[before][1]) for before, _ in layers.around(affine))
        return ContinualBackpropState(inner.init(params), jnp.zeros((), jnp.int32), hidden)

    def update(
        updates: Any,
        state: ContinualBackpropState,
        params: Any = None,
        *,
        activations: Sequence[Array] | None = None,
        **extra: Any,
    ) -> tuple[Any, ContinualBackpropState]:
        affine = read(layers, params, updates)
        hidden = check_activations(layers, affine, activations)
        updates, inner_state = inner.update(updates, state.inner, params, activations=activations, **extra)
        step = optax.safe_increment(state.step)
        strengths = _strengths(layers, optax.apply_updates(params, updates))
        tested = [test(*three) for three in zip(state.hidden, hidden, strengths, strict=True)]
        replaced = [mask for mask, _ in tested]

        def resets() -> list[Reset]:
            return new_units(layers, replaced, fresh_layers(initialize, key, step, affine), keep_between=True)

        due = functools.reduce(jnp.logical_or, map(jnp.any, replaced), jnp.zeros((), bool))
        updates, inner_state = overwrite(inner, layers, due, resets, params, updates, inner_state)
        return updates, ContinualBackpropState(inner_state, step, tuple(record for _, record in tested))

    return optax.GradientTransformationExtraArgs(init, update)


def _new_record(bias: Array) -> LayerRecord:
    return LayerRecord(jnp.zeros_like(bias), jnp.zeros(bias.shape, jnp.int32), jnp.zeros((), bias.dtype))


def _strengths(layers: AffineLayers, params: Any) -> list[Array]:
    """Return the sum of |outgoing weights| of each unit: [units] a hidden layer."""
    affine = layers.get(params)

    def of_layer(kernel: Array) -> Array:
        return jnp.sum(jnp.abs(kernel), (*range(kernel.ndim - 2), -1))

    return [
        functools.reduce(operator.add, (of_layer(affine[after][0]) for after in following))
        for _, following in layers.around(affine)
    ]


def _test(
    replacement_rate: ArrayLike,
    maturity: ArrayLike,
    utility_decay: ArrayLike,
    record: LayerRecord,
    h: Array,
    strength: Array,
) -> tuple[Array, LayerRecord]:
    """Return the units of a layer to replace, bool [units], and the record after it.

    `h` [examples, ..., units] are its activations, `strength` [units] the sums of |outgoing weights|.
    """
    dtype = record.utility.dtype
    rate, decay = jnp.asarray(replacement_rate, dtype), jnp.asarray(utility_decay, dtype)
    size = magnitudes.mean(h, tuple(range(h.ndim - 1))).astype(dtype)
    contribution = _finite(size * _finite(strength))
    utility = decay * record.utility + (1 - decay) * contribution
    age = record.age + 1
    mature = age > jnp.asarray(maturity, age.dtype)
    owed = record.owed + rate * jnp.sum(mature).astype(dtype)
    number = jnp.floor(owed)
    rank = jnp.argsort(jnp.argsort(jnp.where(mature, utility, jnp.inf)))
    replaced = mature & (rank < number.astype(rank.dtype))
    return replaced, LayerRecord(jnp.where(replaced, 0, utility), jnp.where(replaced, 0, age), owed - number)


def _finite(x: Array) -> Array:
    """Return numbers >= 0 with the largest there is in infinity's place."""
    return jnp.minimum(x, jnp.finfo(x.dtype).max)

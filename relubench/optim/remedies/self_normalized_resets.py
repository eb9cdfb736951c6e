"""Self-normalized resets: a unit silent for longer than it is wont to be is made anew.

Farias & Jozefiak 2025, "Self-normalized resets for plasticity in continual learning", ICLR, algorithm 1. The paper
leaves open how the distribution of a unit's silences is known; the authors' code keeps histograms, or for large
networks their mean. The latter is followed here: silences count as geometrically distributed, with the mean of those
that have ended.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks
from relubench.config import knob
from relubench.lazy import jnp, optax
from relubench.optim.remedies.choices import REMEDIES
from relubench.optim.remedies.lens import AffineLayers, Initialize, check_activations, check_lens, read
from relubench.optim.remedies.reset import Reset, fresh_layers, new_units, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


class SilenceRecord(NamedTuple):
    """What is kept of one hidden layer's units: int32 [units] each."""

    silence: Array  # updates since the unit last fired
    ended: Array  # silences that have ended
    total: Array  # their length in updates, all together


class SelfNormalizedResetsState(NamedTuple):
    """State of `self_normalized_resets`."""

    inner: Any  # that of the wrapped transformation
    step: Array  # int32: updates so far
    hidden: tuple[SilenceRecord, ...]  # one a hidden layer


@REMEDIES.register(
    "self_normalized_resets",
    rejection=knob(0.01, "probability of a silence at or below which it ends in a reset", low=0.0, high=1.0),
    patience=knob(100, "silent steps until the first reset of a unit whose silences are not known yet", low=1),
)
def self_normalized_resets(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    rejection: ArrayLike,
    patience: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with hidden units made anew after a silence that is improbably long for them.

    A unit fires at an update if it is positive on an example of the batch. With the mean length m of its ended
    silences, one of at least a updates has the probability (1 - 1/m)^(a - 1); where that is at most `rejection`, the
    unit is reset: incoming weights and bias drawn anew, outgoing weights 0, no moments. Its record stays, and the
    silence that the reset ends counts in it. As long as none has ended, `patience` updates are waited.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        rejection: the probability up to which a silence is too long.
        patience: the silence of a unit without a record that is too long.
    """
    check_lens(layers)
    checks.number("rejection", rejection, low=0, high=1)
    checks.number("patience", patience, low=1, high=checks.MOST, whole=True)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> SelfNormalizedResetsState:
        affine = read(layers, params, params)
        hidden = tuple(_new_record(affine[before][1]) for before, _ in layers.around(affine))
        return SelfNormalizedResetsState(inner.init(params), jnp.zeros((), jnp.int32), hidden)

    def update(
        updates: Any,
        state: SelfNormalizedResetsState,
        params: Any = None,
        *,
        activations: Sequence[Array] | None = None,
        **extra: Any,
    ) -> tuple[Any, SelfNormalizedResetsState]:
        affine = read(layers, params, updates)
        hidden = check_activations(layers, affine, activations)
        updates, inner_state = inner.update(updates, state.inner, params, activations=activations, **extra)
        step = optax.safe_increment(state.step)
        tested = [_test(rejection, patience, *pair) for pair in zip(state.hidden, hidden, strict=True)]
        rejected = [mask for mask, _ in tested]

        def resets() -> list[Reset]:
            return new_units(layers, rejected, fresh_layers(initialize, key, step, affine), keep_between=False)

        due = functools.reduce(jnp.logical_or, map(jnp.any, rejected), jnp.zeros((), bool))
        updates, inner_state = overwrite(inner, layers, due, resets, params, updates, inner_state)
        return updates, SelfNormalizedResetsState(inner_state, step, tuple(record for _, record in tested))

    return optax.GradientTransformationExtraArgs(init, update)


def _new_record(bias: Array) -> SilenceRecord:
    return SilenceRecord(*(jnp.zeros(bias.shape, jnp.int32) for _ in SilenceRecord._fields))


def _test(rejection: ArrayLike, patience: ArrayLike, record: SilenceRecord, h: Array) -> tuple[Array, SilenceRecord]:
    """Return the units of a layer to reset, bool [units], and the record after it; `h` is [examples, ..., units]."""
    fires = jnp.any(h > 0, tuple(range(h.ndim - 1)))
    silence = jnp.where(fires, 0, record.silence + 1)
    known = record.ended > 0
    total, ended, length = (
        jnp.maximum(count, least).astype(h.dtype)
        for count, least in ((record.total, 1), (record.ended, 1), (silence - 1, 0))
    )
    probability = (1 - ended / total) ** length
    too_long = jnp.where(
        known, probability <= jnp.asarray(rejection, probability.dtype), silence >= jnp.asarray(patience, silence.dtype)
    )
    rejected = (silence > 0) & too_long
    over = jnp.where(fires, record.silence, jnp.where(rejected, silence, 0))  # length of a silence that has ended now
    ended = record.ended + (over > 0).astype(over.dtype)
    return rejected, SilenceRecord(jnp.where(rejected, 0, silence), ended, record.total + over)

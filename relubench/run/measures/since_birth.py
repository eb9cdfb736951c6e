"""How units have moved since birth, and which of their own parameters, moved alone, would have killed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
from jax import Array

from relubench.run.evaluate import once
from relubench.run.measures.firing import unit_lengths
from relubench.run.measures.post_mortem import which_died, with_one_part
from relubench.run.recorder import Context, at_probe, weights


def _moves(context: Context) -> Iterator[tuple[Array, Array]]:
    """Yield the change since birth of each hidden layer's (kernel, bias)."""
    at_birth = context.layers_at_birth()
    for place, (kernel, bias) in zip(context.network.structure.incoming(), context.incoming(), strict=True):
        yield kernel - at_birth[place][0], bias - at_birth[place][1]


@at_probe("distance_from_birth", needs=weights)
def distance_from_birth(context: Context) -> tuple[Array, ...]:
    """Return how far the weights and bias of each unit are from those of birth: [units] a layer."""
    return tuple(unit_lengths(*move) for move in _moves(context))


@at_probe("died_bias_fell", needs=weights)
def died_bias_fell(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and whose bias is lower than at birth: a scalar a layer."""
    moves = zip(which_died(context), _moves(context), strict=True)
    return tuple(jnp.sum(units & (bias < 0)) for units, (_, bias) in moves)


@at_probe("died_weights_fell", needs=weights)
def died_weights_fell(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and whose mean incoming weight is lower than at birth: a scalar a layer."""
    moves = zip(which_died(context), _moves(context), strict=True)
    return tuple(jnp.sum(units & (jnp.mean(kernel, tuple(range(kernel.ndim - 1))) < 0)) for units, (kernel, _) in moves)


def _of_birth_but(context: Context, place: int, *, kernel: bool) -> Any:
    """Return the parameters of birth with the present kernel, or bias, of the hidden layer `place`."""
    return with_one_part(context, context.params_at_birth, context.affine_layers(), place, kernel=kernel)


def _killed_alone(context: Context, *, kernel: bool) -> tuple[Array, ...]:
    killed = []
    for place, before in enumerate(context.dead_at_birth):
        after = context.dead(_of_birth_but(context, place, kernel=kernel))[place]
        killed.append(jnp.sum(after & ~before))
    return tuple(killed)


@at_probe("killed_by_bias_alone", needs=weights)
def killed_by_bias_alone(context: Context) -> tuple[Array, ...]:
    """Return the number of units alive at birth that are dead when nothing but their bias has moved since."""
    return _killed_alone(context, kernel=False)


@at_probe("killed_by_weights_alone", needs=weights)
def killed_by_weights_alone(context: Context) -> tuple[Array, ...]:
    """Return the number of units alive at birth that are dead when nothing but their weights have moved since."""
    return _killed_alone(context, kernel=True)


def _mean_change(context: Context, place: int) -> Array:
    """Return what the move of each unit's weights has changed its z by, where it was active at birth: [units].

    It is the mean over these inputs, as they were at birth, up to a positive factor.
    """
    before, after = context.params_at_birth, _of_birth_but(context, place, kernel=True)

    def part(x: Array, labels: Array, rows: Array) -> Array:
        old, new = (
            context.network(params, context.state.buffers, x, train=False)[0].hidden[place]
            for params in (before, after)
        )
        counts = (old.slope != 0) & once(rows).reshape(-1, *(1,) * (old.z.ndim - 1))
        return jnp.sum(jnp.where(counts, new.z - old.z, 0), tuple(range(old.z.ndim - 1)))

    return jnp.sum(context.over_training_set(part), 0)


@at_probe("died_lowered_by_weights", needs=weights)
def died_lowered_by_weights(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and whose weights have moved so as to lower them where they were active."""
    died = which_died(context)
    return tuple(jnp.sum(units & (_mean_change(context, place) < 0)) for place, units in enumerate(died))

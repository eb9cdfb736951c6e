"""What a census keeps of an activation's units: the statistics of all definitions in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from jax import Array
from jax import numpy as jnp

from relubench import units
from relubench.errors import UserError
from relubench.sites import evaluate, form
from relubench.sites.graph import Value
from relubench.sites.stretches import Stretch
from relubench.sites.views import View
from relubench.units import UnitStats


class Tally(NamedTuple):
    """What a set of inputs has shown of the units of a site; all but `products` are shaped like the units."""

    stats: UnitStats
    fired: Array  # int32: inputs on which the unit was active
    by_form: Array  # bool: its slope is not 0 by its formula on at least one input
    products: Array  # [..., units, units] float32: sums over the inputs of f(z) f(z) of two units of a layer


@dataclasses.dataclass(frozen=True)
class Tallies:
    """Keep a tally of each activation: an observer."""

    views: Mapping[Stretch, View]
    weights: Mapping[Stretch, Array]  # [examples, units] or [examples, 1]

    def see(self, stretch: Stretch, z: Array, others: Mapping[Value, Any]) -> Tally:
        """Return what an activation shows of its units."""
        view, weight = self.views[stretch], self.weights.get(stretch)
        seen, h, slope = evaluate.differentiated(stretch, z, others)
        by_form = view.flat(form.passes(stretch, z, slope, others))
        active, there = view.flat(slope) != 0, jnp.ones((1, 1), bool) if weight is None else weight
        return Tally(
            stats=view.observe(seen, h, slope, weight),
            fired=view.back(jnp.sum(active & there, 0, dtype=jnp.int32)),
            by_form=view.back(jnp.any(by_form & there, 0)),
            products=_products(view, jnp.where(there, view.flat(h), 0)),
        )

    @staticmethod
    def merge(parts: Tally) -> Tally:
        """Return the tally of all parts, stacked along the first axis of every array."""
        return Tally(
            stats=units.merge(parts.stats),
            fired=jnp.sum(parts.fired, 0),
            by_form=jnp.any(parts.by_form, 0),
            products=jnp.sum(parts.products, 0),
        )

    @staticmethod
    def beside(parts: Tally) -> Tally:
        """Return the tally of different units, stacked along the first axis."""
        return parts._replace(stats=units.beside(parts.stats))

    @staticmethod
    def joined(stretch: Stretch, parts: Tally, axis: int) -> Tally:
        """Refuse: no device has seen two units of different parts together."""
        raise UserError(
            f"the {stretch.kind} at {stretch.nodes[-1].source}: its units are shared out over devices; "
            "take a census of the function without shard_map, or relubench.watch it"
        )

    @staticmethod
    def nothing(like: Tally) -> Tally:
        """Return the tally of no input."""
        empty = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
        return empty._replace(stats=units.nothing(like.stats))


def _products(view: View, h: Array) -> Array:
    """Return the sums of products of activations [examples, units], of each two units of a layer (the last axis)."""
    shape = tuple(view.shape[n] for n in view.units) or (1,)
    of_layers = h.astype(jnp.float32).reshape(h.shape[0], -1, shape[-1])
    sums = jnp.einsum("elu,elv->luv", of_layers, of_layers, precision="highest")
    return sums.reshape(*shape[:-1], shape[-1], shape[-1])

"""The numbers of a function's activations themselves, layer by layer: what a training with remedies or probes takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jax import Array
from jax import numpy as jnp

from relubench.errors import UserError
from relubench.sites import evaluate
from relubench.sites.graph import Value
from relubench.sites.origins import DATA, Factor
from relubench.sites.plan import Activation
from relubench.sites.stretches import Stretch
from relubench.sites.views import View
from relubench.units import Layer


class Arrangement(NamedTuple):
    """How an activation's argument becomes [examples, positions, units]."""

    split: tuple[int, ...]  # its shape, with axes taken apart
    order: tuple[int, ...]
    shape: tuple[int, int, int]

    def of(self, x: Array) -> Array:
        """Return an array that is made elementwise of the argument so arranged."""
        return x.reshape(self.split).transpose(self.order).reshape(self.shape)


def arrangement(name: str, stretch: Stretch, view: View) -> Arrangement:
    """Return how an activation is arranged: its units, and the examples, which are the first axis of the data."""
    factors = [factor for n in stretch.order for factor in stretch.origin.axes[n] or (Factor(1),)]
    split = tuple(factor.size for factor in factors)
    of_units, sizes = _units(split, view)
    examples = [n for n, f in enumerate(factors) if DATA in f.kinds and f.of and f.of.axis == 0 and n not in of_units]
    if len(examples) != 1 and any(n > 1 for place, n in enumerate(split) if place not in of_units):
        raise UserError(
            f"site {name!r}: which axis of its argument, of shape {view.shape}, are examples cannot be told"
        )
    others = [n for n in range(len(split)) if n not in {*of_units, *examples}]
    shape = (math.prod(split[n] for n in examples), math.prod(split[n] for n in others), sizes)
    return Arrangement(split, (*examples, *others, *of_units), shape)


def _units(split: Sequence[int], view: View) -> tuple[list[int], int]:
    """Return which factors are units by a view, whose axes are products of these, and how many units there are."""
    places, found = iter(range(len(split))), list[int]()
    for axis, size in enumerate(view.shape):
        own, length = list[int](), 1
        while length < size or not own:
            own.append(next(places))
            length *= split[own[-1]]
        found += own if axis in view.units else []
    return found, math.prod(view.shape[axis] for axis in view.units)


@dataclasses.dataclass(frozen=True)
class Layers:
    """Keep the numbers of each activation: an observer."""

    arrangements: Mapping[Stretch, Arrangement]
    views: Mapping[Stretch, View]

    def see(self, stretch: Stretch, z: Array, others: Mapping[Value, Any]) -> Layer:
        """Return the numbers of an activation: [examples, positions, units]."""
        return Layer(*map(self.arrangements[stretch].of, evaluate.differentiated(stretch, z, others)))

    @staticmethod
    def merge(parts: Layer) -> Layer:
        """Return the turns of a loop over time, stacked along the first axis, as positions."""
        return Layer(*(_as_positions(part) for part in parts))

    @staticmethod
    def beside(parts: Layer) -> Layer:
        """Return the turns of a loop over layers as they are stacked."""
        return parts

    @staticmethod
    def joined(stretch: Stretch, parts: Layer, axis: int) -> Layer:
        """Refuse parts of devices."""
        raise UserError(
            f"the {stretch.kind} at {stretch.nodes[-1].source} is shared out over devices; watch it instead"
        )

    @staticmethod
    def nothing(like: Layer) -> Layer:
        """Refuse a branch that is not taken: it has no numbers."""
        raise UserError("an activation stands in a branch (lax.cond), which not every example takes; watch it instead")


def _as_positions(turns: Array) -> Array:
    moved = jnp.moveaxis(turns, 0, -3)
    return moved.reshape(*moved.shape[:-3], moved.shape[-3] * moved.shape[-2], moved.shape[-1])


def apart(activation: Activation, seen: Layer) -> list[Layer]:
    """Return each of the layers that an activation stands in; an axis of a single position is left out."""
    *_, examples, positions, units = seen.z.shape
    inner = (examples, units) if positions == 1 else (examples, positions, units)
    stacked = [part.reshape(activation.layers, *inner) for part in seen]
    return [Layer(*(part[n] for part in stacked)) for n in range(activation.layers)]

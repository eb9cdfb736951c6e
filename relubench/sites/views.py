"""Which axes of an activation's argument are units, and its statistics over all others."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from jax import Array
from jax import numpy as jnp

from relubench import units
from relubench.errors import UserError
from relubench.sites import origins
from relubench.sites.origins import DATA, PARAMETERS, SCALED, SHARD, Axis, Factor
from relubench.sites.stretches import Stretch
from relubench.units import UnitStats


@dataclasses.dataclass(frozen=True)
class View:
    """An argument's shape, with axes taken apart that units share with examples, and which of its axes are units."""

    shape: tuple[int, ...]
    units: tuple[int, ...]
    kinds: tuple[frozenset[str], ...]  # of every axis
    of: tuple[int | None, ...]  # which axis of an argument it is, where it is one as it stands

    @property
    def shared(self) -> dict[str, int]:
        """The axes of a mesh that units are shared out along, each with its place among the axes of units."""
        kinds = [self.kinds[n] for n in self.units]
        return {kind.removeprefix(SHARD): n for n, of in enumerate(kinds) for kind in of if kind.startswith(SHARD)}

    @property
    def examples(self) -> tuple[int, ...]:
        """The axes that are not units."""
        return tuple(n for n in range(len(self.shape)) if n not in self.units)

    def flat(self, x: Array) -> Array:
        """Return an array that is made elementwise of the argument as [examples, units]."""
        moved = jnp.transpose(x.reshape(self.shape), (*self.examples, *self.units))
        return moved.reshape(-1, math.prod(self.shape[n] for n in self.units))

    def back(self, x: Array) -> Array:
        """Return an array [units, ...] with the axes that units have."""
        return x.reshape(*(self.shape[n] for n in self.units), *x.shape[1:])

    def observe(self, z: Array, h: Array, slope: Array, weight: Array | None = None) -> UnitStats:
        """Return the statistics, shaped like the units; `weight` is one of `weights`."""
        if len(self.units) == 1 and len(self.shape) > 1 and weight is None:
            z, h, slope = (x.reshape(self.shape) for x in (z, h, slope))
            return units.observe(z, h, slope, axis=self.units[0])
        z, h, slope = (self.flat(x) for x in (z, h, slope))
        stats = units.observe(z, h, slope, weight)
        of_units = {name: self.back(x) for name, x in stats._asdict().items() if x.ndim}
        return stats._replace(**of_units)

    def weights(self, name: str, mask: Array, *, of_all: bool) -> Array:
        """Return a mask as [examples, units], or [examples, 1] where it is the same for all units.

        One `of_all` sites has the first of the axes of their examples; one for a site alone has all axes of its
        argument, those of length 1 spread.
        """
        if of_all:
            places = self._first_axes(mask.ndim)
            if mask.shape != tuple(self.shape[n] for n in places):
                lengths = tuple(self.shape[n] for n in self.examples)
                raise UserError(
                    f"mask has shape {mask.shape}: site {name!r} has examples {lengths}; say mask={{{name!r}: …}}"
                )
            shape = [self.shape[n] if n in places else 1 for n in range(len(self.shape))]
            placed = jnp.transpose(mask, sorted(range(mask.ndim), key=places.__getitem__)).reshape(shape)
            lengths = tuple(self.shape[n] if n in self.examples else 1 for n in range(len(self.shape)))
            spread = jnp.broadcast_to(placed, lengths)
            return jnp.transpose(spread, (*self.examples, *self.units)).reshape(-1, 1)
        if mask.ndim != len(self.shape) or any(
            n not in {1, full} for n, full in zip(mask.shape, self.shape, strict=True)
        ):
            raise UserError(
                f"mask[{name!r}] has shape {mask.shape}: its argument has {self.shape}, or 1 in their place"
            )
        return self.flat(jnp.broadcast_to(mask, self.shape))

    def _first_axes(self, count: int) -> tuple[int, ...]:
        """Return the axes of examples that are the first of the data's, or that come first."""
        named = [next((n for n in self.examples if self.of[n] == axis), None) for axis in range(count)]
        known = tuple(n for n in named if n is not None)
        return known if len(known) == count else self.examples[:count]

    def told(self) -> str:
        """Return the axes in words."""
        names = ["units" if n in self.units else "examples" for n in range(len(self.shape))]
        return f"[{', '.join(f'{size} {name}' for size, name in zip(self.shape, names, strict=True))}]"


def view(name: str, source: str, stretch: Stretch, chosen: Sequence[int] | None) -> View:
    """Return which axes are units: those chosen, else those that stem from parameters; refuse what cannot be told."""
    shape = stretch.output.shape
    axes = tuple(stretch.origin.axes[n] for n in stretch.order)
    if chosen is not None:
        places = [n + len(shape) if n < 0 else n for n in chosen]
        if len(set(places)) != len(places) or not all(0 <= n < len(shape) for n in places):
            raise UserError(
                f"axes[{name!r}]={tuple(chosen)}: its argument has shape {shape}, axes 0 to {len(shape) - 1}"
            )
        return View(shape, tuple(sorted(places)), tuple(map(origins.kinds_of, axes)), tuple(map(_of, axes)))
    has_units = any(PARAMETERS in factor.kinds for axis in axes for factor in axis)
    for place, axis in enumerate(axes):
        reason = _unclear(axis, has_units)
        if reason:
            raise UserError(
                f"site {name!r} ({stretch.kind} at {source}): axis {place} of its argument, of shape {shape}, "
                f"{reason}; say which axes are units: axes={{{name!r}: (...)}}, or None"
            )
    return _split(axes)


def _unclear(axis: Axis, has_units: bool) -> str:
    """Return why an axis can't be told; one that parameters only scale is one of examples where others are of units."""
    for factor in axis:
        if {DATA, PARAMETERS} <= factor.kinds or ({DATA, SCALED} <= factor.kinds and not has_units):
            return "stems from both data and parameters"
    if not origins.kinds_of(axis) & {DATA, PARAMETERS} and origins.length(axis) > 1:
        return "stems from neither data nor parameters"
    return ""


def _split(axes: Sequence[Axis]) -> View:
    split: list[Factor] = []
    for axis in axes:
        parts = axis or (Factor(1),)
        of_units = [PARAMETERS in factor.kinds for factor in parts]
        if all(of_units) or not any(of_units):
            parts = (Factor(origins.length(axis), origins.kinds_of(axis), parts[0].of if len(parts) == 1 else None),)
        split += parts
    places = tuple(n for n, factor in enumerate(split) if PARAMETERS in factor.kinds)
    sizes, kinds = tuple(factor.size for factor in split), tuple(factor.kinds for factor in split)
    return View(sizes, places, kinds, tuple(_of((factor,)) for factor in split))


def _of(axis: Axis) -> int | None:
    """Return which axis of the data an axis is."""
    return axis[0].of.axis if len(axis) == 1 and axis[0].of is not None and DATA in axis[0].kinds else None

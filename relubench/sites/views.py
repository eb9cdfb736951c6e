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
from relubench.sites.origins import DATA, PARAMETERS, SCALED, Axis, Factor
from relubench.sites.stretches import Stretch
from relubench.units import UnitStats


@dataclasses.dataclass(frozen=True)
class View:
    """An argument's shape, with axes taken apart that units share with examples, and which of its axes are units."""

    shape: tuple[int, ...]
    units: tuple[int, ...]

    def observe(self, z: Array, h: Array, slope: Array) -> UnitStats:
        """Return the statistics, every field but the number of examples shaped like the units."""
        counted = tuple(self.shape[n] for n in self.units)
        if len(self.units) == 1 and len(self.shape) > 1:
            z, h, slope = (x.reshape(self.shape) for x in (z, h, slope))
            return units.observe(z, h, slope, axis=self.units[0])
        stats = units.observe(*(self._flat(x) for x in (z, h, slope)))
        return units.shaped(stats, counted)

    def _flat(self, x: Array) -> Array:
        """Return an array as [examples, units]."""
        ends = tuple(range(len(self.shape) - len(self.units), len(self.shape)))
        moved = jnp.moveaxis(x.reshape(self.shape), self.units, ends)
        return moved.reshape(-1, math.prod(self.shape[n] for n in self.units))

    def told(self) -> str:
        """Return the axes in words."""
        names = ["units" if n in self.units else "examples" for n in range(len(self.shape))]
        return f"[{', '.join(f'{size} {name}' for size, name in zip(self.shape, names, strict=True))}]"


def view(name: str, source: str, stretch: Stretch, chosen: Sequence[int] | None) -> View:
    """Return which axes are units: those chosen, else those that stem from parameters; refuse what cannot be told."""
    shape = stretch.base.shape
    if chosen is not None:
        places = [n + len(shape) if n < 0 else n for n in chosen]
        if len(set(places)) != len(places) or not all(0 <= n < len(shape) for n in places):
            raise UserError(
                f"axes[{name!r}]={tuple(chosen)}: its argument has shape {shape}, axes 0 to {len(shape) - 1}"
            )
        return View(shape, tuple(sorted(places)))
    axes = stretch.origin.axes
    has_units = any(PARAMETERS in factor.kinds for axis in axes for factor in axis)
    for place, axis in enumerate(axes):
        reason = _unclear(axis, has_units)
        if reason:
            raise UserError(
                f"site {name!r} ({stretch.kind} at {source}): axis {place} of its argument, of shape {shape}, "
                f"{reason}; say which axes are units: axes={{{name!r}: (...)}}"
            )
    return _split(axes)


def _unclear(axis: Axis, has_units: bool) -> str:
    """Return why an axis can't be told; one that parameters only scale is one of examples where others are of units."""
    for factor in axis:
        if {DATA, PARAMETERS} <= factor.kinds or ({DATA, SCALED} <= factor.kinds and not has_units):
            return "stems from both data and parameters"
        if not factor.kinds - {SCALED} and factor.size > 1:
            return "stems from neither data nor parameters"
    return ""


def _split(axes: Sequence[Axis]) -> View:
    shape: list[int] = []
    places: list[int] = []
    for axis in axes:
        parts = axis or (Factor(1),)
        of_units = [PARAMETERS in factor.kinds for factor in parts]
        if all(of_units) or not any(of_units):
            parts = (Factor(origins.length(axis), parts[0].kinds),)
        for factor in parts:
            if PARAMETERS in factor.kinds:
                places.append(len(shape))
            shape.append(factor.size)
    return View(tuple(shape), tuple(places))

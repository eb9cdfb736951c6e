"""Where each axis of an array comes from, the data or the parameters.

An axis is a product of *factors*: what a reshape merges it can take apart again. A factor's kinds say what it stems
from: DATA (examples, positions), PARAMETERS (units, members of an ensemble, experts), both, or neither (a broadcast,
an iota, random numbers). Parameters give an axis to a product or a convolution; what they add or scale keeps its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

DATA, PARAMETERS = "data", "parameters"
#: Of a loop: it counts the turns.
TURN = "turn"
#: Along this factor a parameter was multiplied: a sum over it makes a product with parameters.
SCALED = "scaled"
#: Along this factor parameters alone differ, which joined data elementwise: the data are the same along it.
SPREAD = "spread"
#: Before the name of a mesh's axis: this factor is shared out along it.
SHARD = "@"


class Place(NamedTuple):
    """An axis of an argument."""

    path: str  # among the arguments
    axis: int


class Factor(NamedTuple):
    """A part of an axis."""

    size: int
    kinds: frozenset[str] = frozenset()
    of: Place | None = None  # the argument whose axis it is, whole

    def also(self, kinds: Iterable[str]) -> Factor:
        """Return it as stemming from these too."""
        return self._replace(kinds=self.kinds | {*kinds})


Axis = tuple[Factor, ...]


@dataclasses.dataclass(frozen=True)
class Origin:
    """What an array stems from."""

    axes: tuple[Axis, ...]
    data: bool = False
    parameters: bool = False
    random: bool = False
    affine: bool = False  # a product or convolution with parameters, plus what keeps it affine: bias, norm, residual
    labels: bool = False  # other data were added or taken out by index, as a loss does
    chosen: bool = False  # parameters that the data choose among: an embedding, the weights of an expert
    weight: str = ""  # the parameter of the product, by its path among the arguments
    bias: str = ""  # that which was added to it last
    layer: tuple[str, ...] = ()  # the modules that the product stands in
    loops: tuple[frozenset[str], ...] = ()  # of every loop around it, outermost first, what it takes by turns
    shards: frozenset[tuple[str, str]] = frozenset()  # of a mesh's axes, by name, what differs along them

    @property
    def varies(self) -> bool:
        """Whether it differs between examples or draws."""
        return self.data or self.random


def of_argument(shape: Sequence[int], kind: str | None, path: str = "") -> Origin:
    """Return the origin of an argument all of whose axes are of one kind; of None (a key), of neither."""
    kinds = frozenset({kind} if kind else ())
    of = path if kind == PARAMETERS else ""
    axes = tuple((Factor(size, kinds, Place(path, n) if path else None),) for n, size in enumerate(shape))
    return Origin(axes, data=kind == DATA, parameters=kind == PARAMETERS, weight=of)


def neutral(shape: Sequence[int], **flags: Any) -> Origin:
    """Return the origin of an array whose axes stem from nothing."""
    return Origin(tuple(neutral_axis(size) for size in shape), **flags)


def joined(origins: Sequence[Origin], shape: Sequence[int]) -> Origin:
    """Return the origin of an array made elementwise, axes of length 1 spread, of these."""
    leading = [origin for origin in origins if origin.data] or list(origins)
    axes = []
    for place, size in enumerate(shape):
        of_all = [at(origin, place, len(shape), size) for origin in origins]
        of_leading = [at(origin, place, len(shape), size) for origin in leading]
        stated = [axis for axis in of_leading if kinds_of(axis)]
        spread = {SPREAD} if len(leading) < len(origins) else ()
        axes.append(merged(stated, size) if stated else tuple(f.also(spread) for f in merged(of_all, size)))
    return Origin(
        tuple(axes),
        data=any(o.data for o in origins),
        parameters=any(o.parameters for o in origins),
        random=any(o.random for o in origins),
        labels=any(o.labels for o in origins),
        chosen=any(o.chosen for o in leading),
        weight=next((o.weight for o in leading if o.weight), ""),
        bias=next((o.bias for o in leading if o.bias), ""),
        layer=next((o.layer for o in leading if o.layer), ()),
        loops=tuple(
            frozenset().union(*kinds) for kinds in zip_longest(*(o.loops for o in origins), fillvalue=frozenset())
        ),
        shards=frozenset().union(*(o.shards for o in origins)),
    )


def neutral_axis(size: int) -> Axis:
    """Return an axis that stems from nothing."""
    return () if size == 1 else (Factor(size),)


def at(origin: Origin, place: int, rank: int, size: int) -> Axis:
    """Return an operand's axis at a place of the result; operands of less rank or length 1 are spread."""
    own = place - (rank - len(origin.axes))
    if own < 0:
        return neutral_axis(size)
    axis = origin.axes[own]
    return axis if length(axis) == size else neutral_axis(size)


def length(axis: Axis) -> int:
    """Return how many entries an axis has."""
    return math.prod(factor.size for factor in axis)


def kinds_of(axis: Iterable[Factor]) -> frozenset[str]:
    """Return what the factors of an axis stem from, together."""
    return frozenset().union(*(factor.kinds for factor in axis))


def merged(axes: Sequence[Axis], size: int) -> Axis:
    """Return the axis of an array that combines arrays with these axes, all of one length."""
    result = axes[0]
    for axis in axes[1:] if size else ():
        result = _refined(result, axis, size)
    return result


def _refined(one: Axis, other: Axis, size: int) -> Axis:
    """Return the common refinement of two factorings; where there is none, one factor of all kinds."""
    if not one or not other:
        return one or other
    ours, theirs, result = list(one), list(other), []
    while ours and theirs:
        a, b = ours.pop(0), theirs.pop(0)
        small = min(a.size, b.size)
        if a.size % small or b.size % small:
            # From the end of the shared part on it cannot be taken apart.
            return (Factor(size, kinds_of(one) | kinds_of(other)),)
        result.append(Factor(small, _united(a.kinds, b.kinds), _of(a, small) or _of(b, small)))
        if a.size > small:
            ours.insert(0, Factor(a.size // small, a.kinds))
        if b.size > small:
            theirs.insert(0, Factor(b.size // small, b.kinds))
    return tuple(result) + tuple(ours) + tuple(theirs)


def _united(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return the kinds of both; along what differs by the data in one of them, the result does."""
    both = one | other
    return both if SPREAD in one & other or not (one and other) else both - {SPREAD}


def _of(factor: Factor, size: int) -> Place | None:
    return factor.of if factor.size == size else None

"""Where the activations of a graph are, and which axes of each are units: loops and branches included."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jax import numpy as jnp
from jax.extend import core

from relubench.sites import loops, origins, rules, stretches
from relubench.sites.graph import Graph, Node, Operand, Value, shape_of
from relubench.sites.origins import DATA, PARAMETERS, TURN, Axis, Factor, Origin
from relubench.sites.stretches import Links, Rejected, Stretch


@dataclasses.dataclass(eq=False)
class Plan:
    """The activations of a graph, in the order of its operations: its own, and those of what its nodes hold."""

    graph: Graph
    links: Links
    stretches: list[Stretch]
    inside: dict[Node, list[Plan]]  # of a loop its body, of a branching its branches
    rejected: list[Rejected]

    @property
    def outputs(self) -> list[Origin]:
        """What the graph's results stem from."""
        return [_of(output, self.links.origins) for output in self.graph.outputs]

    def activations(self) -> list[Activation]:
        """Return every activation, in the order in which `run` gives their statistics."""
        places = self.links.places
        own = [(places[s.nodes[-1]], [Activation(s, ())]) for s in self.stretches]
        inner = [(places[node], list(held(node, plans))) for node, plans in self.inside.items()]
        return [activation for _, group in sorted(own + inner, key=lambda pair: pair[0]) for activation in group]

    def standing_in_branches(self) -> Iterator[tuple[Stretch, str]]:
        """Give the activations that not every example meets, or no device whole, and what they stand in."""
        for node, plans in self.inside.items():
            for plan in plans:
                if node.name == "scan":
                    yield from plan.standing_in_branches()
                else:
                    yield from (
                        (activation.stretch, f"it stands in a {node.name}") for activation in plan.activations()
                    )

    def leave_out(self, stretches: set[Stretch]) -> None:
        """Forget these activations, wherever they stand."""
        self.stretches = [stretch for stretch in self.stretches if stretch not in stretches]
        for plans in self.inside.values():
            for plan in plans:
                plan.leave_out(stretches)
        self.inside = {n: plans for n, plans in self.inside.items() if any(plan.activations() for plan in plans)}

    def all_rejected(self) -> list[Rejected]:
        """Return what looked like an activation and is none, that of loops and branches included."""
        return self.rejected + [r for plans in self.inside.values() for plan in plans for r in plan.all_rejected()]


@dataclasses.dataclass(frozen=True)
class Activation:
    """A stretch and the lengths of what is around it, outermost first: None of what gives no units of its own."""

    stretch: Stretch
    loops: tuple[int | None, ...]  # the turns of loops, and the devices along axes of a mesh
    inner_loops: tuple[int | None, ...] = ()  # those inside the last mesh

    @property
    def layers(self) -> int:
        """How many layers it stands in: one, or one a turn of the loops over layers around it."""
        return math.prod(length for length in self.loops if length is not None)


def held(node: Node, plans: Sequence[Plan]) -> Iterator[Activation]:
    """Give the activations of what a loop, a branching or a mesh of devices holds."""
    for plan in plans:
        for own in plan.activations():
            around = _AROUND[node.name](node, plan, own.stretch)
            inner = own.loops if node.name == "shard_map" else (*around, *own.inner_loops)
            yield Activation(own.stretch, (*around, *own.loops), inner)


def _turns(node: Node, plan: Plan, stretch: Stretch) -> tuple[int | None, ...]:
    depth = len(plan.links.depths) - 1
    kinds = stretch.origin.loops[depth : depth + 1] or (frozenset(),)
    return (node.params["length"] if PARAMETERS in kinds[0] else None,)


def _devices(node: Node, plan: Plan, stretch: Stretch) -> tuple[int | None, ...]:
    """Return the lengths of a mesh's axes along which parameters differ, but not along an axis of the units."""
    own = {kind for axis in stretch.origin.axes for kind in origins.kinds_of(axis)}
    sizes, names = node.params["mesh"].shape, sorted(node.params["newly_manual_axes"])
    varying = [(name, PARAMETERS) in stretch.origin.shards and origins.SHARD + name not in own for name in names]
    return tuple(sizes[name] if varies else None for name, varies in zip(names, varying, strict=True))


_AROUND: dict[str, Any] = {"scan": _turns, "cond": lambda node, plan, stretch: (), "shard_map": _devices}


def make(graph: Graph, given: Sequence[Origin], depths: tuple[int, ...] = ()) -> Plan:
    """Return the plan of a graph whose inputs have these origins, in so many loops."""
    known: dict[Value, Origin] = dict(zip(graph.inputs, given, strict=True))
    for value in graph.constants:
        known[value] = origins.of_argument(value.shape, PARAMETERS)
    links = Links(graph, known, depths)
    inside: dict[Node, list[Plan]] = {}
    unwatched: list[Rejected] = []
    for node in graph.nodes():
        operands = [_of(operand, known) for operand in node.inputs]
        if node.name in _HOLDERS:
            plans, results = _HOLDERS[node.name](node, operands, depths)
            if node.name in WATCHED and any(plan.activations() for plan in plans):
                inside[node] = plans
            elif any(plan.activations() for plan in plans):
                unwatched.append(Rejected(node, f"it stands in a {node.name} loop: these are not watched"))
            else:
                unwatched += [rejected for plan in plans for rejected in plan.all_rejected()]
        else:
            results = rules.follow(node, operands)
        known.update(zip(node.outputs, results, strict=True))
        links.add(node)
    found, rejected = stretches.find(links)
    return Plan(graph, links, found, inside, rejected + unwatched)


def _of(operand: Operand, known: Mapping[Value, Origin]) -> Origin:
    if isinstance(operand, core.Literal):
        return origins.neutral(shape_of(operand))
    return known[operand]


Held = tuple[list[Plan], list[Origin]]
WATCHED = frozenset({"scan", "cond", "shard_map"})


def _scan(node: Node, given: Sequence[Origin], depths: tuple[int, ...]) -> Held:
    """A body is planned again until what it hands on from turn to turn stems from nothing new."""
    fixed, carried = loops.sizes(node)
    constants, carry = list(given[:fixed]), list(given[fixed : fixed + carried])
    turns = [_turn(origin, len(depths)) for origin in given[fixed + carried :]]
    inputs = node.graphs[0].inputs[fixed:]
    carry, turns = (
        [_counting(origin, value, len(depths)) for origin, value in zip(part, values, strict=True)]
        for part, values in ((carry, inputs[:carried]), (turns, inputs[carried:]))
    )
    depths = (*depths, node.params["length"])
    while True:
        plan = make(node.graphs[0], [*constants, *carry, *turns], depths)
        results = plan.outputs
        grown = [_grown(one, _outside(new, depths)) for one, new in zip(carry, results[:carried], strict=True)]
        if grown == carry:
            break
        carry = grown
    stacked = [_stacked(origin, depths) for origin in results[carried:]]
    return [plan], [*(_outside(origin, depths) for origin in results[:carried]), *stacked]


def _turn(origin: Origin, depth: int) -> Origin:
    """Return what one turn of a loop takes of an array: all but its first axis."""
    kinds = origins.kinds_of(origin.axes[0]) & {DATA, PARAMETERS}
    return dataclasses.replace(origin, axes=origin.axes[1:], loops=(*_to_depth(origin, depth), kinds))


def _to_depth(origin: Origin, depth: int) -> tuple[frozenset[str], ...]:
    """Return what so many loops take by turns: nothing, in those that are not known."""
    return (*origin.loops, *(frozenset() for _ in range(depth - len(origin.loops))))


def _counting(origin: Origin, value: Value, depth: int) -> Origin:
    """Return the origin of what counts a loop's turns as such: a whole number that neither data nor parameters make."""
    if origin.varies or origin.parameters or value.shape or not jnp.issubdtype(value.aval.dtype, jnp.integer):
        return origin
    *around, own = _to_depth(origin, depth + 1)
    return dataclasses.replace(origin, loops=(*around, own | {TURN}))


def _outside(origin: Origin, depths: tuple[int, ...]) -> Origin:
    return dataclasses.replace(origin, loops=origin.loops[: len(depths) - 1])


def _stacked(origin: Origin, depths: tuple[int, ...]) -> Origin:
    kinds = origin.loops[len(depths) - 1] if len(origin.loops) >= len(depths) else frozenset()
    if PARAMETERS in kinds:
        kinds = frozenset({PARAMETERS})
    return _outside(dataclasses.replace(origin, axes=((Factor(depths[-1], kinds),), *origin.axes)), depths)


def _grown(one: Origin, new: Origin) -> Origin:
    """Return what a carried array stems from when it is either of these."""
    both = origins.joined([one, new], tuple(origins.length(axis) for axis in one.axes))
    return dataclasses.replace(both, affine=one.affine or new.affine)


def _cond(node: Node, given: Sequence[Origin], depths: tuple[int, ...]) -> Held:
    plans = [make(branch, given[1:], depths) for branch in node.graphs]
    results = []
    for options in zip(*(plan.outputs for plan in plans), strict=True):
        shape = tuple(origins.length(axis) for axis in options[0].axes)
        both = origins.joined(options, shape)
        varies = given[0].data
        results.append(dataclasses.replace(both, affine=all(o.affine for o in options), data=both.data or varies))
    return plans, results


def _while(node: Node, given: Sequence[Origin], depths: tuple[int, ...]) -> Held:
    skipped = node.params["cond_nconsts"]
    plan = make(node.graphs[-1], given[skipped:], depths)
    start = given[skipped + node.params["body_nconsts"] :]
    everything = origins.joined(given, ())
    results = [
        dataclasses.replace(origin, data=everything.data, parameters=everything.parameters, affine=False)
        for origin in start
    ]
    return [plan], results


def _shard_map(node: Node, given: Sequence[Origin], depths: tuple[int, ...]) -> Held:
    """A body sees its device's part of every array."""
    (body,) = node.graphs
    parts = [
        _part(origin, spec, value.shape)
        for origin, spec, value in zip(given, node.params["in_specs"], body.inputs, strict=True)
    ]
    plan = make(body, parts, depths)
    results = [
        dataclasses.replace(origin, axes=tuple(map(_whole, origin.axes, output.shape)), shards=frozenset())
        for origin, output in zip(plan.outputs, node.outputs, strict=True)
    ]
    return [plan], results


def _part(origin: Origin, spec: Any, shape: tuple[int, ...]) -> Origin:
    """Return what a device's part stems from: of every axis, the names of the mesh's that it is shared out along."""
    axes, shards = list(origin.axes), set(origin.shards)
    for place, names in enumerate(spec):
        for name in _sharded_by(names):
            kinds = origins.kinds_of(axes[place])
            of = axes[place][0].of if len(axes[place]) == 1 else None
            axes[place] = (Factor(shape[place], kinds | {origins.SHARD + name}, of),)
            shards |= {(name, kind) for kind in kinds & {DATA, PARAMETERS}}
    return dataclasses.replace(origin, axes=tuple(axes), shards=frozenset(shards))


def _sharded_by(names: Any) -> tuple[str, ...]:
    """Return the axes of a mesh that an entry of a partition names."""
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _whole(axis: Axis, length: int) -> Axis:
    kinds = frozenset(kind for kind in origins.kinds_of(axis) if not kind.startswith(origins.SHARD))
    return (Factor(length, kinds, axis[0].of if len(axis) == 1 else None),) if kinds or length > 1 else ()


_HOLDERS: dict[str, Any] = {"scan": _scan, "cond": _cond, "while": _while, "shard_map": _shard_map}

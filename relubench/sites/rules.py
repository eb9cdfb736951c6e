"""What each operation makes of the origins of its operands' axes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from relubench.sites import origins, primitives
from relubench.sites.graph import Node, shape_of
from relubench.sites.origins import DATA, PARAMETERS, SCALED, SHARD, SPREAD, TURN, Axis, Factor, Origin


def follow(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """Return the origins of an operation's results from those of its operands; control flow aside."""
    rule = _RULES.get(node.name)
    if rule is not None:
        return rule(node, given)
    if node.is_elementwise:
        return _elementwise(node, given)
    return _unknown(node, given)


def _resized(axis: Axis, size: int) -> Axis:
    """Return what a slice, a window or padding makes of an axis."""
    if size == origins.length(axis):
        return axis
    return (Factor(size, origins.kinds_of(axis)),) if size != 1 or origins.kinds_of(axis) else ()


def _elementwise(node: Node, given: Sequence[Origin]) -> list[Origin]:
    if len(node.outputs) == len(given) and len(given) > 1:  # a barrier, or the like: each passes through
        return list(given)
    shape = node.outputs[0].shape
    if node.name == "select_n" and _is_weight(given[1]) and all(case == given[1] for case in given[2:]):
        return [given[1]]  # `vmap` makes a branching choose between a parameter and itself
    result = origins.joined(given, shape)
    affine, labels = _is_affine(node, given, result), _meets_labels(node, given, result)
    axes = result.axes
    if _multiplies(node, given):
        affine, axes = True, tuple(map(_scaled_along, axes, _lengths(given, shape)))
    bias = _added(node, given) or result.bias
    return [dataclasses.replace(result, axes=axes, affine=affine, labels=labels, bias=bias)] * len(node.outputs)


def _added(node: Node, given: Sequence[Origin]) -> str:
    """Return the parameter that is added to data here, or nothing."""
    if node.name != "add" or len(given) != 2 or given[0].varies == given[1].varies:
        return ""
    return next(o.weight for o in given if not o.varies)


def _is_affine(node: Node, given: Sequence[Origin], result: Origin) -> bool:
    return any(o.affine for o in given if o.varies) and _keeps_affine(node, given, result)


def _meets_labels(node: Node, given: Sequence[Origin], result: Origin) -> bool:
    """Whether data that no parameter has touched join what comes from parameters and data; a mask does not."""
    is_mask = node.name == "select_n" and sum(o.varies for o in given[1:]) < 2
    raw = any(o.data and not o.parameters and any(map(origins.kinds_of, o.axes)) for o in given[is_mask:])
    return result.labels or (raw and any(o.data and o.parameters for o in given))


def _keeps_affine(node: Node, given: Sequence[Origin], result: Origin) -> bool:
    """Whether the result is affine in an affine operand: sums, and products with what is not such a value itself."""
    if node.name in primitives.SAME or node.name in {"neg", "convert_element_type", "add", "sub", "add_any"}:
        return True
    if node.name == "select_n":  # by a mask of the data or of chance, rather than by the value itself
        return not (given[0].data and given[0].parameters)
    if node.name == "mul":
        return not all(_is_full(origin, result) for origin in given)
    return node.name == "div" and not _is_full(given[1], result)


def _is_full(origin: Origin, result: Origin) -> bool:
    """Whether an operand differs along all axes of the result, by the data: a mask or a norm's deviation does not."""
    if not origin.data or len(origin.axes) != len(result.axes):
        return False
    return all(_differs(own) or not _differs(axis) for own, axis in zip(origin.axes, result.axes, strict=True))


def _differs(axis: Axis) -> bool:
    """Whether the data differ along an axis."""
    kinds = origins.kinds_of(axis)
    return bool(kinds) and SPREAD not in kinds


def _multiplies(node: Node, given: Sequence[Origin]) -> bool:
    """Whether data are multiplied by an array of parameters here, elementwise."""
    if node.name != "mul" or len(given) != 2:
        return False
    data = [o for o in given if o.data]
    weights = [o for o in given if o.parameters and not o.varies and any(map(origins.kinds_of, o.axes))]
    return len(data) == 1 and len(weights) == 1


def _lengths(given: Sequence[Origin], shape: tuple[int, ...]) -> list[bool]:
    """Return along which axes of the result the parameter of a product varies."""
    place = next(n for n, o in enumerate(given) if o.parameters and not o.varies)
    return [bool(origins.kinds_of(origins.at(given[place], n, len(shape), size))) for n, size in enumerate(shape)]


def _scaled_along(axis: Axis, varies: bool) -> Axis:
    return tuple(f.also({SCALED}) for f in axis) if varies else axis


def _unknown(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """What nothing is known of: axes at their places where the shape stays, else every axis from all there is."""
    kinds = frozenset().union(*(origins.kinds_of(axis) for origin in given for axis in origin.axes)) - {SCALED}
    results = []
    for output in node.outputs:
        same = [origin for origin, operand in zip(given, node.inputs, strict=True) if shape_of(operand) == output.shape]
        base = origins.joined(given, ()) if given else Origin(())
        axes = origins.joined(same, output.shape).axes if same else tuple((Factor(n, kinds),) for n in output.shape)
        results.append(dataclasses.replace(base, axes=axes))
    return results


def _only(node: Node, axes: Iterable[Axis], given: Sequence[Origin], **flags: Any) -> list[Origin]:
    """Return one origin with these axes and what the operands are otherwise."""
    base = dataclasses.replace(origins.joined(given, ()), **({"affine": given[0].affine} | flags))
    return [dataclasses.replace(base, axes=tuple(axes))]


# --- shapes


def _broadcast(node: Node, given: Sequence[Origin]) -> list[Origin]:
    shape, places = node.outputs[0].shape, node.params["broadcast_dimensions"]
    axes = [origins.neutral_axis(size) for size in shape]
    for own, place in enumerate(places):
        if origins.length(given[0].axes[own]) == shape[place]:
            axes[place] = given[0].axes[own]
    return _only(node, axes, given[:1])


def _reshape(node: Node, given: Sequence[Origin]) -> list[Origin]:
    order = node.params.get("dimensions") or range(len(given[0].axes))
    factors = [factor for n in order for factor in given[0].axes[n]]
    axes: list[Axis] = []
    for size in node.outputs[0].shape:
        axis: list[Factor] = []
        while origins.length(tuple(axis)) < size and factors:
            factor, missing = factors.pop(0), size // origins.length(tuple(axis))
            common = math.gcd(factor.size, missing)
            if factor.size > missing and common != missing:  # sizes that share no factoring: 6 = 2·3 as 3·2
                return _mixed(node, given)
            if factor.size > missing:
                axis.append(Factor(missing, factor.kinds))
                factors.insert(0, Factor(factor.size // missing, factor.kinds))
            else:
                axis.append(factor)
        while factors and factors[0].size == 1 and size == 1 and not axis:  # a unit axis of length 1 keeps its kind
            axis.append(factors.pop(0))
        if origins.length(tuple(axis)) != size:
            return _mixed(node, given)
        axes.append(tuple(axis))
    return _only(node, axes, given[:1])


def _mixed(node: Node, given: Sequence[Origin]) -> list[Origin]:
    kinds = origins.kinds_of(factor for axis in given[0].axes for factor in axis)
    return _only(node, [(Factor(size, kinds),) for size in node.outputs[0].shape], given[:1])


def _squeeze(node: Node, given: Sequence[Origin]) -> list[Origin]:
    gone = node.params["dimensions"]
    return _only(node, [axis for n, axis in enumerate(given[0].axes) if n not in gone], given)


def _transpose(node: Node, given: Sequence[Origin]) -> list[Origin]:
    return _only(node, [given[0].axes[n] for n in node.params["permutation"]], given)


def _sliced(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """Slices, padding, windows, running sums: every axis stays at its place."""
    return [
        origin
        for output in node.outputs
        for origin in _only(node, map(_resized, given[0].axes, output.shape), given[:1])
    ]


def _sorted(node: Node, given: Sequence[Origin]) -> list[Origin]:
    along = node.params["dimension"]
    return [dataclasses.replace(_unplaced(origin, [along]), affine=False) for origin in given]


def _turned(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """Reversals and running sums: entries along an axis are no longer those at the same places."""
    along = node.params.get("dimensions", [node.params.get("axis")])
    return [_unplaced(origin, along) for origin in _sliced(node, given)]


def _unplaced(origin: Origin, along: Sequence[int]) -> Origin:
    axes = (tuple(f._replace(of=None) for f in axis) if n in along else axis for n, axis in enumerate(origin.axes))
    return dataclasses.replace(origin, axes=tuple(axes))


def _concatenate(node: Node, given: Sequence[Origin]) -> list[Origin]:
    shape, along = node.outputs[0].shape, node.params.get("dimension", node.params.get("axis", 0))
    if node.name == "stack":
        given = [dataclasses.replace(o, axes=(*o.axes[:along], (), *o.axes[along:])) for o in given]
    leading = [origin for origin in given if origin.data] or list(given)
    kinds = frozenset().union(*(origins.kinds_of(origin.axes[along]) for origin in leading))
    if not kinds and all(any(map(origins.kinds_of, origin.axes)) for origin in leading):  # stacked along a new axis
        kinds = frozenset(
            {DATA if leading[0].data else PARAMETERS} if leading[0].data or _is_weight(leading[0]) else ()
        )
    rest = [dataclasses.replace(o, axes=(*o.axes[:along], (), *o.axes[along + 1 :])) for o in given]
    axes = list(origins.joined(rest, (*shape[:along], 1, *shape[along + 1 :])).axes)
    axes[along] = (Factor(shape[along], kinds),)
    return _only(node, axes, given, affine=any(origin.affine for origin in given))


def _gather(node: Node, given: Sequence[Origin]) -> list[Origin]:
    numbers, slices = node.params["dimension_numbers"], node.params["slice_sizes"]
    operand, indices = given[:2]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [n for n in range(len(operand.axes)) if n not in gone]
    shape = node.outputs[0].shape
    axes: list[Axis] = [()] * len(shape)
    for place, n in zip(numbers.offset_dims, kept, strict=True):
        axes[place] = _resized(operand.axes[n], slices[n])
    others = [place for place in range(len(shape)) if place not in numbers.offset_dims]
    # Fixed places of an axis, repeated or not, stem from what the axis stems from.
    taken = origins.kinds_of(factor for n in numbers.collapsed_slice_dims for factor in operand.axes[n])
    for place, axis in zip(others, indices.axes[:-1], strict=True):
        axes[place] = axis if origins.kinds_of(axis) else tuple(f.also(taken) for f in axis)
    for mine, theirs in zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True):
        place = others[theirs]
        axes[place] = origins.merged([operand.axes[mine], axes[place]], shape[place])
    chosen = _is_weight(operand) and indices.data
    by_data = operand.data and indices.data
    loops = _taken_by_turns(operand, [indices])
    labels = operand.labels or by_data
    return _only(node, axes, given, chosen=chosen, affine=chosen or operand.affine, labels=labels, loops=loops)


def _taken_by_turns(operand: Origin, indices: Sequence[Origin]) -> tuple[frozenset[str], ...]:
    """Return what loops take by turns when a part is taken out by index: parameters, where it counts their turns."""
    loops = origins.joined([operand, *indices], ()).loops
    if not _is_weight(operand):
        return loops
    return tuple(kinds | {PARAMETERS} if TURN in kinds else kinds for kinds in loops)


def _dynamic_slice(node: Node, given: Sequence[Origin]) -> list[Origin]:
    (sliced,) = _sliced(node, given)
    return [dataclasses.replace(sliced, loops=_taken_by_turns(given[0], given[1:]))]


def _updated(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """What is written into an array: its axes, and those of what is written where the shapes agree."""
    place = 2 if node.name.startswith("scatter") else 1
    written, shape = given[place], node.outputs[0].shape
    axes = given[0].axes
    if len(written.axes) == len(axes):  # what is written stems from the same along every axis, be it fewer or more
        resized = dataclasses.replace(written, axes=tuple(map(_resized, written.axes, shape)))
        axes = origins.joined([given[0], resized], shape).axes
    return _only(node, axes, [given[0], written], affine=given[0].affine or written.affine)


def _fresh(node: Node, given: Sequence[Origin]) -> list[Origin]:
    return [origins.neutral(output.shape) for output in node.outputs]


def _random(node: Node, given: Sequence[Origin]) -> list[Origin]:
    return [origins.neutral(output.shape, random=True) for output in node.outputs]


# --- between devices


def _exchanged(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """Sums over devices and gathered parts: what differed along these axes of the mesh is the same now."""
    names = node.params.get("axes", node.params.get("axis_name", ()))
    names = {names} if isinstance(names, str) else set(names)
    results = []
    for origin, output in zip(given, node.outputs, strict=True):
        axes = tuple(
            tuple(f._replace(kinds=f.kinds - {SHARD + name for name in names}) for f in _resized(axis, size))
            for axis, size in zip(_of_rank(origin.axes, len(output.shape)), output.shape, strict=True)
        )
        shards = frozenset(pair for pair in origin.shards if pair[0] not in names)
        results.append(dataclasses.replace(origin, axes=axes, shards=shards))
    return results


def _of_rank(axes: Sequence[Axis], rank: int) -> Sequence[Axis]:
    """Return the axes, with new ones before them where parts were gathered along a new axis."""
    return [()] * (rank - len(axes)) + list(axes)


# --- reductions and products


def _reduced(node: Node, given: Sequence[Origin]) -> list[Origin]:
    gone = node.params.get("axes", node.params.get("dimensions", ()))
    results = []
    for n in range(len(node.outputs)):
        origin = given[min(n, len(given) - 1)]
        kinds = [origins.kinds_of(origin.axes[axis]) for axis in gone]
        completes = node.name == "reduce_sum" and all(SCALED in k or not k for k in kinds)
        pools = node.name in _POOLS and not any(PARAMETERS in k for k in kinds) and _has_examples(origin, gone)
        axes = [axis for place, axis in enumerate(origin.axes) if place not in gone]
        results += _only(node, map(_plain, axes), [origin], affine=origin.affine and (completes or pools))
    return results


_POOLS = frozenset({"reduce_sum", "reduce_max", "reduce_min"})


def _has_examples(origin: Origin, gone: Sequence[int]) -> bool:
    """Whether examples are left when axes are gone: else it is a statistic of all of them."""
    return any(DATA in origins.kinds_of(axis) for place, axis in enumerate(origin.axes) if place not in gone)


def _plain(axis: Axis) -> Axis:
    return tuple(f._replace(kinds=f.kinds - {SCALED}) for f in axis)


def _dot(node: Node, given: Sequence[Origin]) -> list[Origin]:
    contracted, batch = node.params["dimension_numbers"]
    left, right = given[:2]
    axes = [_batch_axis(left, right, a, b) for a, b in zip(*batch, strict=True)]
    for origin, other, gone, others_gone, shared in (
        (left, right, contracted[0], contracted[1], batch[0]),
        (right, left, contracted[1], contracted[0], batch[1]),
    ):
        free = [_plain(axis) for n, axis in enumerate(origin.axes) if n not in {*gone, *shared}]
        if origin.varies and _is_weight(other):
            free = [_positions(axis) for axis in free]
        if not origin.varies and not origin.parameters:  # a fixed matrix makes of an axis another of its kind
            kinds = origins.kinds_of(factor for n in others_gone for factor in _plain(other.axes[n]))
            free = [axis if origins.kinds_of(axis) else tuple(f.also(kinds) for f in axis) for axis in free]
        axes += free
    return [_product(node, axes, left, right)]


def _batch_axis(left: Origin, right: Origin, a: int, b: int) -> Axis:
    """Return an axis that both operands of a product have: with weights of its own, every entry is another unit."""
    for weight, place, other in ((left, a, right), (right, b, left)):
        if _is_weight(weight) and other.varies and origins.kinds_of(weight.axes[place]):
            return _plain(weight.axes[place])
    size = origins.length(left.axes[a])
    both = origins.merged([_plain(left.axes[a]), _plain(right.axes[b])], size)
    if left.chosen != right.chosen and not (
        _is_weight(left) or _is_weight(right)
    ):  # examples, each with parameters that it has chosen: neither the one nor the other
        both = tuple(f.also({PARAMETERS}) for f in both)
    return both


def _is_weight(origin: Origin) -> bool:
    return origin.parameters and not origin.varies


def _product(node: Node, axes: Iterable[Axis], left: Origin, right: Origin) -> Origin:
    """Return the origin of a product: affine where one operand is of parameters and the other of data."""
    is_left = _is_weight(left) or (left.chosen and not right.chosen and not _is_weight(right))
    weight, other = (left, right) if is_left else (right, left)
    base = origins.joined([left, right], ())
    base = dataclasses.replace(
        base, axes=tuple(axes), chosen=left.chosen and right.chosen, labels=left.labels or right.labels
    )
    if other.varies and (_is_weight(weight) or (weight.chosen and not other.chosen)):
        return dataclasses.replace(base, affine=True, weight=weight.weight, bias="", layer=node.scopes, labels=False)
    if left.varies and right.varies:  # data that no parameter has touched mix examples, as a graph's edges do
        affine = (left.affine and not right.parameters) or (right.affine and not left.parameters)
        return dataclasses.replace(base, affine=affine)
    return dataclasses.replace(base, affine=left.affine or right.affine)  # a fixed matrix


def _convolution(node: Node, given: Sequence[Origin]) -> list[Origin]:
    left, right = given[:2]
    numbers = node.params["dimension_numbers"]
    shape = node.outputs[0].shape
    axes: list[Axis] = [()] * len(shape)
    groups = node.params["batch_group_count"]
    positions = _positions if left.varies and _is_weight(right) else _plain
    batch = positions(_plain(left.axes[numbers.lhs_spec[0]]))
    axes[numbers.out_spec[0]] = batch if groups == 1 else _resized(batch, shape[numbers.out_spec[0]])
    features = right.axes[numbers.rhs_spec[0]]
    if not origins.kinds_of(features):  # a fixed kernel, applied to each channel
        features = left.axes[numbers.lhs_spec[1]]
    axes[numbers.out_spec[1]] = _resized(_plain(features), shape[numbers.out_spec[1]])
    for own, place in zip(numbers.lhs_spec[2:], numbers.out_spec[2:], strict=True):
        axes[place] = _resized(positions(_plain(left.axes[own])), shape[place])
    return [_product(node, axes, left, right)]


def _positions(axis: Axis) -> Axis:
    """Return an axis of data that a product with parameters leaves: its weights are the same all along it."""
    of_units = PARAMETERS in origins.kinds_of(axis)
    if not of_units:
        return axis
    return tuple(Factor(f.size, (f.kinds - {PARAMETERS}) | {DATA}) if PARAMETERS in f.kinds else f for f in axis)


def _ragged(node: Node, given: Sequence[Origin]) -> list[Origin]:
    """A product of rows, each with the parameters of its group: the rows are examples of differing units."""
    left, right = given[:2]
    rows = tuple(f.also({PARAMETERS}) for f in _plain(left.axes[0]))
    return [_product(node, [rows, _plain(right.axes[-1])], left, right)]


Rule = Callable[[Node, Sequence[Origin]], list[Origin]]
_RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "sort": _sorted,
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
}
#: Rules that many operations share.
_SHARED: dict[Rule, str] = {
    _concatenate: "concatenate stack",
    _ragged: "ragged_dot ragged_dot_general",
    _turned: "rev cumsum cummax cummin cumprod cumlogsumexp",
    _sliced: "slice pad split top_k reduce_window reduce_window_max reduce_window_min reduce_window_sum",
    _updated: "dynamic_update_slice scatter scatter-add scatter_add scatter-mul scatter_mul scatter-min scatter_min "
    "scatter-max scatter_max",
    _reduced: "reduce reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or reduce_xor argmax argmin",
    _exchanged: "psum psum_invariant pmax pmin all_gather all_gather_invariant all_gather_reduced",
    _random: "random_bits threefry2x32 rng_bit_generator rng_uniform",
    _fresh: "iota empty empty2 random_wrap random_seed random_fold_in random_split random_unwrap random_clone",
}
_RULES.update({name: rule for rule, names in _SHARED.items() for name in names.split()})

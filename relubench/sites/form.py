"""Whether an activation's slope is 0 by its formula, or only because floating-point numbers end.

GELU's slope is never 0 over an interval, yet in float32 it is exactly 0 below z = -5. So a stretch is followed once
more with yes and no instead of numbers: a derivative passes by the formula where a maximum or a selection takes a part
that it passes, and smooth functions pass it everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jax import Array
from jax import numpy as jnp
from jax.extend import core

from relubench.sites import primitives
from relubench.sites.graph import Graph, Node, Operand, Value
from relubench.sites.stretches import Stretch


class Form(NamedTuple):
    """A value of a stretch, and what its formula says of it; the flags are bool, shaped like the value."""

    value: Any
    passes: Any  # its derivative is not 0 by the formula
    smooth: Any  # it comes from a smooth function: where it is 0, rounding may have made it so

    @property
    def nonzero(self) -> Any:
        """Whether the value is not 0 by the formula."""
        return (self.value != 0) | self.smooth


def passes(stretch: Stretch, z: Array, slope: Array, others: Mapping[Value, Any]) -> Array:
    """Return where the slope of an activation is not 0 by its formula: bool, shaped like z.

    What no smooth function has made is computed exactly as far as signs go: there 0 is 0.
    """
    yes = jnp.ones_like(z, bool)
    known: dict[Value, Form] = {stretch.base: Form(z, yes, ~yes)}
    for node in stretch.nodes:
        given = [_operand(v, known, others) for v in node.inputs]
        known[node.outputs[0]] = _follow(node, given, node.bind([form.value for form in given])[0])
    output = known[stretch.output]
    return (slope != 0) | (output.passes & output.smooth)


def _operand(operand: Operand, known: Mapping[Value, Form], others: Mapping[Value, Any]) -> Form:
    if isinstance(operand, Value) and operand in known:
        return known[operand]
    value = operand.val if isinstance(operand, core.Literal) else others[operand]
    no = jnp.zeros_like(value, bool)
    return Form(value, no, no)


def _follow(node: Node, given: Sequence[Form], value: Any) -> Form:
    """Return what an operation makes of forms."""
    if node.graphs:
        inner = _of_graph(node.graphs[0], given)
        return Form(value, inner.passes, inner.smooth)
    name, first = node.name, given[0]
    everywhere = jnp.ones_like(value, bool)
    if name == "transpose":
        return Form(*(jnp.transpose(x, node.params["permutation"]) for x in first))
    if name in primitives.SMOOTH:
        return Form(value, first.passes & everywhere, everywhere)
    if name in primitives.STEPS:
        return Form(value, ~everywhere, ~everywhere)
    if name == "select_n":
        return _chosen(node, given, value)
    if name in {"max", "min"}:
        return _larger(name, first, given[1], value)
    if name == "clamp":
        low, x, high = given
        inside = (x.value > low.value) & (x.value < high.value)
        return Form(value, x.passes & inside, x.smooth & inside)
    smooth = _any(form.smooth for form in given) & everywhere
    if name == "mul":
        left, right = given
        return Form(value, (left.passes & right.nonzero) | (right.passes & left.nonzero), smooth)
    if name == "div":
        left, right = given
        return Form(value, left.passes | (right.passes & left.nonzero), smooth)
    return Form(value, _any(form.passes for form in given) & everywhere, smooth)


def _any(flags: Any) -> Any:
    result = False
    for flag in flags:
        result = result | flag
    return result


def _chosen(node: Node, given: Sequence[Form], value: Any) -> Form:
    which, *cases = given
    shaped = [[jnp.broadcast_to(flags, value.shape) for flags in (case.passes, case.smooth)] for case in cases]
    passes, smooth = (node.bind([which.value, *(case[n] for case in shaped)])[0] for n in range(2))
    return Form(value, passes, smooth)


def _larger(name: str, left: Form, right: Form, value: Any) -> Form:
    is_left = left.value > right.value if name == "max" else left.value < right.value
    is_tie = left.value == right.value  # as for `relu`, whose slope at 0 JAX takes as 0
    passes = jnp.where(is_tie, left.passes & right.passes, jnp.where(is_left, left.passes, right.passes))
    return Form(value, passes, jnp.where(is_left, left.smooth, right.smooth))


def _of_graph(graph: Graph, given: Sequence[Form]) -> Form:
    known = dict(zip(graph.inputs, given, strict=True))
    for node in graph.nodes():
        forms = [_operand(v, known, graph.constants) for v in node.inputs]
        value = node.bind([form.value for form in forms])[0]
        if node.name == "broadcast_in_dim":  # of a scalar, which is all that such a graph spreads
            known[node.outputs[0]] = Form(value, forms[0].passes, forms[0].smooth)
        else:
            known[node.outputs[0]] = _follow(node, forms, value)
    return _operand(graph.outputs[0], known, graph.constants)

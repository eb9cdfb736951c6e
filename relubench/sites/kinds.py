"""What an activation is called: its formula, evaluated on a grid, beside those that have a name, however spelled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax import numpy as jnp
from jax.extend import core

from relubench.lazy import special
from relubench.sites import primitives
from relubench.sites.graph import Graph, Node, Operand, Value

#: Points on both sides of every kink of a known function, and none on one.
GRID = np.concatenate([np.linspace(-12.03, -0.07, 61), np.linspace(0.05, 12.01, 61)])
TOLERANCE = 3e-5  # constants of an activation are written to float32; of bfloat16, to 8 bits
COARSE = 2e-2


def _sigmoid(x: Any) -> Any:
    return special.expit(x)


def _gelu(x: Any) -> Any:
    return x * special.ndtr(x)


def _gelu_by_tanh(x: Any) -> Any:
    """Hendrycks and Gimpel 2016, section 2."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


#: Formulas by name; of some there are two.
KNOWN: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "relu": (lambda x: np.maximum(x, 0),),
    "relu6": (lambda x: np.clip(x, 0, 6),),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)),),
    "selu": (lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),),
    "gelu": (_gelu, _gelu_by_tanh),
    "silu": (lambda x: x * _sigmoid(x),),
    "mish": (lambda x: x * np.tanh(_softplus(x)),),
    "softplus": (_softplus,),
    "sigmoid": (_sigmoid,),
    "tanh": (np.tanh,),
    "log_sigmoid": (lambda x: -_softplus(-x),),
    "soft_sign": (lambda x: x / (1 + np.abs(x)),),
    "hard_tanh": (lambda x: np.clip(x, -1, 1),),
    "hard_sigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6,),
    "hard_silu": (lambda x: x * np.clip(x + 3, 0, 6) / 6,),
    "squareplus": (lambda x: (x + np.sqrt(x * x + 4)) / 2,),
    "sparse_plus": (lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),),
    "relu_squared": (lambda x: np.maximum(x, 0) ** 2,),
    "square": (np.square,),
    "abs": (np.abs,),
    "exp": (np.exp,),
    "sin": (np.sin,),
    "cos": (np.cos,),
    "arctan": (np.arctan,),
}
#: Names that functions of JAX give, where a number of theirs is none of the program's.
CALLED = {*KNOWN, "leaky_relu", "celu", "hard_swish", "swish", "prelu"}

#: Where z > 0 everywhere these act as linear functions.
PIECEWISE_LINEAR = frozenset({"relu", "leaky_relu", "prelu"})
#: They are flat where z <= 0, and nowhere else.
HALF_FLAT = frozenset({"relu", "relu_squared"})


class _Unknowable(Exception):
    """A formula holds a number that is not in the program."""


class Formula(NamedTuple):
    """A function on `GRID`, and how near one with a name must be."""

    values: np.ndarray
    tolerance: float

    def is_like(self, function: np.ndarray) -> bool:
        """Whether it is this one, given on the grid."""
        return bool(np.all(np.abs(self.values - function) <= self.tolerance * (1 + np.abs(function))))


def formula(
    base: Value, end: Value, nodes: Sequence[Node], makers: Mapping[Value, Node], given: float | None = None
) -> Formula | None:
    """Return the function that `nodes` make, or None where it holds arrays or operations that are not known here.

    With `given`, arrays that the program is given count as that number.
    """
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(_on_grid(base, end, nodes, makers, given), np.float64)
    except _Unknowable:
        return None
    return (
        Formula(values, COARSE if base.aval.dtype.itemsize < 4 else TOLERANCE) if values.shape == GRID.shape else None
    )


def name(own: Formula) -> str:
    """Return what a function is called, or nothing."""
    with np.errstate(all="ignore"):
        return next((kind for kind, forms in KNOWN.items() if any(own.is_like(form(GRID)) for form in forms)), "")


def family(own: Formula) -> str:
    """Return the name of a family with a number of its own that a function is one of, or nothing."""
    slope, alpha = own.values[0] / GRID[0], -own.values[0]
    with np.errstate(all="ignore"):
        if own.is_like(np.where(GRID > 0, GRID, slope * GRID)) and abs(slope) < 1:
            return "leaky_relu"
        if own.is_like(np.where(GRID > 0, GRID, alpha * np.expm1(GRID))):
            return "elu"
        if own.is_like(np.where(GRID > 0, GRID, alpha * np.expm1(GRID / alpha))):
            return "celu"
    return ""


def learned(base: Value, end: Value, nodes: Sequence[Node], makers: Mapping[Value, Node]) -> str:
    """Return the name of a family whose number is a parameter, or nothing."""
    own = formula(base, end, nodes, makers, given=0.25)
    return "prelu" if own is not None and family(own) == "leaky_relu" else ""


def _on_grid(base: Value, end: Value, nodes: Sequence[Node], makers: Mapping[Value, Node], given: float | None) -> Any:
    known: dict[Value, Any] = {base: GRID}
    for node in nodes:
        result = _evaluate(node, [_operand(v, known, makers, given) for v in node.inputs])
        known[node.outputs[0]] = result
    return known[end]


def _operand(
    operand: Operand, known: Mapping[Value, Any], makers: Mapping[Value, Node], given: float | None = None
) -> Any:
    """Return a value on the grid, or a number of the program; what is an array of its own is not known."""
    if isinstance(operand, core.Literal):
        return np.asarray(operand.val)
    if operand in known:
        return known[operand]
    node = makers.get(operand)
    if node is None:
        if given is None or not jnp.issubdtype(operand.aval.dtype, jnp.floating):
            raise _Unknowable
        return np.asarray(given)
    if node.name in {"broadcast_in_dim", "transpose", "reshape"}:
        return _operand(node.inputs[0], known, makers, given)
    return _evaluate(node, [_operand(v, known, makers, given) for v in node.inputs])


def _evaluate(node: Node, values: Sequence[Any]) -> Any:
    if node.graphs:
        return _of_graph(node.graphs[-1], values)
    if node.name in primitives.SAME or node.name == "transpose":
        return values[0]
    for table in (primitives.SMOOTH, primitives.STEPS, primitives.ARITHMETIC):
        if node.name in table:
            return table[node.name](*(np.asarray(v, np.float64) if _counts(v) else v for v in values))
    other = _OTHERS.get(node.name)
    if other is None:
        raise _Unknowable
    return other(node, *values)


def _counts(value: Any) -> bool:
    return np.asarray(value).dtype != bool


def _of_graph(graph: Graph, values: Sequence[Any]) -> Any:
    known: dict[Value, Any] = dict(zip(graph.inputs, values, strict=True))
    known.update({value: np.asarray(array) for value, array in graph.constants.items() if np.shape(array) == ()})
    for node in graph.nodes():
        operands = [_operand(v, known, {}) for v in node.inputs]
        known[node.outputs[0]] = operands[0] if node.name == "broadcast_in_dim" else _evaluate(node, operands)
    return _operand(graph.outputs[0], known, {})


def _convert(node: Node, x: Any) -> Any:
    return np.asarray(x, bool if np.issubdtype(node.params["new_dtype"], np.bool_) else np.float64)


def _select(node: Node, which: Any, *cases: Any) -> Any:
    if not 0 <= np.min(which) <= np.max(which) < len(cases):
        raise _Unknowable
    return np.choose(np.asarray(which).astype(int), [np.broadcast_to(case, GRID.shape) for case in cases])


_OTHERS: dict[str, Callable[..., Any]] = {
    "abs": lambda node, x: np.abs(x),
    "neg": lambda node, x: np.negative(np.asarray(x, np.float64)),
    "integer_pow": lambda node, x: np.asarray(x, np.float64) ** float(node.params["y"]),
    "convert_element_type": _convert,
    "select_n": _select,
    "clamp": lambda node, low, x, high: np.clip(x, low, high),
}

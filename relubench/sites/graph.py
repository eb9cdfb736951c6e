"""A function as a graph of primitive operations: calls are opened, loops and branches hold graphs of their own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import jax
from jax.extend import core

from relubench.sites import primitives

_JAX = os.path.dirname(jax.__file__) + os.sep
_HERE = os.path.dirname(__file__) + os.sep


@dataclasses.dataclass(eq=False)
class Value:
    """One array of the program; what a call is given and returns are the very values inside it."""

    aval: Any  # shape and dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return shape_of(self)


Operand = Value | core.Literal


def shape_of(operand: Operand) -> tuple[int, ...]:
    """Return the shape of an operand; a number in the program has one too."""
    return tuple(getattr(operand.aval, "shape", ()))


@dataclasses.dataclass(eq=False)
class Node:
    """One operation. A loop or a branch holds graphs; a derivative rule of an elementwise function, its formula."""

    primitive: core.Primitive
    params: dict[str, Any]
    inputs: list[Operand]
    outputs: list[Value]
    scopes: tuple[str, ...]  # the modules that it stands in, where a library names them
    source: str  # file:line
    backward: bool = False  # it carries a gradient back, inside the function
    context: Any = None
    graphs: tuple[Graph, ...] = ()

    @property
    def name(self) -> str:
        """What JAX calls the operation."""
        return self.primitive.name

    @property
    def is_elementwise(self) -> bool:
        """Whether it works number by number; a function with a derivative rule of its own counts as one operation."""
        return self.name in primitives.ELEMENTWISE or (bool(self.graphs) and self.name.startswith("custom_"))

    def bind(self, values: Sequence[Any]) -> list[Any]:
        """Do the operation on these values: the same bits as where the function does it itself."""
        manager: AbstractContextManager[Any] = self.context.manager
        with manager:
            result = self.primitive.bind(*values, **self.primitive.get_bind_params(self.params))
        return list(result) if self.primitive.multiple_results else [result]


@dataclasses.dataclass(eq=False)
class Call:
    """A function of JAX with a name of its own, that was called inside."""

    name: str
    inputs: list[Operand]
    outputs: list[Operand]


@dataclasses.dataclass(eq=False)
class Step:
    """One operation as the function does it, and the `nodes` that it is made of: itself, or what it calls."""

    whole: Node
    nodes: list[Node]


@dataclasses.dataclass(eq=False)
class Graph:
    """The operations of a function, or of a loop's body, in their order."""

    inputs: list[Value]
    outputs: list[Operand] = dataclasses.field(default_factory=list)
    constants: dict[Value, Any] = dataclasses.field(default_factory=dict)  # arrays that the function closes over
    steps: list[Step] = dataclasses.field(default_factory=list)
    calls: list[Call] = dataclasses.field(default_factory=list)

    def nodes(self) -> Iterator[Node]:
        """Give every operation, inside calls as well, in an order in which each can be done."""
        for step in self.steps:
            yield from step.nodes


def build(program: Any) -> Graph:
    """Return the graph of a traced function; operations of compiled functions inside are steps of their own."""
    graph = Graph([])
    jaxpr, constants = _opened(program)
    graph.inputs = [Value(v.aval) for v in jaxpr.invars]
    graph.outputs = _Builder(graph).read(jaxpr, constants, graph.inputs, _Around(), None)
    return graph


class _Around(NamedTuple):
    """What is known of the operations of a call."""

    scopes: tuple[str, ...] = ()
    source: str | None = None  # of all of them, where JAX itself defines the function
    backward: bool = False


@dataclasses.dataclass
class _Builder:
    graph: Graph

    def read(
        self,
        jaxpr: Any,
        constants: Sequence[Any],
        inputs: Sequence[Operand],
        around: _Around,
        nodes: list[Node] | None,
    ) -> list[Operand]:
        """Add the operations of `jaxpr`: as steps, or to the `nodes` of the step that they belong to."""
        known: dict[Any, Operand] = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, array in zip(jaxpr.constvars, constants, strict=True):
            known[variable] = value = Value(variable.aval)
            self.graph.constants[value] = array

        def operand(atom: Any) -> Operand:
            return atom if isinstance(atom, core.Literal) else known[atom]

        for equation in jaxpr.eqns:
            operands = [operand(atom) for atom in equation.invars]
            outputs = self._add(equation, operands, around, nodes)
            known.update(zip(equation.outvars, outputs, strict=True))
        return [operand(atom) for atom in jaxpr.outvars]

    def _add(
        self,
        equation: Any,
        operands: list[Operand],
        around: _Around,
        nodes: list[Node] | None,
    ) -> list[Operand]:
        scopes, source = _joined(around.scopes, _scopes(equation)), around.source or _source(equation)
        backward = around.backward or _is_backward(equation)
        node = Node(equation.primitive, equation.params, operands, [], scopes, source, backward, equation.ctx)
        called = None if node.name in primitives.CONTROL else _called(equation)
        formula = None if called is None else _formula(node, called)
        if called is None or formula:
            node.outputs = [Value(v.aval) for v in equation.outvars]
            node.graphs = (formula,) if formula else tuple(build(inner) for inner in _inner(equation))
            if nodes is None:
                self.graph.steps.append(Step(node, [node]))
            else:
                nodes.append(node)
            return list(node.outputs)
        if nodes is None and node.name != "jit":
            nodes = []
            self.graph.steps.append(Step(node, nodes))
        jaxpr, constants = _opened(called)
        inside = _Around(scopes, source if _is_of_jax(called) else None, backward)
        outputs = self.read(jaxpr, constants, operands, inside, nodes)
        # What is given back must be a value of its own step: an operand that is passed through stays what it was.
        node.outputs = [out if isinstance(out, Value) else Value(out.aval) for out in outputs]
        if _is_of_jax(called):
            self.graph.calls.append(Call(equation.params.get("name", "").lstrip("_"), operands, outputs))
        return outputs


def _formula(node: Node, called: Any) -> Graph | None:
    """Return what an elementwise function with a derivative rule does: one operation, whose rule must be kept."""
    if not node.name.startswith("custom_") or len(_opened(called)[0].outvars) != 1:
        return None
    inner = build(called)
    is_elementwise = all(
        inside.name in primitives.ELEMENTWISE or inside.graphs or _spreads_a_scalar(inside) for inside in inner.nodes()
    )
    return inner if is_elementwise else None


def _spreads_a_scalar(node: Node) -> bool:
    return node.name == "broadcast_in_dim" and shape_of(node.inputs[0]) == ()


def _opened(program: Any) -> tuple[Any, Sequence[Any]]:
    """Return (jaxpr, the arrays of its constants); newer versions of JAX keep both in one object."""
    return getattr(program, "jaxpr", program), getattr(program, "consts", ())


def _called(equation: Any) -> Any:
    """Return the program that an operation does on its own operands and returns, or None where it is no call."""
    programs = _inner(equation)
    if len(programs) != 1:
        return None
    jaxpr, _ = _opened(programs[0])
    fits = len(jaxpr.invars) == len(equation.invars) and len(jaxpr.outvars) == len(equation.outvars)
    return programs[0] if fits and jaxpr.outvars else None


def _inner(equation: Any) -> list[Any]:
    found = []
    for param in equation.params.values():
        for part in param if isinstance(param, tuple) else (param,):
            if isinstance(part, core.Jaxpr | core.ClosedJaxpr):
                found.append(part)
    return found


def _is_of_jax(program: Any) -> bool:
    """Whether JAX itself defines this function, so that lines inside tell its user nothing."""
    info = getattr(_opened(program)[0], "debug_info", None)
    return _JAX in (getattr(info, "func_src_info", None) or "")


def _scopes(equation: Any) -> tuple[str, ...]:
    """Return the modules that an operation stands in; `jnp.einsum` enters its formula as one."""
    stack = equation.source_info.name_stack.stack
    return tuple(entry.name for entry in stack if type(entry).__name__ == "Scope" and "->" not in entry.name)


def _is_backward(equation: Any) -> bool:
    """Whether JAX's transposition has made an operation: part of a gradient that the function takes itself."""
    stack = equation.source_info.name_stack.stack
    return any(type(entry).__name__ == "Transform" and entry.name == "transpose" for entry in stack)


def _joined(outer: tuple[str, ...], inner: tuple[str, ...]) -> tuple[str, ...]:
    return inner if inner[: len(outer)] == outer else outer + inner


def _source(equation: Any) -> str:
    """Return the innermost line that is neither JAX's nor ours."""
    for file, line in _frames(equation):
        if not file.startswith((_JAX, _HERE)):
            return f"{_short(file)}:{line}"
    return "?"


def _frames(equation: Any) -> Iterable[tuple[str, int]]:
    traceback = equation.source_info.traceback
    return ((frame.file_name, frame.line_num) for frame in (traceback.frames if traceback is not None else ()))


def _short(file: str) -> str:
    here = os.getcwd() + os.sep
    return file.removeprefix(here)

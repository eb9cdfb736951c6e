"""What JAX's primitive operations are, by name: elementwise, linear, control flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from relubench.lazy import special

#: Elementwise functions of one array, as NumPy computes them: each is smooth, its slope nowhere 0 over an interval.
SMOOTH: dict[str, Callable[..., Any]] = {
    "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh, "atan": np.arctan,
    "atanh": np.arctanh, "cbrt": np.cbrt, "cos": np.cos, "cosh": np.cosh, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2, "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square, "tan": np.tan, "tanh": np.tanh,
    "digamma": lambda x: special.digamma(x), "lgamma": lambda x: special.gammaln(x),
    "erf": lambda x: special.erf(x), "erfc": lambda x: special.erfc(x), "erf_inv": lambda x: special.erfinv(x),
    "logistic": lambda x: special.expit(x), "one_minus_square": lambda x: 1 - x * x,
}  # fmt: skip

#: What passes a number on, whole or rounded.
SAME = frozenset(
    {"copy", "copy_p", "name", "optimization_barrier", "pcast", "pvary", "real", "reduce_precision", "reshard",
     "sharding_constraint", "layout_constraint", "device_put", "mesh_cast", "stop_gradient"}
)  # fmt: skip

#: Functions of one array whose slope is 0 or does not exist: nothing flows through them.
STEPS: dict[str, Callable[..., Any]] = {
    "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "round": np.round, "is_finite": np.isfinite,
    "not": np.logical_not,
    "eq": np.equal, "ne": np.not_equal, "ge": np.greater_equal, "gt": np.greater, "le": np.less_equal, "lt": np.less,
    "and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor,
}  # fmt: skip

#: Functions of two arrays.
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "rem": np.fmod, "atan2": np.arctan2, "nextafter": np.nextafter,
}  # fmt: skip

OTHERS = frozenset(
    {"abs", "neg", "integer_pow", "convert_element_type", "select_n", "clamp", "imag", "conj", "complex",
     "bitcast_convert_type", "population_count", "clz", "shift_left", "shift_right_logical",
     "shift_right_arithmetic", "polynomial", "igamma", "igammac", "bessel_i0e", "bessel_i1e"}
)  # fmt: skip

ELEMENTWISE = SAME | frozenset(SMOOTH) | frozenset(STEPS) | frozenset(ARITHMETIC) | OTHERS

#: Loops, branches and devices' parts: what they hold is read on its own.
CONTROL = frozenset({"scan", "cond", "while", "shard_map", "pallas_call", "custom_linear_solve"})

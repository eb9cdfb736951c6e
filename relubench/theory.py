"""Closed forms and exact oracles: what must come out, without training anything. Plain NumPy, float64."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

#: A unit whose largest z lies within this of 0, relative to |w||x| + |b|, is a tie: reported, not compared.
TIE = 1e-9


def support(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return max over inputs x [examples, features] of w.x for each unit of `weights` [features, units]: [units].

    It depends on x through its convex hull only. A first-layer ReLU unit is dead on x exactly if its support is
    <= -b.
    """
    return (x @ weights).max(0)


def ties(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Whether each unit's largest pre-activation is too close to 0 for float64 to give its sign. [units] bool."""
    scale = np.linalg.norm(weights, axis=0) * np.linalg.norm(x, axis=1).max() + np.abs(bias)
    return np.abs(support(x, weights) + bias) <= TIE * scale


def hull_margin(x: np.ndarray) -> float:
    """Return how deep 0 lies in the convex hull of x [examples, features]: > 0 inside, 0 on the boundary, < 0 outside.

    It is the largest t such that every direction w with max |w_j| = 1 has an input with w.x >= t, up to the shape of
    the ball: its sign is exact. Computed by linear programmes, one a facet of the ball (2 * features).
    """
    examples, features = x.shape
    worst = math.inf
    for place in range(features):
        for sign in (1.0, -1.0):
            # minimise t over (w, t): w.x_i <= t for all i, |w_j| <= 1, w_place = sign
            bounds = [(-1.0, 1.0)] * features + [(None, None)]
            bounds[place] = (sign, sign)
            solution = linprog(
                np.append(np.zeros(features), 1.0),
                A_ub=np.hstack([x, -np.ones((examples, 1))]),
                b_ub=np.zeros(examples),
                bounds=bounds,
            )
            worst = min(worst, float(solution.fun))
    return worst


class Rates(NamedTuple):
    """The learning rates at which one step kills each unit: from `low` to `high`, ends included; NaN for never."""

    low: np.ndarray  # [units]
    high: np.ndarray  # [units], infinite where no rate is too large


def deadly_rates(z: np.ndarray, d: np.ndarray) -> Rates:
    """Return the rates >= 0 at which one full-batch SGD step leaves each first-layer unit dead.

    z [examples, units] are the pre-activations before the step; the step at rate r moves them to z - r d, where
    d = x (dL/dw) + dL/db. Every z - r d <= 0 means r >= z/d where d > 0, r <= z/d where d < 0, and z <= 0 where
    d = 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = z / d
    low = np.where(d > 0, ratio, -np.inf).max(0)
    high = np.where(d < 0, ratio, np.inf).min(0)
    low = np.maximum(low, 0.0)
    never = (low > high) | ((z > 0) & (d == 0)).any(0)
    return Rates(np.where(never, np.nan, low), np.where(never, np.nan, high))


def born_dead_bound(width: int, hidden_layers: int) -> float:
    """Return an upper bound of the probability that a ReLU network is born dead (Lu et al. 2020, theorem 3.3).

    1-D input, symmetric weights, zero bias: P <= 1 - (1 - 2^-width)^hidden_layers, with equality for one input.
    """
    return 1 - (1 - 2.0**-width) ** hidden_layers


def dead_on_two_inputs(cosine: float) -> float:
    """Return the probability that a Gaussian unit is dead on two inputs: 1/4 + asin(cosine) / 2 pi.

    The cosine is that of the inputs with the bias's 1 appended (scaled by the bias's standard deviation over the
    weights'). It is the orthant probability of two normal variables of that correlation (Sheppard 1899).
    """
    return 0.25 + math.asin(cosine) / (2 * math.pi)


def length_dispersion(widths: Sequence[int]) -> float:
    """Return E[M^2] / E[M]^2 of the mean square M of the last hidden activations: the product of (1 + 5/n).

    He Gaussian weights, zero bias, one input (Hanin & Rolnick 2018, theorem 5).
    """
    return math.prod(1 + 5 / width for width in widths)


def off_everywhere(
    weights: np.ndarray, bias: np.ndarray, next_weights: np.ndarray, next_bias: np.ndarray
) -> np.ndarray:
    """Return which second-layer ReLU units are off on all of R^inputs, decided exactly: [units] bool.

    `weights` [inputs, hidden] and `bias` [hidden] of the first layer, in general position; `next_weights`
    [hidden, units] and `next_bias` [units]. A unit's pre-activation is linear on each region of the first layer's
    planes. So it is at most 0 everywhere if and only if it is so at every vertex, where as many planes meet as there
    are inputs, and rises along no ray, which is where all but one of these planes meet, taken through 0. Rounding
    lifts what is 0 there by a hair, which tips no sign: a weight above 0 with nothing else on shows on another ray.
    """
    if weights.shape[0] > weights.shape[1]:  # the planes do not meet in points: it varies in their normals' span alone
        weights = np.linalg.qr(weights).R
    inputs, hidden = weights.shape
    off = np.ones(len(next_bias), bool)
    for planes in map(list, itertools.combinations(range(hidden), inputs)):
        vertex = np.linalg.solve(weights[:, planes].T, -bias[planes])
        off &= np.maximum(vertex @ weights + bias, 0) @ next_weights + next_bias <= 0
    for planes in map(list, itertools.combinations(range(hidden), inputs - 1)):
        ray = np.linalg.svd(weights[:, planes].T)[2][-1]
        for direction in (ray, -ray):
            off &= np.maximum(direction @ weights, 0) @ next_weights <= 0
    return off


def off_probability(inputs: int, hidden: int) -> float:
    """Return the probability that a second-layer unit is off on all of R^inputs (Brownlowe et al. 2024).

    Weights and biases symmetric about 0 and continuous. With as many hidden units as inputs or fewer, any activations
    can come up: the unit's weights and its bias must all be negative. It is known for one hidden unit more, too.
    """
    if hidden <= inputs:
        return 2.0 ** -(hidden + 1)
    if hidden == inputs + 1:
        return (2.0**inputs + 1) / 4.0 ** (inputs + 1)
    raise ValueError(
        f"hidden={hidden}: the probability is known for up to {inputs + 1} hidden units on {inputs} inputs"
    )

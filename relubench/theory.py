"""Closed forms and exact oracles: what must come out, without training anything. Plain NumPy, float64."""

from __future__ import annotations

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

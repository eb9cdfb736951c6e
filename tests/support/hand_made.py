"""A training in plain NumPy for the oracles of the remedies: three affine layers, gradients and activations at random.

It shares with relubench only the fresh draws: those of step t (from 1) and layer n come from the key folded with t, n.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from relubench.optim import remedies

SHAPES = [(3, 6), (6, 5), (5, 2)]
KEY = jax.random.key(7)
RATE = 0.1
#: Parameters of another library: kernels [out, in], in a dict, beside a parameter of no affine layer.
FOREIGN = remedies.AffineLayers(
    get=lambda tree: [(tree[name]["w"].T, tree[name]["b"]) for name in ("first", "second", "head")],
    set=lambda tree, layers: (
        tree | {n: {"w": w.T, "b": b} for n, (w, b) in zip(("first", "second", "head"), layers, strict=True)}
    ),
)


def foreign(layers):
    """Return parameters of another library with these layers."""
    return FOREIGN.set({"temperature": np.ones(())}, layers)


class Story(NamedTuple):
    """What happens at each step; layers are lists of (kernel, bias)."""

    start: list
    gradients: list
    activations: list  # one [examples, units] a hidden layer


def make_story(seed, steps, silent=0.4):
    """Return a story in which a share of the units is silent at each step, and some more are nearly so."""
    draw = np.random.default_rng(seed)

    def layers():
        return [(draw.normal(size=shape), draw.normal(size=shape[-1])) for shape in SHAPES]

    def activations():
        return [
            np.maximum(draw.normal(size=(4, units)), 0)
            * draw.choice([0, 1e-2, 1], units, p=[silent, 0.2, 0.8 - silent])
            for _, units in SHAPES[:-1]
        ]

    return Story(layers(), [layers() for _ in range(steps)], [activations() for _ in range(steps)])


def initialize(key, layer, shape):
    """Draw around the layer's number, so that no draw of a layer can be taken for another's: quickly compiled."""
    step, shift = jax.random.key_data(key) | 1
    kernel = jnp.arange(1, math.prod(shape) + 1, dtype=step.dtype) * step
    bias = jnp.arange(1, shape[-1] + 1, dtype=step.dtype) * shift
    kernel, bias = (leaf.astype(jnp.result_type(float)) / 2.0**32 for leaf in (kernel, bias))
    return layer - 2 * kernel.reshape(shape), bias - layer


def fresh(step, layer):
    """Return the draw of a layer (from 1) after update `step` (from 1)."""
    drawn = initialize(jax.random.fold_in(jax.random.fold_in(KEY, step), layer), layer, SHAPES[layer - 1])
    return tuple(np.array(leaf) for leaf in drawn)


class Sgd:
    """w -= rate * g."""

    optax = optax.sgd(RATE)

    def __init__(self, start):
        self.moments = []  # lists of (kernel, bias), like the parameters

    def step(self, layers, gradients, t):
        for layer, gradient in zip(layers, gradients, strict=True):
            for value, g in zip(layer, gradient, strict=True):
                value -= RATE * g


def promoting(rule):
    """Return a transformation of optax's that may mix types: its Adam raises a float to a whole number."""

    def update(updates, state, params=None, **extra):
        with jax.numpy_dtype_promotion("standard"):
            return optax.with_extra_args_support(rule).update(updates, state, params, **extra)

    return optax.GradientTransformationExtraArgs(rule.init, update)


class Adam:
    """Kingma & Ba 2015, algorithm 1."""

    optax = promoting(optax.adam(RATE))

    def __init__(self, start):
        self.moments = [[tuple(np.zeros_like(leaf) for leaf in layer) for layer in start] for _ in range(2)]

    def step(self, layers, gradients, t):
        for n, (layer, gradient) in enumerate(zip(layers, gradients, strict=True)):
            for leaf, (value, g) in enumerate(zip(layer, gradient, strict=True)):
                first, second = self.moments[0][n][leaf], self.moments[1][n][leaf]
                first[...] = 0.9 * first + 0.1 * g
                second[...] = 0.999 * second + 0.001 * g**2
                value -= RATE * first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)


INNERS = [Sgd, Adam]


def by_hand(story, inner, act):
    """Train in NumPy: the layers a step; `act(t, layers, moments, activations)` changes both after update t."""
    layers = [tuple(leaf.copy() for leaf in layer) for layer in story.start]
    optimizer, seen = inner(layers), []
    for t, (gradients, activations) in enumerate(zip(story.gradients, story.activations, strict=True), start=1):
        optimizer.step(layers, gradients, t)
        act(t, layers, optimizer.moments, activations)
        seen.append([tuple(leaf.copy() for leaf in layer) for layer in layers])
    return seen


def by_optax(story, rule, params=None):
    """Train with an optax transformation, compiled as one program: the parameters a step, and the last state."""
    params = jax.tree.map(jnp.asarray, story.start if params is None else params)
    params, state = jax.jit(functools.partial(train, rule))(params, stack(story))
    return [jax.tree.map(lambda leaf, t=t: np.asarray(leaf[t]), params) for t in range(len(story.gradients))], state


def stack(story):
    """Return the story's (gradients, activations) with the steps as the first axis of each array."""
    return jax.tree.map(lambda *steps: jnp.stack(steps), *zip(story.gradients, story.activations, strict=True))


def train(rule, params, stacked):
    """Return the parameters after each step, stacked, and the last state; may be traced."""

    def step(carry, now):
        params, state = carry
        updates, state = rule.update(now[0], state, params, activations=now[1])
        params = optax.apply_updates(params, updates)
        return (params, state), params

    (_, state), seen = jax.lax.scan(step, (params, rule.init(params)), stacked)
    return seen, state


def assert_same(actual, expected, rtol=1e-9, atol=0.0):
    """Compare two stories' parameters: exact zeros must be exact, everything else is to rounding."""
    compare = functools.partial(np.testing.assert_allclose, rtol=rtol, atol=atol)
    jax.tree.map(compare, actual, expected)


def redo(inner=Adam.optax, **settings):
    settings = {"tau": 0.05, "period": 3, "layers": remedies.PLAIN} | settings
    return remedies.redo(inner, initialize=initialize, key=KEY, **settings)


def continual_backprop(inner=Adam.optax, **settings):
    settings = {"replacement_rate": 0.3, "maturity": 2, "utility_decay": 0.8, "layers": remedies.PLAIN} | settings
    return remedies.continual_backprop(inner, initialize=initialize, key=KEY, **settings)


def rerandomize(inner=Adam.optax, **settings):
    settings = {"period": 3, "freeze": True, "order": "in_turn", "stage": 1, "layers": remedies.PLAIN} | settings
    return remedies.rerandomize(inner, initialize=initialize, key=KEY, **settings)


def regrama(inner=Adam.optax, **settings):
    settings = {"gradient_tau": 0.5, "period": 3, "layers": remedies.PLAIN} | settings
    return remedies.regrama(inner, initialize=initialize, key=KEY, **settings)


def shrink_and_perturb(inner=Adam.optax, **settings):
    settings = {"shrink": 0.8, "perturb": 0.3, "period": 3, "layers": remedies.PLAIN} | settings
    return remedies.shrink_and_perturb(inner, initialize=initialize, key=KEY, **settings)


def selective_weight_resets(inner=Adam.optax, **settings):
    settings = {"utility_threshold": 0.2, "period": 3, "layers": remedies.PLAIN} | settings
    return remedies.selective_weight_resets(inner, initialize=initialize, key=KEY, **settings)


def self_normalized_resets(inner=Adam.optax, **settings):
    settings = {"rejection": 0.3, "patience": 3, "layers": remedies.PLAIN} | settings
    return remedies.self_normalized_resets(inner, initialize=initialize, key=KEY, **settings)


def l2_init(inner=Adam.optax, **settings):
    return remedies.l2_init(inner, **({"strength": 0.3, "layers": remedies.PLAIN} | settings))


def overwritten(layers, moments, n, kernel_mask, bias_mask, values):
    """Set parameters of layer n (from 0) under masks to those of `values`, and their moments to 0."""
    for part, mask in enumerate((kernel_mask, bias_mask)):
        layers[n][part][mask] = values[part][mask]
        for moment in moments:
            moment[n][part][mask] = 0


def recycled(t, layers, moments, units):
    """Make hidden `units` (layer from 0, unit) anew: fresh incoming weights and bias, no outgoing ones, no moments."""
    for n, unit in units:
        kernel, bias = fresh(t, n + 1)
        layers[n][0][:, unit], layers[n][1][unit] = kernel[:, unit], bias[unit]
    for n, unit in units:
        layers[n + 1][0][unit] = 0
        for moment in moments:
            moment[n][0][:, unit], moment[n][1][unit], moment[n + 1][0][unit] = 0, 0, 0

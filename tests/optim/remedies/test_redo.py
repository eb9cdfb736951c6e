"""ReDo against the paper's algorithm as a NumPy loop over units, and what it promises."""

import functools

import jax
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hand_made import (
    SHAPES,
    Adam,
    Sgd,
    assert_same,
    by_hand,
    by_optax,
    fresh,
    make_story,
    recycled,
    redo,
    stack,
    train,
)


def recycle(tau, period):
    """Return one round of the paper's algorithm 1, unit by unit."""

    def act(t, layers, moments, activations):
        if t % period:
            return
        dormant = [
            (n, unit)
            for n, h in enumerate(activations)
            for unit in range(h.shape[1])
            if np.abs(h[:, unit]).mean() <= tau * np.abs(h).mean()
        ]
        recycled(t, layers, moments, dormant)

    return act


@pytest.mark.parametrize(("inner", "tau", "period"), [(Sgd, 0.05, 3), (Adam, 0.0, 1), (Adam, 0.6, 2)])
def test_redo_is_the_algorithm_of_the_paper(inner, tau, period):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=10)
        trained, _ = by_optax(story, redo(inner.optax, tau=tau, period=period))
        expected = by_hand(story, inner, recycle(tau, period))
        assert any((layers[1][0] == 0).any() for layers in expected)  # something was recycled
        assert_same(trained, expected)


def test_a_layer_that_is_silent_as_a_whole_is_recycled_as_a_whole():
    with jax.enable_x64(True):
        story = make_story(seed=2, steps=3)
        story.activations[2][0] = np.zeros_like(story.activations[2][0])
        trained, _ = by_optax(story, redo(Sgd.optax, tau=0.0))
        kernel, bias = fresh(3, 1)
        np.testing.assert_allclose(trained[-1][0][0], kernel, rtol=1e-12)
        np.testing.assert_allclose(trained[-1][0][1], bias, rtol=1e-12)
        assert not trained[-1][1][0].any()


def output(layers, x):
    for kernel, bias in layers[:-1]:
        x = np.maximum(x @ kernel + bias, 0)
    return x @ layers[-1][0] + layers[-1][1]


@functools.cache
def compiled():
    """Return one step that leaves everything as it is but for ReDo with tau = 0."""
    return jax.jit(functools.partial(train, redo(optax.set_to_zero(), tau=0.0, period=1)))


@given(seed=st.integers(0, 10**6))
def test_recycling_silent_units_leaves_the_output_as_it_was(seed):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(4, SHAPES[0][0])).astype(np.float32)
    story = make_story(seed, steps=1)
    start = [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in story.start]
    hidden = [x]
    for kernel, bias in start[:-1]:
        hidden.append(np.maximum(hidden[-1] @ kernel + bias, 0))
    stacked = stack(story._replace(activations=[hidden[1:]]))
    after = jax.tree.map(lambda leaf: np.asarray(leaf[0]), compiled()(start, stacked)[0])
    np.testing.assert_array_equal(output(after, x), output(start, x))

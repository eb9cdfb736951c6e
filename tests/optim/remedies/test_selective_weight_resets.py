"""Selective weight resets against NumPy."""

import jax
import numpy as np
import pytest

from tests.support.hand_made import (
    Adam,
    Sgd,
    assert_same,
    by_hand,
    by_optax,
    fresh,
    make_story,
    overwritten,
    selective_weight_resets,
)


@pytest.mark.parametrize(("inner", "threshold", "period"), [(Sgd, 0.2, 3), (Adam, 0.1, 1), (Adam, 0.5, 2)])
def test_parameters_of_little_use_are_drawn_anew(inner, threshold, period):
    story, reset = make_story(seed=1, steps=8), []
    before = [tuple(leaf.copy() for leaf in layer) for layer in story.start]

    def act(t, layers, moments, activations):
        for n, gradient in enumerate(story.gradients[t - 1]):
            use = [np.abs(w * g) for w, g in zip(before[n], gradient, strict=True)]
            masks = [(t % period == 0) & (u <= threshold * u.mean()) for u in use]
            overwritten(layers, moments, n, *masks, fresh(t, n + 1))
            reset.append(sum(mask.sum() for mask in masks))
        before[:] = [tuple(leaf.copy() for leaf in layer) for layer in layers]

    with jax.enable_x64(True):
        expected = by_hand(story, inner, act)
        assert sum(reset) > 10
        rule = selective_weight_resets(inner.optax, utility_threshold=threshold, period=period)
        assert_same(by_optax(story, rule)[0], expected)

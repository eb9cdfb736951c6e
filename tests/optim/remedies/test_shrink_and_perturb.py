"""Shrink and perturb against NumPy."""

import jax
import pytest

from tests.support.hand_made import Adam, Sgd, assert_same, by_hand, by_optax, fresh, make_story, shrink_and_perturb


@pytest.mark.parametrize(("inner", "shrink", "perturb", "period"), [(Sgd, 0.8, 0.3, 3), (Adam, 0.5, 0.0, 1)])
def test_every_parameter_shrinks_and_gets_a_share_of_a_fresh_draw(inner, shrink, perturb, period):
    def act(t, layers, moments, activations):
        if t % period == 0:
            for n, layer in enumerate(layers, start=1):
                for value, drawn in zip(layer, fresh(t, n), strict=True):
                    value[...] = shrink * value + perturb * drawn

    with jax.enable_x64(True):
        story = make_story(seed=1, steps=8)
        trained, _ = by_optax(story, shrink_and_perturb(inner.optax, shrink=shrink, perturb=perturb, period=period))
        assert_same(trained, by_hand(story, inner, act))  # the moments go on

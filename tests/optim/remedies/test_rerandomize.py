"""Re-drawing weights that are not positive against the rule as a NumPy loop, and the layers' turns."""

import jax
import numpy as np
import pytest

from tests.support.hand_made import INNERS, SHAPES, Sgd, assert_same, by_hand, by_optax, fresh, make_story, rerandomize

STEPS = 13


def redraw(period):
    def act(t, layers, moments, activations):
        if t % period:
            return
        for n, _ in enumerate(SHAPES[:-1]):
            kernel = layers[n][0]
            for place in np.argwhere(kernel <= 0):
                kernel[tuple(place)] = fresh(t, n + 1)[0][tuple(place)]
                for moment in moments:
                    moment[n][0][tuple(place)] = 0

    return act


@pytest.mark.parametrize("inner", INNERS)
def test_every_hidden_weight_that_is_not_positive_is_drawn_anew_after_a_period(inner):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=STEPS)
        trained, _ = by_optax(story, rerandomize(inner.optax, period=4, freeze=False))
        assert_same(trained, by_hand(story, inner, redraw(period=4)))


def test_in_each_period_the_next_layer_stands_still():
    period = 2
    story = make_story(seed=2, steps=STEPS)
    trained, _ = by_optax(story, rerandomize(period=period))
    before = [story.start, *trained[:-1]]
    for t, (old, new) in enumerate(zip(before, trained, strict=True)):
        for n in range(len(SHAPES)):
            moved = [not np.array_equal(np.float32(a), np.float32(b)) for a, b in zip(old[n], new[n], strict=True)]
            assert moved == [n != t // period % len(SHAPES)] * 2


def test_a_frozen_layer_is_not_drawn_anew_and_the_others_are():
    with jax.enable_x64(True):
        story = make_story(seed=3, steps=1)
        trained, _ = by_optax(story, rerandomize(Sgd.optax, period=1))
        frozen, free = trained[0][0][0], trained[0][1][0]
        np.testing.assert_array_equal(frozen, story.start[0][0])
        assert (frozen <= 0).any()
        moved = by_hand(story, Sgd, lambda *_: None)[0][1][0]
        np.testing.assert_allclose(free, np.where(moved <= 0, fresh(1, 2)[0], moved), rtol=1e-9)

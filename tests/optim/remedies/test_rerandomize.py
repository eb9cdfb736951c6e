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


def still(story, **settings):
    """Return which layers stood still at each update."""
    trained, _ = by_optax(story, rerandomize(**settings))

    def same(old, new):
        leaves = [np.array_equal(np.float32(a), np.float32(b)) for a, b in zip(old, new, strict=True)]
        assert len(set(leaves)) == 1, "kernel and bias stand still together"
        return leaves[0]

    pairs = zip([story.start, *trained[:-1]], trained, strict=True)
    return [[n for n, layer in enumerate(zip(*pair, strict=True)) if same(*layer)] for pair in pairs]


@pytest.mark.parametrize("stage", [1, 2])
def test_after_each_stage_the_next_layer_stands_still(stage):
    frozen = still(make_story(seed=2, steps=STEPS), period=2, stage=stage)
    assert frozen == [[t // 2 // stage % len(SHAPES)] for t in range(STEPS)]


@pytest.mark.parametrize("stage", [1, 2])
def test_progressive_freezing_takes_one_layer_more_from_the_input_and_never_the_output(stage):
    frozen = still(make_story(seed=2, steps=STEPS), period=2, order="progressive", stage=stage)
    assert frozen == [list(range(min(t // 2 // stage, len(SHAPES) - 1))) for t in range(STEPS)]


def test_a_frozen_layer_is_not_drawn_anew_and_the_others_are():
    with jax.enable_x64(True):
        story = make_story(seed=3, steps=1)
        trained, _ = by_optax(story, rerandomize(Sgd.optax, period=1))
        frozen, free = trained[0][0][0], trained[0][1][0]
        np.testing.assert_array_equal(frozen, story.start[0][0])
        assert (frozen <= 0).any()
        moved = by_hand(story, Sgd, lambda *_: None)[0][1][0]
        np.testing.assert_allclose(free, np.where(moved <= 0, fresh(1, 2)[0], moved), rtol=1e-9)

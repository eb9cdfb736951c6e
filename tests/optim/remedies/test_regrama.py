"""ReGraMa against a NumPy loop over units."""

import jax
import numpy as np
import pytest

from tests.support.hand_made import Adam, Sgd, assert_same, by_hand, by_optax, make_story, recycled, regrama


def recycle(story, tau, period):
    def act(t, layers, moments, activations):
        if t % period:
            return
        kernels = [kernel for kernel, _ in story.gradients[t - 1][:-1]]
        inactive = [
            (n, unit)
            for n, kernel in enumerate(kernels)
            for unit in range(kernel.shape[1])
            if np.abs(kernel[:, unit]).mean() <= tau * np.abs(kernel).mean()
        ]
        recycled(t, layers, moments, inactive)

    return act


@pytest.mark.parametrize(("inner", "tau", "period"), [(Sgd, 0.7, 3), (Adam, 0.9, 1), (Adam, 1.0, 2)])
def test_units_of_small_gradient_are_made_anew(inner, tau, period):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=8)
        trained, _ = by_optax(story, regrama(inner.optax, gradient_tau=tau, period=period))
        expected = by_hand(story, inner, recycle(story, tau, period))
        assert any((layers[1][0] == 0).any() for layers in expected)
        assert_same(trained, expected)


def test_a_unit_that_no_example_moves_is_reset_whatever_the_threshold():
    with jax.enable_x64(True):
        story = make_story(seed=2, steps=1)
        story.gradients[0][0][0][:, 4] = 0
        trained, _ = by_optax(story, regrama(Sgd.optax, gradient_tau=0.0, period=1))
        gone = [not trained[-1][1][0][unit].any() for unit in range(6)]
        assert gone == [False, False, False, False, True, False]

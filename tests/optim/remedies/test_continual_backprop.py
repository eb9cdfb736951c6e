"""Continual backprop against the paper's algorithm as a NumPy loop over units, and what it promises."""

import jax
import jax.numpy as jnp
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
    continual_backprop,
    fresh,
    make_story,
)


class Replace:
    """The paper's algorithm 1, layer by layer and unit by unit, after each update."""

    def __init__(self, rate, maturity, decay):
        self.rate, self.maturity, self.decay = rate, maturity, decay
        self.utility = [np.zeros(units) for _, units in SHAPES[:-1]]
        self.age = [np.zeros(units, int) for _, units in SHAPES[:-1]]
        self.owed = [0.0 for _ in SHAPES[:-1]]
        self.replaced = []  # (step, layer, unit)

    def __call__(self, t, layers, moments, activations):
        for n, h in enumerate(activations):
            self.age[n] += 1
            for unit in range(h.shape[1]):
                now = np.mean(np.abs(h[:, unit])) * np.sum(np.abs(layers[n + 1][0][unit]))
                self.utility[n][unit] = self.decay * self.utility[n][unit] + (1 - self.decay) * now
            mature = [unit for unit in range(h.shape[1]) if self.age[n][unit] > self.maturity]
            self.owed[n] += self.rate * len(mature)
            while self.owed[n] >= 1:
                unit = min(mature, key=lambda unit: self.utility[n][unit])
                mature.remove(unit)
                self.make_anew(t, n, unit, layers, moments)
                self.owed[n] -= 1

    def make_anew(self, t, n, unit, layers, moments):
        kernel, bias = fresh(t, n + 1)
        layers[n][0][:, unit], layers[n][1][unit], layers[n + 1][0][unit] = kernel[:, unit], bias[unit], 0
        for moment in moments:
            moment[n][0][:, unit], moment[n][1][unit], moment[n + 1][0][unit] = 0, 0, 0
        self.utility[n][unit], self.age[n][unit] = 0, 0
        self.replaced.append((t, n, unit))


@pytest.mark.parametrize(
    ("inner", "rate", "maturity", "decay"), [(Sgd, 0.3, 2, 0.8), (Adam, 0.05, 0, 0.99), (Adam, 1.0, 3, 0.5)]
)
def test_continual_backprop_is_the_algorithm_of_the_paper(inner, rate, maturity, decay):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=15)
        algorithm = Replace(rate, maturity, decay)
        expected = by_hand(story, inner, algorithm)
        rule = continual_backprop(inner.optax, replacement_rate=rate, maturity=maturity, utility_decay=decay)
        trained, state = by_optax(story, rule)
        assert len(algorithm.replaced) > 2
        assert_same(trained, expected)
        for n, record in enumerate(state.hidden):
            np.testing.assert_allclose(record.utility, algorithm.utility[n], rtol=1e-9)
            np.testing.assert_array_equal(record.age, algorithm.age[n])
            np.testing.assert_allclose(record.owed, algorithm.owed[n], atol=1e-9)


@jax.jit
def ages(rate, maturity):
    """Return the ages of the first layer's units after each of 30 steps: [30, units]."""
    rule, story = continual_backprop(replacement_rate=rate, maturity=maturity), make_story(seed=3, steps=1)
    start, gradient, activations = jax.tree.map(jnp.asarray, (story.start, story.gradients[0], story.activations[0]))

    def step(state, _):
        _, state = rule.update(gradient, state, start, activations=activations)
        return state, state.hidden[0].age

    return jax.lax.scan(step, rule.init(start), length=30)[1]


@given(eighths=st.integers(0, 8), maturity=st.integers(0, 10))
def test_only_mature_units_are_replaced_and_as_many_as_the_rate_says(eighths, maturity):
    seen = np.asarray(ages(eighths / 8, maturity))
    before = np.vstack([np.zeros_like(seen[:1]), seen[:-1]]) + 1
    replaced, mature = seen == 0, before > maturity
    np.testing.assert_array_equal(np.where(replaced, 0, before), seen)
    assert not (replaced & ~mature).any()
    np.testing.assert_array_equal(np.cumsum(replaced.sum(1)), np.cumsum(mature.sum(1)) * eighths // 8)


def test_a_unit_without_outgoing_weights_is_the_least_useful_however_large_its_activations():
    story = make_story(seed=4, steps=1)
    story.start[1][0][2] = 0
    story.activations[0][:] = [np.full_like(h, np.finfo(np.float32).max) for h in story.activations[0]]
    rule = continual_backprop(optax.set_to_zero(), replacement_rate=0.2, maturity=0)
    (trained,), _ = by_optax(story, rule)
    changed = (trained[0][0] != story.start[0][0].astype(np.float32)).any(0)
    assert np.flatnonzero(changed).tolist() == [2]

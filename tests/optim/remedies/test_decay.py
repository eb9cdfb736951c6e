"""Decay of weights and biases against a plain NumPy step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from relubench.errors import UserError
from relubench.optim import remedies
from tests.support.hand_made import FOREIGN, INNERS, assert_same, by_hand, by_optax, foreign, make_story

WEIGHTS, BIASES = 0.3, 0.7
each_inner = pytest.mark.parametrize("inner", INNERS)


def decayed(inner):
    """Return a NumPy optimiser that adds the decays to the gradients first."""

    class Decayed(inner):
        def step(self, layers, gradients, t):
            pairs = zip(layers, gradients, strict=True)
            total = [(dw + WEIGHTS * w, db + BIASES * b) for (w, b), (dw, db) in pairs]
            super().step(layers, total, t)

    return Decayed


def chain(layers, inner):
    return optax.chain(remedies.decay(layers=layers, weights=WEIGHTS, biases=BIASES), inner.optax)


@each_inner
def test_decay_adds_its_share_of_weights_and_of_biases_to_the_gradient(inner):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=4)
        trained, _ = by_optax(story, chain(remedies.PLAIN, inner))
        assert_same(trained, by_hand(story, decayed(inner), lambda *_: None))


@each_inner
def test_decay_works_on_any_tree_and_leaves_what_is_no_affine_layers(inner):
    with jax.enable_x64(True):
        story = make_story(seed=2, steps=4)
        other = story._replace(
            gradients=[foreign(layers) | {"temperature": np.zeros(())} for layers in story.gradients]
        )
        trained, _ = by_optax(other, chain(FOREIGN, inner), params=foreign(story.start))
        assert_same([FOREIGN.get(params) for params in trained], by_hand(story, decayed(inner), lambda *_: None))
        assert trained[-1]["temperature"] == 1


def test_decay_does_not_ask_that_the_next_layer_has_an_input_a_unit():
    params = [(jnp.ones((2, 3)), jnp.ones(3)), (jnp.ones((12, 2)), jnp.ones(2))]  # flattened in between
    rule = remedies.decay(layers=remedies.PLAIN, weights=WEIGHTS, biases=BIASES)
    updates, _ = rule.update(jax.tree.map(jnp.zeros_like, params), rule.init(params), params)
    expected = [(np.full(w.shape, WEIGHTS), np.full(b.shape, BIASES)) for w, b in params]
    assert_same(updates, expected, rtol=1e-6)


def test_decay_without_parameters_is_refused():
    rule, story = remedies.decay(layers=remedies.PLAIN, weights=WEIGHTS, biases=BIASES), make_story(seed=3, steps=1)
    state = rule.init(story.start)
    with pytest.raises(UserError, match="params=None"):
        rule.update(story.gradients[0], state)

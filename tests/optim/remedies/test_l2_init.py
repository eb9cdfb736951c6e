"""L2 Init against NumPy, and against the gradient of the loss that it stands for."""

import jax
import jax.numpy as jnp
import optax
import pytest

from tests.support.hand_made import Adam, Sgd, assert_same, by_optax, l2_init, make_story


@pytest.mark.parametrize("inner", [Sgd, Adam])
def test_parameters_are_pulled_to_where_they_began(inner):
    with jax.enable_x64(True):
        story = make_story(seed=1, steps=8)
        layers = [tuple(leaf.copy() for leaf in layer) for layer in story.start]
        optimizer, expected = inner(layers), []
        for t, gradients in enumerate(story.gradients, start=1):
            pulled = [
                tuple(g + 2 * 0.3 * (w - w0) for g, w, w0 in zip(*three, strict=True))
                for three in zip(gradients, layers, story.start, strict=True)
            ]
            optimizer.step(layers, pulled, t)
            expected.append([tuple(leaf.copy() for leaf in layer) for layer in layers])
        assert_same(by_optax(story, l2_init(inner.optax, strength=0.3))[0], expected)


def test_it_is_the_gradient_of_the_squared_distance():
    story = make_story(seed=2, steps=2)
    start = jax.tree.map(jnp.asarray, story.start)
    moved = jax.tree.map(lambda w: w + 0.5, start)

    def distance(params):
        return 0.1 * sum(jnp.sum((w - w0) ** 2) for w, w0 in zip(*map(jax.tree.leaves, (params, start)), strict=True))

    rule = l2_init(optax.sgd(1.0), strength=0.1)
    nothing = jax.tree.map(jnp.zeros_like, start)
    step, _ = rule.update(nothing, rule.init(start), moved)
    assert_same(jax.tree.map(lambda u: -u, step), jax.grad(distance)(moved), rtol=1e-5)

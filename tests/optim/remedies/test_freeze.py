"""Layers that stand still."""

import jax
import numpy as np
import optax
import pytest

from relubench.errors import UserError
from relubench.optim import remedies
from tests.support.hand_made import INNERS, by_optax, make_story, redo


@pytest.mark.parametrize("inner", INNERS)
@pytest.mark.parametrize("frozen", [[], [1], [3, 2]])
def test_a_frozen_layer_keeps_its_bits_and_the_others_move_as_without_it(frozen, inner):
    story = make_story(seed=1, steps=4)
    trained, _ = by_optax(story, remedies.freeze(inner.optax, layers=remedies.PLAIN, frozen=frozen))
    free, _ = by_optax(story, inner.optax)
    start = jax.tree.map(np.float32, story.start)
    for n, (layer, unfrozen, old) in enumerate(zip(trained[-1], free[-1], start, strict=True), start=1):
        jax.tree.map(np.testing.assert_array_equal, layer, old if n in frozen else unfrozen)


def test_neither_decay_nor_a_remedy_moves_a_frozen_layer():
    story = make_story(seed=2, steps=4)
    inner = redo(optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1)), tau=10.0, period=2)
    trained, _ = by_optax(story, remedies.freeze(inner, layers=remedies.PLAIN, frozen=[2]))
    jax.tree.map(np.testing.assert_array_equal, trained[-1][1], jax.tree.map(np.float32, story.start[1]))
    assert not np.array_equal(trained[-1][0][0], np.float32(story.start[0][0]))


def test_a_frozen_layer_does_not_count_in_the_norm_that_is_clipped():
    story = make_story(seed=3, steps=1)
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
    trained, _ = by_optax(story, remedies.freeze(rule, layers=remedies.PLAIN, frozen=[1, 2]))
    steps = [new - np.float32(old) for new, old in zip(trained[0][2], story.start[2], strict=True)]
    assert sum((step**2).sum() for step in steps) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("frozen", [[0], [4], [1, 7]])
def test_a_layer_that_is_not_there_is_refused(frozen):
    rule = remedies.freeze(optax.sgd(0.1), layers=remedies.PLAIN, frozen=frozen)
    with pytest.raises(UserError, match="takes 1 to 3"):
        by_optax(make_story(seed=4, steps=1), rule)

"""Self-normalized resets against a NumPy loop over units."""

import jax
import numpy as np
import pytest

from tests.support.hand_made import (
    Adam,
    Sgd,
    assert_same,
    by_hand,
    by_optax,
    make_story,
    recycled,
    self_normalized_resets,
)


class Watched:
    """One unit: the silence it is in, and the lengths of those that have ended."""

    def __init__(self):
        self.silence, self.ended = 0, []

    def is_reset(self, fires, rejection, patience):
        if fires:
            self.ended += [self.silence] if self.silence else []
            self.silence = 0
            return False
        self.silence += 1
        if self.ended:
            too_long = (1 - 1 / np.mean(self.ended)) ** (self.silence - 1) <= rejection
        else:
            too_long = self.silence >= patience
        if too_long:
            self.ended.append(self.silence)
            self.silence = 0
        return too_long


@pytest.mark.parametrize(("inner", "rejection", "patience"), [(Sgd, 0.3, 3), (Adam, 0.05, 2), (Adam, 0.6, 5)])
def test_a_silence_that_is_too_long_for_a_unit_ends_in_a_reset(inner, rejection, patience):
    watched = {(n, unit): Watched() for n, units in enumerate((6, 5)) for unit in range(units)}
    resets = []

    def act(t, layers, moments, activations):
        rejected = [
            place
            for place, unit in watched.items()
            if unit.is_reset((activations[place[0]][:, place[1]] > 0).any(), rejection, patience)
        ]
        resets.extend(rejected)
        recycled(t, layers, moments, rejected)

    with jax.enable_x64(True):
        story = make_story(seed=1, steps=24, silent=0.6)
        rule = self_normalized_resets(inner.optax, rejection=rejection, patience=patience)
        trained, state = by_optax(story, rule)
        assert_same(trained, by_hand(story, inner, act))
        assert len(resets) > 3
        for n, record in enumerate(state.hidden):
            ours = [watched[n, unit] for unit in range(len(record.ended))]
            assert record.ended.tolist() == [len(unit.ended) for unit in ours]
            assert record.total.tolist() == [sum(unit.ended) for unit in ours]

"""Each epoch's order is a permutation, every one as likely as any other."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from relubench import config
from relubench.run import batches


def orders(examples, epochs, places=None, seed=0):
    """Return which examples stand at these places (all, if not given) in so many epochs: [epochs, places]."""
    places = jnp.arange(examples) if places is None else jnp.asarray(places)

    @jax.jit
    @jax.vmap
    def order(epoch):
        return batches.shuffled(batches.epoch_words(jax.random.key(seed), epoch, examples), places, examples)

    return np.asarray(order(jnp.arange(epochs)))


@pytest.mark.parametrize("examples", [1, 2, 3, 7, 9, 16, 255, 256, 257, 1437, 2400])
def test_an_epoch_goes_through_every_example_once(examples):
    found = orders(examples, 20)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(np.sort(found, 1), np.broadcast_to(np.arange(examples), found.shape))


def test_places_are_found_alone_as_among_all():
    np.testing.assert_array_equal(orders(1437, 3, [5, 1000]), orders(1437, 3)[:, [5, 1000]])


def test_no_two_epochs_and_no_two_runs_share_an_order():
    found = np.concatenate([orders(300, 50), orders(300, 50, seed=1)])
    assert len(np.unique(found, axis=0)) == 100


@pytest.mark.parametrize("examples", [2, 3, 4, 5])
def test_every_order_of_a_few_examples_is_as_likely_as_any_other(examples):
    seen = [tuple(order) for order in orders(examples, 50_000).tolist()]
    counts = [seen.count(order) for order in itertools.permutations(range(examples))]
    assert len(counts) == math.factorial(examples)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("examples", "places"), [(7, (0, 3)), (16, (0, 8)), (37, (0, 1)), (300, (17, 18))])
def test_every_pair_of_examples_is_as_likely_to_stand_at_two_places(examples, places):
    first, second = orders(examples, 400_000, places).T
    counts = np.zeros((examples, examples))
    np.add.at(counts, (first, second), 1)
    assert not np.diag(counts).any()
    assert stats.chisquare(counts[~np.eye(examples, dtype=bool)]).pvalue > 1e-3


@pytest.mark.parametrize("examples", [37, 1437])
def test_orders_have_the_fixed_points_cycles_and_signs_of_random_permutations(examples):
    found = orders(examples, 2000)
    fixed = (found == np.arange(examples)).sum(1)
    assert fixed.mean() == pytest.approx(1, abs=4 / math.sqrt(2000))
    cycles = np.array([_cycles(order) for order in found[:500]])
    harmonic = sum(1 / n for n in range(1, examples + 1))
    assert cycles.mean() == pytest.approx(harmonic, abs=4 * cycles.std() / math.sqrt(500))
    odd = ((examples - cycles) % 2).mean()
    assert odd == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(500))


def _cycles(order):
    seen, cycles = set(), 0
    for start in range(len(order)):
        if start not in seen:
            cycles += 1
        while start not in seen:
            seen.add(start)
            start = order[start]
    return cycles


def test_the_first_batch_is_a_simple_random_sample():
    examples, batch, epochs = 1437, 64, 4000
    sums = orders(examples, epochs, range(batch)).sum(1)
    variance = batch * (examples**2 - 1) / 12 * (examples - batch) / (examples - 1)
    assert sums.mean() == pytest.approx(batch * (examples - 1) / 2, abs=4 * math.sqrt(variance / epochs))
    assert sums.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / epochs))


def test_a_full_batch_is_the_whole_training_set_in_its_own_order():
    words = jnp.zeros(batches.rounds(300), jnp.uint32)
    kept, rows = batches.next_batch(config.Train(batch_size=None), jax.random.key(0), 300, jnp.int32(7), words)
    np.testing.assert_array_equal(rows, np.arange(300))
    np.testing.assert_array_equal(kept, words)

"""The oracles, each against brute force or Monte Carlo, and relubench against the oracles."""

import collections
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from relubench import theory, units
from tests.support.reference import forward, gradients

reals = st.floats(-4, 4).map(lambda value: round(value, 6))
#: One to eight inputs, the last one repeated: arrays of one shape, which JAX compiles once.
points = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=reals).map(
    lambda x: np.pad(x, ((0, 8 - len(x)), (0, 0)), "edge")
)


def dead(z):
    return np.asarray(units.dead(units.observe(z, np.maximum(z, 0), (z > 0).astype(float))))


@given(points, hnp.arrays(np.float64, (2, 5), elements=reals), hnp.arrays(np.float64, 5, elements=reals))
def test_a_first_layer_unit_is_dead_iff_its_support_is_at_most_minus_its_bias(x, weights, bias):
    clear = ~theory.ties(x, weights, bias)
    flags = dead(x @ weights + bias)
    np.testing.assert_array_equal(flags[clear], (theory.support(x, weights) <= -bias)[clear])


@settings(max_examples=20)  # four linear programmes each
@given(points, hnp.arrays(np.float64, (2, 40), elements=reals), st.floats(1e-3, 2))
def test_with_0_in_the_hull_no_unit_with_a_positive_bias_is_dead(x, weights, bias):
    assume(theory.hull_margin(x) >= 1e-7)
    assert not dead(x @ weights + bias).any()
    moving = np.abs(weights).max(0) > 1e-3
    assert not dead(x @ weights)[moving].any()  # nor with bias 0, as 0 is in the interior


def test_on_the_hulls_boundary_a_unit_with_bias_0_can_be_dead():
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    assert theory.hull_margin(x) == pytest.approx(0, abs=1e-12)
    assert dead(x @ np.array([[0.0], [-1.0]])).all()


@pytest.mark.parametrize(
    ("x", "sign"),
    [([[1, 1], [-1, 1], [0, -1]], 1), ([[1, 1], [2, 1], [1, 3]], -1), ([[1, 0], [-1, 0]], 0), ([[0, 0]], 0)],
)
def test_the_margin_says_on_which_side_of_the_hull_0_is(x, sign):
    assert np.sign(round(theory.hull_margin(np.array(x, float)), 9)) == sign


@given(hnp.arrays(np.float64, (5, 3), elements=reals), hnp.arrays(np.float64, (5, 3), elements=reals), st.floats(0, 8))
def test_one_step_kills_exactly_within_the_deadly_rates(z, d, rate):
    low, high = theory.deadly_rates(z, d)
    died = ((z - rate * d) <= 0).all(0)
    ends = np.isclose(rate, low, rtol=1e-9, atol=1e-12) | np.isclose(rate, high, rtol=1e-9, atol=1e-12)
    with np.errstate(invalid="ignore"):
        expected = (low <= rate) & (rate <= high)  # NaN: never
    np.testing.assert_array_equal(died[~ends], expected[~ends])


def a_network(seed, examples, features, scale):
    """Return (weights, x, y) of a network of one hidden layer: 10 units, 3 classes."""
    draw = np.random.default_rng(seed)
    x, y = scale * draw.normal(draw.normal(), 1, (examples, features)), draw.integers(0, 3, examples)
    sizes = [(features, 10), (10, 3)]
    return [(draw.normal(size=(i, o)) / np.sqrt(i), draw.normal(size=o)) for i, o in sizes], x, y


def test_a_real_step_leaves_a_unit_dead_exactly_within_the_deadly_rates():
    seen = collections.Counter()

    @given(
        seed=st.integers(0, 2**32 - 1), examples=st.integers(1, 8), features=st.integers(1, 8), scale=st.floats(0.1, 4)
    )
    def law(seed, examples, features, scale):
        weights, x, y = a_network(seed, examples, features, scale)
        steps, (z,) = gradients(weights, x, y)
        low, high = theory.deadly_rates(z, x @ steps[0][0] + steps[0][1])
        ends = np.concatenate([low, high])
        for rate in np.outer([0.999, 1.001], ends[np.isfinite(ends)]).ravel():
            moved = [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(weights, steps, strict=True)]
            (z,), _ = forward(moved, x)
            clear = ~theory.ties(x, *moved[0])
            died, expected = (z <= 0).all(0), (low <= rate) & (rate <= high)  # NaN: never
            np.testing.assert_array_equal(died[clear], expected[clear])
            seen.update(zip(expected[clear & (low > 0)].tolist(), np.isfinite(high)[clear & (low > 0)], strict=True))

    law()
    assert min(seen[dead, bounded] for dead in (False, True) for bounded in (False, True)) > 50  # (dead, has an end)


def highest(weights, bias, next_weights, next_bias):
    """Return the least upper bound of a second-layer unit's pre-activation: a linear programme for each region."""
    found = []
    for signs in itertools.product((1.0, -1.0), repeat=len(bias)):
        on = np.array(signs) > 0
        slope, level = weights[:, on] @ next_weights[on], bias[on] @ next_weights[on] + next_bias
        # within the region, where signs * (x @ weights + bias) >= 0
        solution = linprog(-slope, A_ub=-(weights * signs).T, b_ub=bias * signs, bounds=(None, None))
        if solution.status != 2:  # 2: there is no such region
            found.append(np.inf if solution.status == 3 else level - solution.fun)
    return max(found)


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (1, 3), (2, 1), (2, 2), (2, 4), (3, 2), (3, 4)])
def test_a_unit_is_off_everywhere_iff_its_highest_value_over_all_regions_is_at_most_0(inputs, hidden):
    draw, seen = np.random.default_rng(inputs * 10 + hidden), []
    for _ in range(6):
        weights, bias = draw.uniform(-1, 1, (inputs, hidden)), draw.uniform(-1, 1, hidden)
        following = draw.uniform(-1, 0.3, (hidden, 4)), draw.uniform(-1, 0.3, 4)  # most are off
        off = theory.off_everywhere(weights, bias, *following)
        tops = [highest(weights, bias, *unit) for unit in zip(following[0].T, following[1], strict=True)]
        seen += [*zip(off, tops, strict=True)]
    assert all(off == (top <= 0) for off, top in seen)
    assert {off for off, _ in seen} == {True, False}


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (1, 2), (2, 1), (2, 3), (3, 3), (3, 4)])
def test_units_are_off_everywhere_as_often_as_brownlowes_formulas(inputs, hidden):
    draw = np.random.default_rng(hidden)
    shares = [
        theory.off_everywhere(
            draw.normal(size=(inputs, hidden)), draw.normal(size=hidden), draw.normal(size=(hidden, 16)),
            draw.normal(size=16),
        ).mean()
        for _ in range(1000)
    ]  # fmt: skip
    mean, error = batches_of_means(np.array(shares))
    assert abs(mean - theory.off_probability(inputs, hidden)) < 5 * error


def test_the_probability_of_more_hidden_units_is_not_known():
    assert [theory.off_probability(1, hidden) for hidden in (1, 2)] == [0.25, 0.1875]
    with pytest.raises(ValueError, match="hidden=4: the probability is known for up to 3 hidden units on 2 inputs"):
        theory.off_probability(2, 4)


def batches_of_means(values, batches=50):
    """Return the mean and its standard error by batches: values may be heavy-tailed."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(1)
    return means.mean(), means.std(ddof=1) / np.sqrt(batches)


def deep(key, widths, x):
    """Return the activations of the last hidden layer of a He-initialised network without biases, for each key."""

    def one(key):
        h = x
        for layer, width in enumerate(widths):
            kernel = jax.random.normal(jax.random.fold_in(key, layer), (h.shape[1], width))
            h = jax.nn.relu(h @ kernel * np.sqrt(2 / h.shape[1]))
        return h

    return jax.vmap(one)(key)


@pytest.mark.parametrize(("width", "hidden"), [(2, 3), (2, 9), (3, 9), (5, 6)])
def test_a_network_on_one_input_is_born_dead_as_often_as_the_bound(width, hidden):
    keys = jax.random.split(jax.random.key(width * hidden), 100_000)
    h = np.asarray(deep(keys, [width] * hidden, jnp.ones((1, 1))))
    mean, error = batches_of_means((h == 0).all((1, 2)).astype(float))
    assert abs(mean - theory.born_dead_bound(width, hidden)) < 5 * error


@pytest.mark.parametrize("cosine", [-0.6, 0.0, 0.5, 0.95])
def test_a_gaussian_unit_is_dead_on_two_inputs_as_often_as_sheppards_formula(cosine):
    draw = np.random.default_rng(2)
    inputs = np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]])
    z = inputs @ draw.normal(size=(2, 400_000))
    mean, error = batches_of_means(dead(z).astype(float))
    assert abs(mean - theory.dead_on_two_inputs(cosine)) < 5 * error


@pytest.mark.parametrize(
    "widths", [[10] * 3, *(pytest.param(widths, marks=pytest.mark.slow) for widths in ([30] * 8, [5, 50, 20]))], ids=str
)
def test_the_dispersion_of_lengths_is_hanin_and_rolnicks(widths):
    keys = jax.random.split(jax.random.key(7), 40_000)
    squares = np.asarray(
        jax.lax.map(
            lambda key: (deep(key[None], widths, jnp.ones((1, widths[0])))[0] ** 2).mean(), keys, batch_size=500
        )
    )
    ratio, error = batches_of_means((squares / squares.mean()) ** 2)
    assert abs(ratio - theory.length_dispersion(widths)) < 5 * error

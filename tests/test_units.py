"""The definitions on hand-built units, and the counter against a plain recount."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench import nn, units

INPUTS = np.array([[-2.0], [-1.0], [0.0], [3.0]])


def stats_of(z, name="relu", slope=0.01):
    z = jnp.asarray(z, jnp.float32)

    def f(z):
        return nn.ACTIVATIONS[name].fn(z, slope)

    return units.observe(z, f(z), nn.local_slope(f, z))


def counts(stats):
    flags = {
        "dead": units.dead(stats),
        "silent": units.silent(stats),
        "saturated": units.saturated(stats),
        "linear": units.linear(stats),
        "constant": units.constant(stats),
        "dormant": units.dormant(stats),
    }
    return {name: [bool(flag) for flag in found] for name, found in flags.items()}


@pytest.mark.parametrize(
    ("activation", "weight", "bias", "true"),
    [
        ("relu", 1.0, -3.0, {"dead", "silent", "saturated", "constant", "dormant"}),  # touches z = 0 and no more
        ("relu", 1.0, -2.5, {"none"}),
        ("relu", 0.0, 0.0, {"dead", "silent", "saturated", "constant", "dormant"}),  # z = 0 everywhere
        ("relu", 1.0, 2.001, {"linear"}),
        ("relu", 0.0, 1.0, {"linear", "constant"}),
        ("leaky_relu", 1.0, -4.0, {"silent"}),  # silent, and yet not dead
        ("leaky_relu", 1.0, 0.0, {"none"}),
        ("tanh", 1.0, 7.0, {"saturated", "linear"}),  # z > 0; `linear` is reported for piecewise-linear ones only
        ("tanh", 0.0, 0.0, {"silent", "constant", "dormant"}),
        ("tanh", 1.0, 30.0, {"dead", "saturated", "linear", "constant"}),  # in float32 its slope has become 0
        ("sigmoid", 1.0, -20.0, {"silent", "saturated", "dormant"}),
        ("elu", 1.0, -200.0, {"dead", "silent", "saturated", "constant"}),  # its slope, exp(z), is 0 in float32
        ("elu", 1.0, -30.0, {"silent", "saturated", "constant"}),
        ("elu", 1.0, -14.0, {"silent", "saturated"}),
    ],
)
def test_a_hand_built_unit_is_what_the_definitions_say(activation, weight, bias, true):
    filler = np.array([[5.0], [1.0], [4.0], [2.0]])  # an ordinary unit beside it, for the layer's mean
    found = counts(stats_of(np.concatenate([weight * INPUTS + bias, filler], 1), activation))
    assert {name for name, flags in found.items() if flags[0]} == true - {"none"}


def test_a_channel_is_dead_only_if_every_position_is_inactive():
    z = -np.ones((3, 4, 4, 3), np.float32)
    z[1, 2, 3, 1] = 0.5
    assert counts(stats_of(z))["dead"] == [True, False, True]


def test_relu_has_slope_0_at_0_and_the_leaky_ones_slope_1():
    zero = jnp.zeros((1, 1))
    slopes = {name: float(stats_of(zero, name).max_abs_slope[0]) for name in ("relu", "leaky_relu", "prelu")}
    assert slopes == {"relu": 0.0, "leaky_relu": 1.0, "prelu": 1.0}


def test_a_tie_is_kept_as_a_tie_when_parts_are_merged():
    parts = [stats_of(INPUTS[:2] - 3.0), stats_of(INPUTS[2:] - 3.0)]
    merged = units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts))
    whole = stats_of(INPUTS - 3.0)
    for ours, theirs in zip(merged, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(hnp.arrays(np.float32, (6, 4), elements=st.floats(-5, 5, width=32)), st.floats(0.001, 0.9))
def test_dead_implies_silent_and_leaky_units_are_never_dead(z, slope):
    relu, leaky = counts(stats_of(z)), counts(stats_of(z, "leaky_relu", slope))
    assert all(silent for dead, silent in zip(relu["dead"], relu["silent"], strict=True) if dead)
    assert relu["dead"] == relu["silent"] == leaky["silent"]
    assert not any(leaky["dead"])


@given(hnp.arrays(np.float32, (5, 7), elements=st.floats(-3, 3, width=32)), st.integers(1, 4))
def test_statistics_do_not_depend_on_how_the_inputs_are_cut_up(z, cut):
    parts = [stats_of(z[:cut]), stats_of(z[cut:])]
    merged = units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts))
    assert {k: v for k, v in counts(merged).items() if k != "dormant"} == {
        k: v for k, v in counts(stats_of(z)).items() if k != "dormant"
    }
    np.testing.assert_allclose(merged.total_abs_h, stats_of(z).total_abs_h, rtol=1e-5)


def test_padding_of_weight_0_does_not_count_towards_dormancy():
    z = jnp.asarray([[1.0, 0.01], [2.0, 0.02], [2.0, 9.0]])
    padded = units.observe(z, z, jnp.ones_like(z), weight=jnp.asarray([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(padded.total_abs_h, [3.0, 0.03], rtol=1e-6)
    assert float(padded.examples) == 2


@pytest.mark.parametrize(
    ("low", "high", "collapsed"),
    [([1.0, 2.0], [1.0, 2.0], True), ([0.0, 0.0], [0.0, 1e-5], False), ([100.0], [100.00005], True)],
)
def test_a_network_has_collapsed_when_no_output_varies(low, high, collapsed):
    assert bool(units.collapsed(np.array(low), np.array(high))) is collapsed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_pre_activation_is_told_apart_from_dead_and_alive(bad):
    z = jnp.asarray([[1.0, -1.0], [bad, -1.0]])
    active, finite = units.batch_flags(z, (z > 0).astype(z.dtype))
    assert not finite
    assert active.tolist() == [True, False]


@given(st.data(), st.integers(1, 5), st.integers(1, 30))
def test_the_counter_agrees_with_a_recount(data, epoch_steps, steps):
    active = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=steps, max_size=steps))
    )
    counter = units.new_counter(3)
    for step, flags in enumerate(active):
        counter = units.count(counter, jnp.asarray(flags), step, epoch_steps)
    assert counter.last_active.tolist() == recount_last_active(active)
    assert counter.revived_count.tolist() == recount_revivals(active, epoch_steps)
    assert int(counter.batch_dead) == (~active).sum()


def recount_last_active(active):
    return [int(max(np.flatnonzero(column), default=-1)) for column in active.T]


def recount_revivals(active, epoch_steps):
    """Count, step by step, activity after a silence that holds a whole epoch from its first batch to its last."""
    found = []
    for column in active.T:
        revivals, silence = 0, []
        for step, flag in enumerate(column):
            if flag:
                epochs = {s // epoch_steps for s in silence}
                revivals += any(set(range(e * epoch_steps, (e + 1) * epoch_steps)) <= set(silence) for e in epochs)
                silence = []
            else:
                silence.append(step)
        found.append(revivals)
    return found

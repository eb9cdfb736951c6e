"""The definitions on hand-built units, and the counter against a plain recount."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench import magnitudes, nn, units
from relubench.errors import UserError

INPUTS = np.array([[-2.0], [-1.0], [0.0], [3.0]])


def stats_of(z, name="relu", slope=0.01):
    z = jnp.asarray(z, jnp.float32)

    def f(z):
        return nn.activation(name, negative_slope=slope)(z)

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
    return {name: [bool(flag) for flag in each] for name, each in flags.items()}


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
    counted = counts(stats_of(np.concatenate([weight * INPUTS + bias, filler], 1), activation))
    assert {name for name, flags in counted.items() if flags[0]} == true - {"none"}


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
    for some, same in zip(merged, whole, strict=True):
        np.testing.assert_array_equal(some, same)


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


def by_numpy(z, h, slope, weight=None):
    """Return the statistics of [examples, ..., units] in NumPy's float64, without what has weight 0, and dormancy."""
    z, h, slope = (np.asarray(x, np.float64) for x in (z, h, slope))
    weight = np.ones(z.shape[:-1]) if weight is None else np.asarray(weight, np.float64)
    full = np.broadcast_to(weight.reshape(weight.shape + (1,) * (z.ndim - 1 - weight.ndim)), z.shape[:-1])
    z, h, slope = (x[full > 0] for x in (z, h, slope))
    mean = np.average(np.abs(h), 0, full[full > 0])
    stats = {
        "active": (slope != 0).any(0), "max_abs_slope": np.abs(slope).max(0), "min_z": z.min(0), "max_z": z.max(0),
        "min_h": h.min(0), "max_h": h.max(0), "examples": full.sum(),
    }  # fmt: skip
    return stats, mean <= 0.025 * mean.mean()


def assert_as_by_numpy(stats, expected, dormant):
    for name, value in expected.items():
        np.testing.assert_allclose(np.asarray(getattr(stats, name), np.float64), value, rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(units.dormant(stats), dormant)


def layer(dtype, examples=64, units=6):
    """Return (z, h, slope) of ReLU units of which one is silent, one dormant and one frequent."""
    z = np.random.default_rng(0).normal(size=(examples, units)) * [20, 20, 20, 20, 0.1, 20] - [0, 0, 0, 0, 0, 200]
    z = np.asarray(jnp.asarray(z)).astype(dtype)
    return z, np.maximum(z, np.zeros((), dtype)), (z > 0).astype(dtype)


DTYPES = [jnp.float16, jnp.bfloat16, np.float32, np.float64, np.int8, np.int32]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)


@each_dtype
@pytest.mark.parametrize("as_array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_statistics_of_every_kind_of_number_are_those_of_numpy(dtype, as_array):
    z, h, slope = layer(dtype)
    assert_as_by_numpy(units.observe(*map(as_array, (z, h, slope))), *by_numpy(z, h, slope))


@each_dtype
def test_many_parts_merged_at_once_or_in_turn_are_as_the_whole(dtype):
    z, h, slope = layer(dtype, examples=512 * 64)
    expected = by_numpy(z, h, slope)
    cut = [jnp.asarray(x).reshape(512, 64, -1) for x in (z, h, slope)]
    parts = jax.jit(jax.vmap(units.observe))(*cut)
    assert_as_by_numpy(jax.jit(units.merge)(parts), *expected)

    def add(total, part):
        return units.merge(jax.tree.map(lambda *pair: jnp.stack(pair), total, part)), None

    first, rest = jax.tree.map(lambda a: a[0], parts), jax.tree.map(lambda a: a[1:], parts)
    assert_as_by_numpy(jax.jit(lambda: jax.lax.scan(add, first, rest)[0])(), *expected)


#: Magnitudes of four units, and which of them are dormant.
SIZES = [
    (jnp.float16, [60000, 60000, 60000, 1000], [False, False, False, True]),
    (jnp.float16, [6e-8, 6e-8, 1e-6, 0], [False, False, False, True]),
    (jnp.bfloat16, [3e38, 3e38, 1e36, 1e-38], [False, False, True, True]),
    (np.float32, [1e35, 1e35, 1e35, 1e33], [False, False, False, True]),
    (np.float32, [3.4e38, 3.4e38, 3.4e38, 3e36], [False, False, False, True]),
    (np.float32, [1e38, 1e-38, 1e-38, 1e38], [False, True, True, False]),
    (np.float32, [1e-38, 1e-38, 1e-38, 1e-40], [False, False, False, True]),
    (np.float32, [1e-36, 1e-36, 1e-36, 1e-38], [False, False, False, True]),
    (np.float32, [1e-19, 1e-20, 1e-19, 1e-22], [False, False, False, True]),  # about where sums begin to be scaled
    (np.float32, [1e20, 1e19, 1e20, 1e17], [False, False, False, True]),
    (np.float32, [1, 1, 0, 0], [False, False, True, True]),
    (np.float32, [0, 0, 0, 0], [True, True, True, True]),
    (np.int8, [-128, 127, 100, 1], [False, False, False, True]),
]


@pytest.mark.parametrize(("dtype", "sizes", "dormant"), SIZES)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_dormancy_is_right_whatever_the_magnitude(dtype, sizes, dormant, compiled, masked):
    h = np.tile(np.asarray(sizes).astype(dtype), (2, 300, 1))
    kept = np.ones(300, bool) if masked else None

    def flags(h):
        parts = [units.observe(part, part, jnp.ones_like(part), kept) for part in h]
        return units.dormant(units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)))

    assert (jax.jit(flags) if compiled else flags)(jnp.asarray(h)).tolist() == dormant


@st.composite
def of_any_size(draw):
    """Return (type, activations [parts, examples, units]) with magnitudes from the least to the largest of the type."""
    dtype = draw(st.sampled_from([jnp.float16, jnp.bfloat16, np.float32, np.float64]))
    info = jnp.finfo(dtype)
    largest, lowest = np.log2(float(info.max)), np.log2(float(info.smallest_subnormal))
    powers = draw(hnp.arrays(np.float64, (3, 7, 5), elements=st.floats(lowest, largest - 0.01)))
    spread = draw(st.sampled_from([0, 2e-2, 1]))  # of the powers in a layer
    powers = np.clip(draw(st.floats(lowest, largest - 0.01)) * (1 - spread) + powers * spread, lowest, largest - 0.01)
    return dtype, (np.exp2(powers) * draw(hnp.arrays(np.int8, (3, 7, 5), elements=st.sampled_from([-1, 1])))).astype(
        dtype
    )


@given(of_any_size(), hnp.arrays(np.float32, (3, 7), elements=st.sampled_from([0, 2**-32, 0.3, 1, 7, 2**32])))
@pytest.mark.parametrize("weighted", [False, True])
def test_dormancy_of_activations_of_any_size_is_that_of_longer_numbers(weighted, drawn, weight):
    dtype, h = drawn
    weight = weight if weighted else np.ones_like(weight)
    assume(weight.any())
    with jax.enable_x64(dtype == np.float64):
        parts = [units.observe(x, x, np.ones_like(x), w if weighted else None) for x, w in zip(h, weight, strict=True)]
        dormant = np.asarray(units.dormant(units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts))))
    size = np.abs(h.astype(np.float64)).astype(np.longdouble)  # of bfloat16 NumPy knows this way alone
    mean = (size * weight[..., None]).sum((0, 1)) / weight.sum(dtype=np.longdouble)
    score = mean / mean.mean()
    clear = np.abs(score / 0.025 - 1) > 1e-3
    np.testing.assert_array_equal(dormant[clear], (score <= 0.025)[clear])


def test_parts_of_far_apart_magnitudes_merge_to_the_mean_of_all():
    h = np.array([[[1e38, 2, 1e-30, 0]], [[1e-38, 1e30, 3e-37, 1e-38]], [[-2e38, 0, 0, 3e-39]]], np.float32)
    merged = units.merge(jax.vmap(units.observe)(h, h, h))
    scale = np.float64(magnitudes.scale(merged.min_h, merged.max_h))
    mean = np.float64(merged.total_abs_h) / scale / np.float64(merged.examples)
    np.testing.assert_allclose(mean, np.abs(np.float64(h)).mean((0, 1)), rtol=1e-6)


def test_examples_are_counted_exactly_beyond_the_whole_numbers_of_float32():
    z = jnp.ones((1, 1), jnp.bfloat16)
    one = units.observe(z, z, z)
    many = one._replace(examples=jnp.asarray(2**24, one.examples.dtype))
    merged = units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), many, one, one, one))
    assert int(merged.examples) == 2**24 + 3
    full = one._replace(examples=jnp.asarray(2**31 - 1, one.examples.dtype))
    assert int(units.merge(jax.tree.map(lambda *leaves: jnp.stack(leaves), full, one)).examples) >= 2**31 - 1


WEIGHTS = {
    "examples": np.array([1, 0, 1, 0]),
    "bools": np.array([True, False, True, False]),
    "shares": np.array([0.5, 0.0, 2.0, 0.25], np.float16),
    "time": np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 1]]),
    "every axis": np.tile([1, 0], 12).reshape(4, 3, 2),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("dtype", [jnp.float16, np.float32, np.int32])
@pytest.mark.parametrize("compiled", [False, True])
def test_what_has_weight_0_is_not_there_in_any_statistic(name, dtype, compiled):
    weight = WEIGHTS[name]
    z = np.asarray(np.random.default_rng(1).normal(size=(4, 3, 2, 5)) * 9).astype(dtype)
    gone = np.broadcast_to(weight.reshape(weight.shape + (1,) * (4 - weight.ndim)) == 0, z.shape)
    junk = 10_000 if dtype == np.int32 else np.resize([np.nan, np.inf, -np.inf, 1e4], z.shape)
    observe = jax.jit(units.observe) if compiled else units.observe
    layer = [np.where(gone, junk, x).astype(dtype) for x in (z, np.abs(z) / 2, z > 0)]
    assert_as_by_numpy(observe(*layer, weight), *by_numpy(*layer, weight))


@pytest.mark.parametrize("weight", [np.zeros(3), np.zeros(3, bool), np.zeros((3, 2), int)])
@pytest.mark.parametrize("dtype", [jnp.float16, np.float32, np.int32, bool])
def test_a_batch_of_nothing_but_padding_changes_nothing_when_merged(weight, dtype):
    z = np.arange(18).reshape(3, 2, 3).astype(dtype)
    some, nothing = units.observe(z, z, z), units.observe(z, z, z, weight)
    assert nothing.examples == 0
    merged = units.merge(jax.tree.map(lambda *leaves: np.stack(leaves), nothing, some, nothing))
    for name, after, before in zip(some._fields, merged, some, strict=True):
        np.testing.assert_array_equal(after, before, err_msg=name)
    assert not jnp.isnan(jnp.asarray(units.dormant(nothing), float)).any()


def test_one_example_without_an_axis_of_examples_is_a_batch_of_one():
    z, h, slope = (x[0] for x in layer(np.float32))
    assert_as_by_numpy(units.observe(z, h, slope), *by_numpy(z[None], h[None], slope[None]))
    assert units.observe(z, h, slope, 0).examples == 0


def ones(*shape):
    return np.ones(shape, np.float32)


observed = functools.partial(units.observe, ones(4, 3, 5), ones(4, 3, 5), ones(4, 3, 5))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: units.observe(ones(4, 3), ones(4, 2), ones(4, 3)), r"h has shape \(4, 2\).*\(4, 3\)"),
        (lambda: units.observe(ones(4, 3), ones(4, 3), ones(3)), r"slope has shape \(3,\).*\(4, 3\)"),
        (lambda: units.observe(1.0, 1.0, 1.0), r"z has shape \(\)"),
        (lambda: units.observe("z", ones(3), ones(3)), "z='z'"),
        (lambda: units.observe(ones(3), None, ones(3)), "h=None"),
        (lambda: units.observe(ones(3) * 1j, ones(3), ones(3)), "z is an array of complex"),
        (lambda: observed(ones(5)), r"weight has shape \(5,\).*\(4,\) or \(4, 3\)"),
        (lambda: observed(ones(3)), r"weight has shape \(3,\)"),
        (lambda: observed(ones(4, 1)), r"weight has shape \(4, 1\)"),
        (lambda: observed(ones(4, 3, 2)), r"weight has shape \(4, 3, 2\).*or \(4, 3, 5\)"),
        (lambda: observed(1.0), r"weight has shape \(\)"),
        (lambda: jax.jit(observed)(ones(3)), r"weight has shape \(3,\)"),
        (lambda: observed([1, 1, 1, -1]), "weight holds -1"),
        (lambda: observed([1, 1, 1, np.nan]), "weight holds nan"),
        (lambda: observed([1, 1, 1, np.inf]), "weight holds inf"),
        (lambda: observed([1, 1, 1, 1e20]), "weight holds .*<= 4294967296"),
        (lambda: observed("abcd"), "weight='abcd'"),
        (lambda: units.merge(units.observe(ones(4, 3), ones(4, 3), ones(4, 3))), r"parts.active has shape \(3,\)"),
        (lambda: units.dormant(units.observe(ones(4, 3), ones(4, 3), ones(4, 3)), -1), "tau=-1: .* >= 0"),
        (lambda: units.dormant(units.observe(ones(4, 3), ones(4, 3), ones(4, 3)), np.nan), "tau=nan"),
        (lambda: units.collapsed(ones(2), ones(3)), r"max_output has shape \(3,\).*\(2,\)"),
        (lambda: units.batch_flags(ones(4, 3), ones(4, 1)), r"slope has shape \(4, 1\).*\(4, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(UserError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)


@each_dtype
def test_batch_flags_of_every_kind_of_number_are_those_of_numpy(dtype):
    z, _, slope = layer(dtype)
    active, finite = units.batch_flags(z, slope)
    np.testing.assert_array_equal(active, (np.asarray(slope, float) != 0).any(0))
    assert bool(finite)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_saturation_in_half_precision_is_judged_by_the_same_threshold(dtype):
    slopes = jnp.nextafter(jnp.asarray(0.001, dtype), jnp.asarray([0.0, 1.0], dtype))
    slopes = jnp.concatenate([slopes, jnp.asarray([0.001], dtype)])
    flags = units.saturated(units.observe(slopes, slopes, slopes))
    np.testing.assert_array_equal(flags, np.asarray(slopes, np.float64) <= 1e-3)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "collapsed"),
    [
        (jnp.float16, -60000, 60000, False),
        (jnp.float16, 1.0, 1.001, False),
        (jnp.float16, 60000, 60000, True),
        (jnp.bfloat16, 1.0, 1.0, True),
        (np.float32, -3e38, 3e38, False),
        (np.float32, 3e38, 3e38, True),
        (np.int8, -128, 127, False),
        (np.int32, -(2**31), 2**31 - 1, False),
        (np.float32, np.nan, np.nan, False),
    ],
)
def test_whether_a_network_has_collapsed_does_not_depend_on_the_precision(dtype, low, high, collapsed):
    ends = (jnp.asarray([end]).astype(dtype) if dtype != np.int32 else np.array([end], dtype) for end in (low, high))
    assert bool(units.collapsed(*ends)) is collapsed


@pytest.mark.parametrize(
    ("low", "high", "collapsed"),
    [([1.0, 2.0], [1.0, 2.0], True), ([0.0, 0.0], [0.0, 1e-5], False), ([100.0], [100.00005], True)],
)
def test_a_network_has_collapsed_when_no_output_varies(low, high, collapsed):
    assert bool(units.collapsed(np.array(low), np.array(high))) is collapsed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_pre_activation_is_neither_dead_nor_alive(bad):
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
    revived = []
    for column in active.T:
        revivals, silence = 0, []
        for step, flag in enumerate(column):
            if flag:
                epochs = {s // epoch_steps for s in silence}
                revivals += any(set(range(e * epoch_steps, (e + 1) * epoch_steps)) <= set(silence) for e in epochs)
                silence = []
            else:
                silence.append(step)
        revived.append(revivals)
    return revived


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_units_may_be_on_any_axis(axis):
    z = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32) - 1
    h, slope, weight = np.maximum(z, 0), (z > 0).astype(np.float32), np.arange(6) % 3
    moved = [np.moveaxis(array, -1, axis) for array in (z, h, slope)]
    assert_as_by_numpy(units.observe(*moved, weight, axis=axis), *by_numpy(z, h, slope, weight))
    for found, expected in zip(
        units.batch_flags(moved[0], moved[2], axis=axis), units.batch_flags(z, slope), strict=True
    ):
        np.testing.assert_array_equal(found, expected)

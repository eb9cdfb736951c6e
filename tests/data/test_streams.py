"""Streams: what each task makes of the examples, recounted in NumPy, and the laws that all of them keep."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from relubench import config, data
from relubench.data import streams
from relubench.data.bits import BETA, BITS, FLIPPING
from relubench.errors import UserError
from relubench.run.state import named_key
from relubench.sweeps.layout import split_arrays

PERIOD = 5
NAMES = [name for name in streams.STREAMS if name != "slow_bits"]


def setting_of(name, **more):
    values = {"data.stream.name": name, "data.stream.period": PERIOD, "data.stream.offset": 3.0}
    return config.build_setting(config.over_defaults(values | more))


def arrays_of(setting):
    return jax.tree.map(lambda leaf: leaf[0], split_arrays([data.load(setting.data)], "float32"))


def views(setting, arrays, seed=0, steps=3 * PERIOD):
    """Return the view of each step."""
    key = named_key(seed, "stream")
    view, found = streams.first_view(setting, arrays, key), []
    for step in range(steps):
        view = streams.view_at(setting, arrays, key, jnp.int32(step), view)
        found.append(view)
    return found


def examples(setting, arrays, view):
    x, y = streams.examples(setting, arrays, view, jnp.arange(arrays.x.shape[0]))
    return np.asarray(x), np.asarray(y)


@pytest.mark.parametrize("name", [name for name in streams.STREAMS if name != "none"])
def test_a_view_changes_where_a_task_begins_and_nowhere_else(name):
    more = {"data.name": "bits"} if name == "slow_bits" else {}
    setting = setting_of(name, **more)
    arrays = arrays_of(setting)
    seen = [examples(setting, arrays, view) for view in views(setting, arrays)]
    changed = [
        step
        for step in range(1, len(seen))
        if any((a != b).any() for a, b in zip(seen[step], seen[step - 1], strict=True))
    ]
    assert changed == ([PERIOD] if name == "shift" else [PERIOD, 2 * PERIOD])


@pytest.mark.parametrize("name", NAMES)
def test_the_first_task_shows_the_data_set_as_it_is(name):
    setting = setting_of(name)
    arrays = arrays_of(setting)
    x, y = examples(setting, arrays, views(setting, arrays)[0])
    np.testing.assert_array_equal(x, arrays.x)
    np.testing.assert_array_equal(y, arrays.y)


def test_permuted_tasks_show_every_example_with_the_same_features_in_another_order():
    setting = setting_of("permuted")
    arrays = arrays_of(setting)
    x, y = examples(setting, arrays, views(setting, arrays)[PERIOD])
    order = np.asarray(views(setting, arrays)[PERIOD])
    assert sorted(order) == list(range(64))
    np.testing.assert_array_equal(x, np.asarray(arrays.x)[:, order])
    np.testing.assert_array_equal(y, arrays.y)


def test_reshuffled_labels_are_the_training_labels_dealt_anew_and_the_test_labels_as_they_were():
    setting = setting_of("reshuffled")
    arrays = arrays_of(setting)
    x, y = examples(setting, arrays, views(setting, arrays)[PERIOD])
    own, train = np.asarray(arrays.y), arrays.train_examples
    np.testing.assert_array_equal(np.bincount(y[:train]), np.bincount(own[:train]))
    assert (y[:train] != own[:train]).mean() > 0.8
    np.testing.assert_array_equal(y[train:], own[train:])
    np.testing.assert_array_equal(x, arrays.x)


def test_a_shift_moves_the_inputs_of_every_later_task():
    setting = setting_of("shift", **{"data.stream.scale": 2.0})
    arrays = arrays_of(setting)
    x, _ = examples(setting, arrays, views(setting, arrays)[2 * PERIOD])
    np.testing.assert_allclose(x, 2 * np.asarray(arrays.x) + 3, rtol=1e-6)


def test_one_slow_bit_flips_a_task_and_the_target_is_a_network_of_threshold_units():
    setting = setting_of("slow_bits", **{"data.name": "bits", "data.normalize": "none"})
    arrays = arrays_of(setting)
    seen = views(setting, arrays)
    slow = np.array([view.slow for view in seen])
    np.testing.assert_array_equal(np.abs(np.diff(slow, axis=0)).sum(1), [0] * 4 + [1] + [0] * 4 + [1] + [0] * 4)
    x, y = examples(setting, arrays, seen[-1])
    np.testing.assert_array_equal(x[:, :FLIPPING], np.broadcast_to(slow[-1], (len(x), FLIPPING)))
    assert {0.0, 1.0} == set(x[:, FLIPPING:BITS].ravel())
    kernel, output = (np.asarray(part, np.float64) for part in (seen[-1].kernel, seen[-1].output))
    for place in range(0, len(x), 97):
        total = 0.0
        for unit in range(kernel.shape[1]):
            threshold = x.shape[1] * BETA - (kernel[:, unit] == -1).sum()
            total += output[unit] * (x[place] @ kernel[:, unit] >= threshold)
        assert y[place, 0] == pytest.approx(total)


def test_tasks_come_from_the_seed_alone():
    setting = setting_of("permuted")
    arrays = arrays_of(setting)
    task = functools.partial(views, setting, arrays)
    np.testing.assert_array_equal(task(seed=1)[-1], task(seed=1)[-1])
    assert (np.asarray(task(seed=1)[-1]) != np.asarray(task(seed=2)[-1])).any()


def test_targets_are_scaled_then_moved():
    setting = setting_of("none", **{"data.name": "interval", "data.target_scale": 3.0, "data.target_offset": 5.0})
    arrays = arrays_of(setting)
    _, y = examples(setting, arrays, ())
    np.testing.assert_allclose(y, 3 * np.asarray(arrays.y) + 5, rtol=1e-6)


def test_inputs_are_scaled_then_moved_then_spread_so_that_equal_ones_keep_their_mean_square():
    scales = {"data.scale": 0.5, "data.offset": 2.0}
    setting = setting_of("none", **scales, **{"data.spread": 100.0})
    arrays = arrays_of(setting)
    alike, _ = examples(setting_of("none", **scales), arrays, ())
    unlike, _ = examples(setting, arrays, ())
    np.testing.assert_allclose(alike, 0.5 * np.asarray(arrays.x) + 2, rtol=1e-6)
    factors = np.asarray(unlike)[0] / np.asarray(alike)[0]
    np.testing.assert_allclose(unlike, factors * np.asarray(alike), rtol=1e-5)
    np.testing.assert_allclose(np.diff(np.log(factors)), np.log(100) / (len(factors) - 1), rtol=1e-3)
    assert np.mean(factors**2) == pytest.approx(1, rel=1e-5)


def test_slow_bits_without_their_inputs_are_refused():
    setting = setting_of("slow_bits")
    arrays = arrays_of(setting)
    with pytest.raises(UserError, match=r"data.stream.name=slow_bits: it takes data.name=bits, not 'digits'"):
        jax.eval_shape(lambda: streams.first_view(setting, arrays, named_key(0, "stream")))

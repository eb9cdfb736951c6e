"""Measures, each recounted in NumPy from the run's weights."""

import jax
import numpy as np
import polars as pl
import pytest

import relubench
from relubench import config, data, theory
from relubench.errors import UserError
from relubench.run.measures import distribution
from relubench.run.recorder import MEASURES
from relubench.sweeps import engine
from tests.support.planned import layouts
from tests.support.reference import batches, forward, gradients, log_softmax

SETTING = {
    "train.steps": 60, "train.batch_size": 32, "model.widths": [16, 16], "probe.count": 4,
    "engine.precision": "float64", "model.init.scale": 1.5, "optimizer.learning_rate": 0.6,
    "probe.measures": [name for name in MEASURES if name not in ("woken_by_next_task", "masked_changes")],
}  # fmt: skip
SEEDS = [0, 1, 2]
DIGITS = data.load(config.Data())


def trained(setting):
    (run,) = engine.train_grid(layouts(setting, {"seed": SEEDS}))
    return run


def weights_of(run, place):
    layers = run.layout.structure.affine_layers(run.state.params)
    return [(np.asarray(k[place]), np.asarray(b[place])) for k, b in layers]


def active(weights, x=DIGITS.x_train):
    return [z > 0 for z in forward(weights, x)[0]]


@pytest.fixture(scope="module")
def runs():
    """(weights at birth, weights at the end, measures by name with the axes [probes, ...]) of each seed."""
    rates = [SETTING["optimizer.learning_rate"], 0.0]  # rate 0 moves nothing
    (run,) = engine.train_grid(layouts(SETTING, {"optimizer.learning_rate": rates, "seed": SEEDS}))
    names = SETTING["probe.measures"]
    return [
        (
            weights_of(run, len(SEEDS) + place),
            weights_of(run, place),
            jax.tree.map(
                lambda a, place=place: np.asarray(a)[place], dict(zip(names, run.state.records.measures, strict=True))
            ),
        )
        for place in range(len(SEEDS))
    ]


def test_dead_units_and_planes_are_those_of_the_weights(runs):
    for born, end, found in runs:
        for probe, weights in ((0, born), (-1, end)):
            np.testing.assert_array_equal(found["plane_weights"][probe], weights[0][0])
            np.testing.assert_array_equal(found["plane_bias"][probe], weights[0][1])
            for layer, flags in zip(found["unit_dead"], active(weights), strict=True):
                np.testing.assert_array_equal(layer[probe], ~flags.any(0))
    assert any(layer[-1].any() for _, _, found in runs for layer in found["unit_dead"])


def test_silent_and_saturated_units_are_those_of_the_weights(runs):
    for born, end, found in runs:
        for probe, weights in ((0, born), (-1, end)):
            for name in ("unit_silent", "unit_saturated"):  # of ReLU both are the dead ones
                for layer, flags in zip(found[name], active(weights), strict=True):
                    np.testing.assert_array_equal(layer[probe], ~flags.any(0))


def test_silent_leaky_units_and_saturated_tanh_units_are_not_the_dead_ones():
    names = ["unit_dead", "unit_silent", "unit_saturated"]
    for activation, there in (("leaky_relu", "unit_silent"), ("tanh", "unit_saturated")):
        run = trained(SETTING | {"model.activation.name": activation, "probe.measures": names, "model.init.bias": -9.0})
        flags = dict(zip(names, run.state.records.measures, strict=True))
        assert any(np.asarray(layer)[:, 0].any() for layer in flags[there])
        assert not any(np.asarray(layer)[:, 0].any() for layer in flags["unit_dead"])


def test_firing_rates_and_the_lengths_of_gradients_are_recounted(runs):
    for _, end, found in runs:
        moves, _ = gradients(end, DIGITS.x_train, DIGITS.y_train)
        for layer, flags in enumerate(active(end)):
            np.testing.assert_allclose(found["unit_firing_rate"][layer][-1], flags.mean(0), rtol=1e-12)
            kernel, bias = moves[layer]
            length = np.sqrt((kernel**2).sum(0) + bias**2)
            np.testing.assert_allclose(found["unit_gradient_norm"][layer][-1], length, rtol=1e-8, atol=1e-12)


def test_units_died_by_bias_or_weights_are_those_still_dead_with_the_other_of_birth(runs):
    died = 0
    for born, end, found in runs:
        inputs = [DIGITS.x_train, *(np.maximum(z, 0) for z in forward(end, DIGITS.x_train)[0])]
        for layer in range(2):
            gone = ~active(end)[layer].any(0) & active(born)[layer].any(0)
            (kernel, bias), (old_kernel, old_bias) = end[layer], born[layer]
            by_bias = (inputs[layer] @ old_kernel + bias <= 0).all(0)
            by_weights = (inputs[layer] @ kernel + old_bias <= 0).all(0)
            assert found["died"][layer][-1] == gone.sum()
            assert found["died_by_bias"][layer][-1] == (gone & by_bias).sum()
            assert found["died_by_weights"][layer][-1] == (gone & by_weights).sum()
            assert found["died_by_either"][layer][-1] == (gone & by_bias & by_weights).sum()
            died += gone.sum()
    assert died > 5  # or the comparison says nothing


def test_units_dead_on_the_first_examples_are_recounted(runs):
    sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1437]
    for _, end, found in runs:
        for layer, flags in zip(found["dead_on_first"], active(end), strict=True):
            np.testing.assert_array_equal(layer[-1], [(~flags[:size].any(0)).sum() for size in sizes])


def test_the_first_example_with_a_positive_z_is_found_again(runs):
    none = 0
    for _, end, found in runs:
        for layer, flags in zip(found["unit_first_positive"], active(end), strict=True):
            expected = np.where(flags.any(0), flags.argmax(0), len(flags))
            np.testing.assert_array_equal(layer[-1], expected)
            none += (expected == len(flags)).sum()
    assert none > 5


def test_units_weights_are_those_of_the_layers(runs):
    for born, end, found in runs:
        for probe, weights in ((0, born), (-1, end)):
            for layer, (kernel, bias) in zip(found["unit_weights"], weights[:-1], strict=True):
                np.testing.assert_array_equal(layer[probe], np.vstack([kernel, bias]))


def test_deadly_rates_are_the_oracles(runs):
    for born, _, found in runs:
        ((kernel, bias), *_), (z, *_) = gradients(born, DIGITS.x_train, DIGITS.y_train)
        low, high = theory.deadly_rates(z, DIGITS.x_train @ kernel + bias)
        np.testing.assert_allclose(found["deadly_rate"][0], np.nan_to_num(low, nan=np.inf), rtol=1e-8)
        np.testing.assert_allclose(found["deadly_rate_end"][0], np.nan_to_num(high, nan=0, posinf=np.inf), rtol=1e-8)


def test_deadly_rates_are_those_of_the_clipped_gradient_and_of_slower_biases(runs):
    limits = {"optimizer.clip_norm": 0.1, "optimizer.bias_rate": 0.25, "probe.measures": ["deadly_rate"]}
    run = trained(SETTING | limits | {"train.steps": 0})
    for place, (born, _, _) in enumerate(runs):
        gradient, (z, *_) = gradients(born, DIGITS.x_train, DIGITS.y_train)
        norm = np.sqrt(sum((part**2).sum() for layer in gradient for part in layer))
        assert norm > 0.1
        kernel, bias = gradient[0]
        move = 0.1 / norm * (DIGITS.x_train @ kernel + 0.25 * bias)
        low = np.nan_to_num(theory.deadly_rates(z, move).low, nan=np.inf)
        assert np.isfinite(low).any()
        np.testing.assert_allclose(run.state.records.measures[0][place][0], low, rtol=1e-8)


@pytest.mark.slow
def test_no_rate_kills_a_unit_of_a_frozen_layer_that_is_alive(runs):
    run = trained(SETTING | {"optimizer.frozen": [1], "probe.measures": ["deadly_rate"], "train.steps": 0})
    for place, (born, _, _) in enumerate(runs):
        dead = (forward(born, DIGITS.x_train)[0][0] <= 0).all(0)
        np.testing.assert_array_equal(run.state.records.measures[0][place][0], np.where(dead, 0, np.inf))


def test_the_distribution_of_activations_is_numpys(runs):
    for _, end, found in runs:
        for layer, z in enumerate(forward(end, DIGITS.x_train[:256])[0]):
            h = np.maximum(z, 0)
            expected = np.quantile(h, distribution.PROBABILITIES)
            np.testing.assert_allclose(found["activation_quantiles"][layer][-1], expected, rtol=1e-9, atol=1e-12)
            assert found["second_moment"][layer][-1] == pytest.approx((h**2).mean())
            assert found["zero_share"][layer][-1] == pytest.approx((h == 0).mean())


def test_units_woken_by_the_test_set_are_recounted(runs):
    for _, end, found in runs:
        on_test = active(end, DIGITS.x_test)
        for layer, flags in enumerate(active(end)):
            assert found["woken_by_test"][layer][-1] == (~flags.any(0) & on_test[layer].any(0)).sum()


def test_online_loss_and_accuracy_are_means_over_the_batches_before_each_update(runs):
    (layout,) = layouts(SETTING, {"seed": SEEDS})
    for seed, (born, _, found) in zip(SEEDS, runs, strict=True):
        weights, losses, hits = born, [], []
        for batch in batches(seed, len(DIGITS.x_train), 32, 60):
            x, labels = DIGITS.x_train[batch], DIGITS.y_train[batch]
            _, output = forward(weights, x)
            losses.append(-log_softmax(output)[np.arange(32), labels].mean())
            hits.append((output.argmax(-1) == labels).mean())
            moves, _ = gradients(weights, x, labels)
            weights = [(k - 0.6 * dk, b - 0.6 * db) for (k, b), (dk, db) in zip(weights, moves, strict=True)]
        for probe in range(1, len(layout.probes)):
            between = slice(layout.probes[probe - 1], layout.probes[probe])
            assert found["online_loss"][probe] == pytest.approx(np.mean(losses[between]), rel=1e-6)
            assert found["online_accuracy"][probe] == pytest.approx(np.mean(hits[between]))


@pytest.fixture(scope="module")
def measures():
    """Rows of measures.parquet."""
    named = ["masked_changes", "unit_dead", "online_loss"]
    return relubench.sweep(SETTING | {"engine.precision": "float32", "probe.measures": named}, {"seed": SEEDS})[
        "measures"
    ]


def test_masking_dead_units_changes_no_bit_of_any_output(measures):
    end = measures.filter(pl.col("step") == 60)
    assert end.filter(pl.col("measure") == "unit_dead")["value"].sum() > 5
    assert end.filter(pl.col("measure") == "masked_changes")["value"].to_list() == [0.0] * 3


def test_units_woken_by_the_next_task_are_recounted():
    setting = SETTING | {
        "probe.measures": ["woken_by_next_task"], "data.stream.name": "shift", "data.stream.period": 1000,
        "data.stream.offset": 2.0,
    }  # fmt: skip
    run, woken = trained(setting), 0
    for place in range(len(SEEDS)):
        end = weights_of(run, place)
        now, moved = active(end), active(end, DIGITS.x_train + 2)
        for layer in range(2):
            expected = (~now[layer].any(0) & moved[layer].any(0)).sum()
            assert run.state.records.measures[0][layer][place][-1] == expected
            woken += expected
    assert woken > 0


def test_a_measure_without_steps_before_it_is_null(measures):
    online = measures.filter(pl.col("measure") == "online_loss")
    assert online["value"].is_null().to_list() == (online["step"] == 0).to_list() == [True, False, False, False] * 3
    assert measures.columns == ["run_id", "step", "measure", "layer", "item", "value"]


def test_an_unknown_measure_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'unit_dead'"):
        relubench.sweep({"probe.measures": ["unit_ded"]}, {"seed": [0]})

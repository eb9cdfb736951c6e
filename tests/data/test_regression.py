"""Sets with real-valued targets."""

import numpy as np
import pytest

import relubench
from relubench import config, data
from relubench.errors import UserError

FUNCTIONS = {"abs": abs, "sine": lambda x: x * np.sin(5 * x), "step": lambda x: float(x > 0) + 0.2 * np.sin(5 * x)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_interval_has_the_targets_of_its_function(function):
    found = data.load(config.make(config.Data, name="interval", normalize="none", function=function, examples=50))
    x = np.concatenate([found.x_train, found.x_test])[:, 0]
    y = np.concatenate([found.y_train, found.y_test])[:, 0]
    assert (x.min(), x.max()) == (-np.sqrt(3), np.sqrt(3))
    np.testing.assert_allclose(y, [FUNCTIONS[function](value) for value in x])


def test_even_inputs_are_all_trained_on_and_tested_in_between():
    found = data.load(config.make(config.Data, name="even", normalize="none", function="sine", examples=5))
    step = np.sqrt(3) / 2
    np.testing.assert_allclose(found.x_train[:, 0], [-2 * step, -step, 0, step, 2 * step], atol=1e-15)
    np.testing.assert_allclose(found.x_test[:, 0], [-1.5 * step, -step / 2, step / 2, 1.5 * step])
    for x, y in ((found.x_train, found.y_train), (found.x_test, found.y_test)):
        np.testing.assert_allclose(y, FUNCTIONS["sine"](x))


def test_a_teachers_targets_have_mean_0_and_variance_1():
    found = data.load(config.make(config.Data, name="teacher", features=4, noise=0.0))
    y = np.concatenate([found.y_train, found.y_test])
    assert y.shape == (1000, 1)
    assert (y.mean(), y.std()) == (pytest.approx(0, abs=1e-12), pytest.approx(1))


def test_a_linear_teachers_targets_are_a_linear_function_of_variance_1_and_noise():
    found = data.load(config.make(config.Data, name="linear", features=4, noise=0.0, examples=5000, normalize="none"))
    weights, residual, rank, _ = np.linalg.lstsq(found.x_train, found.y_train, rcond=None)
    assert (residual[0], rank) == (pytest.approx(0, abs=1e-20), 4)
    assert np.linalg.norm(weights) == pytest.approx(1)
    noisy = data.load(config.make(config.Data, name="linear", features=4, noise=0.5, examples=5000, normalize="none"))
    _, residual, _, _ = np.linalg.lstsq(noisy.x_train, noisy.y_train, rcond=None)
    assert np.sqrt(residual[0] / 4000) == pytest.approx(0.5, rel=0.05)


def test_a_network_learns_real_valued_targets_and_has_no_accuracy():
    setting = {"data.name": "interval", "loss.name": "squared_error", "train.steps": 300, "model.widths": [32, 32]}
    run = relubench.sweep(setting, {"seed": [0, 1]})["runs"]
    assert run["train_loss"].max() < 0.01
    assert run["train_accuracy"].null_count() == 2


def test_cross_entropy_of_real_valued_targets_is_refused():
    with pytest.raises(UserError, match=r"real-valued targets; it takes loss\.name"):
        relubench.sweep({"data.name": "interval"}, {"seed": [0]})

"""Single steps: the main effects at a small size, and what holds exactly."""

import numpy as np
import polars as pl
import pytest

from relubench import config, data
from relubench.sweeps import engine
from tests.support.planned import layouts
from tests.support.reference import batches, forward, gradients, log_softmax

SMALL = ["seeds=6", "model.widths=[32,32]", "train.steps=5", "figures=false", "grid.optimizer.learning_rate=[.1,3]"]
ONE_PROGRAM = ["factor.variant=[plain,loss_100,inputs_10,inputs_positive]"]
DIGITS = data.load(config.Data())


def test_the_oracle_foretells_the_dead_and_a_larger_loss_or_input_kills_at_a_lower_rate(relubench, tmp_path):
    status, _, error = relubench("experiment=one_step", "out=out", *SMALL, *ONE_PROGRAM)
    assert status == 0, error
    claims = pl.read_parquet(tmp_path / "out/claims.parquet")

    def numbers(claim, condition):
        return claims.filter(pl.col("claim") == claim, pl.col("condition") == condition).row(0, named=True)

    assert numbers(1, "layer 1")["value"] == 1
    assert numbers(27, "inputs × 10")["ci_high"] < 0.5
    assert numbers(38, "against plain")["ci_low"] > 0
    curves = pl.read_parquet(tmp_path / "out/curves.parquet")
    wrong = curves.filter(pl.col("metric") == "wrong")
    assert wrong.height == 4 * 2
    assert wrong["mean"].max() < 0.01  # ties in float32
    killed = curves.filter(pl.col("metric") == "dead_after_step")
    assert killed.filter(pl.col("variant") == "loss × 100", pl.col("rate") == 0.1)["mean"][0] > 0.05


def trained(setting, rates):
    """Return (birth, end) of runs in float64, as lists of (kernel, bias), with the measures: rate 0 moves nothing."""
    (run,) = engine.train_grid(layouts(setting | {"engine.precision": "float64"}, {"optimizer.learning_rate": rates}))
    layers = run.layout.structure.affine_layers(run.state.params)
    weights = [[(np.asarray(k[place]), np.asarray(b[place])) for k, b in layers] for place in range(len(rates))]
    return weights, run.state.records.measures


def with_one(h):
    return np.concatenate([h, np.ones((len(h), 1))], 1)


def augmented_step(weights, x, labels, rate):
    """Take a step of a network without biases whose layers see a constant input of 1 beside the others."""
    seen, active = [with_one(x)], []
    for weight in weights[:-1]:
        z = seen[-1] @ weight
        active.append(z > 0)
        seen.append(with_one(np.maximum(z, 0)))
    delta = np.exp(log_softmax(seen[-1] @ weights[-1]))
    delta[np.arange(len(labels)), labels] -= 1
    delta /= len(labels)
    moved = list(weights)
    for place in reversed(range(len(weights))):
        moved[place] = weights[place] - rate * seen[place].T @ delta
        if place:
            delta = (delta @ weights[place][:-1].T) * active[place - 1]
    return moved


@pytest.mark.slow
def test_a_bias_is_a_weight_on_a_constant_input_of_1_and_the_same_units_die():
    rate, steps = 0.9, 60
    setting = {"model.widths": [16, 16], "train.steps": steps, "train.batch_size": 32, "probe.count": 2}
    (birth, end), (dead,) = trained(setting | {"probe.measures": ["unit_dead"]}, [0.0, rate])
    weights = [np.concatenate([kernel, bias[None, :]]) for kernel, bias in birth]
    for rows in batches(0, len(DIGITS.x_train), 32, steps):
        weights = augmented_step(weights, DIGITS.x_train[rows], DIGITS.y_train[rows], rate)
    for weight, (kernel, bias) in zip(weights, end, strict=True):
        np.testing.assert_allclose(weight[:-1], kernel, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(weight[-1], bias, rtol=1e-8, atol=1e-10)
    h, died = DIGITS.x_train, 0
    for weight, flags in zip(weights[:-1], dead, strict=True):
        z = with_one(h) @ weight
        np.testing.assert_array_equal((z <= 0).all(0), np.asarray(flags[1][-1], bool))
        died += (z <= 0).all(0).sum() - np.asarray(flags[1][0]).sum()
        h = np.maximum(z, 0)
    assert died > 3  # or the comparison says little


def loss_of(weights):
    _, output = forward(weights, DIGITS.x_train)
    return -log_softmax(output)[np.arange(len(DIGITS.y_train)), DIGITS.y_train].mean()


def difference_quotient(weights, layer, part, place, width=1e-6):
    """Return the central difference of the loss along one parameter."""
    losses = []
    for sign in (1, -1):
        moved = [[kernel.copy(), bias.copy()] for kernel, bias in weights]
        moved[layer][part][place] += sign * width
        losses.append(loss_of(moved))
    return (losses[0] - losses[1]) / (2 * width)


@pytest.fixture(scope="module")
def one_step():
    """Return (weights at birth, weights after one step of rate 1) of a network of which some units are born dead."""
    setting = {"model.widths": [12, 12], "model.init.bias": -0.9, "model.init.scale": 0.7, "train.steps": 1}
    return trained(setting | {"train.batch_size": None, "probe.count": 2}, [0.0, 1.0])[0]


def test_formula_automatic_differentiation_and_finite_differences_agree(one_step):
    birth, after = one_step
    formula, _ = gradients(birth, DIGITS.x_train, DIGITS.y_train)
    for old, new, found in zip(birth, after, formula, strict=True):
        for part in range(2):
            np.testing.assert_allclose(old[part] - new[part], found[part], rtol=1e-9, atol=1e-13)
    draw = np.random.default_rng(0)
    for layer, found in enumerate(formula):
        for part in range(2):
            for _ in range(10):
                place = tuple(draw.integers(0, size) for size in found[part].shape)
                quotient = difference_quotient(birth, layer, part, place)
                assert quotient == pytest.approx(found[part][place], rel=1e-4, abs=1e-8)


def test_the_gradient_of_a_dead_unit_is_0_and_the_step_leaves_its_bits(one_step):
    birth, after = one_step
    zs, _ = forward(birth, DIGITS.x_train)
    dead = (zs[0] <= 0).all(0)
    assert 0 < dead.sum() < 12
    for old, new in zip(birth[0], after[0], strict=True):
        np.testing.assert_array_equal(old[..., dead], new[..., dead])
    assert (birth[0][1] != after[0][1]).sum() > 5  # biases of the others move, where a unit above hears of them

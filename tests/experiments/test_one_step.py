"""Single steps: the main effects at a small size, and what holds exactly."""

import numpy as np
import polars as pl
import pytest

from relubench import config, data
from relubench.sweeps import engine
from tests.support.planned import layouts
from tests.support.reference import batches, forward, gradients, log_softmax

SMALL = [
    "experiment=one_step", "out=out", "seeds=6", "model.widths=[24,24,24]", "factor.world=[digits]",
    "factor.variant=[plain,loss_100,centred,one_sign]", "factor.optimizer=[sgd,momentum]",
    "factor.step=[usual,sgd_3,momentum_3]",
]  # fmt: skip
TABLES = ("claims", "curves", "measures", "runs", "units")
DIGITS = data.load(config.Data())


@pytest.fixture(scope="module")
def small(trained):
    folder = trained(*SMALL) / "out"
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES} | {
        "figures": {path.stem for path in (folder / "figures").glob("*.png")}
    }


def value(claims, claim, statement, setting="digits, 64×3, SGD", condition=None):
    rows = claims.filter(claim=claim, setting=setting).filter(pl.col("statement").str.contains(statement))
    rows = rows.filter("primary") if condition is None else rows.filter(pl.col("condition") == condition)
    return rows["value"].item()


@pytest.mark.slow
def test_a_large_step_kills_for_good_in_layer_1_and_laws_have_no_exception(small):
    claims, laws = small["claims"], small["claims"].filter(kind="exact test", primary=True)
    assert laws.filter(pl.col("value").is_not_null()).select("claim", "value").rows() == [
        (1, 0), (44, 0), (44, 0), (45, 0),
    ]  # fmt: skip
    assert value(claims, 1, "One step at a large rate") > 0.1
    never, layer_1 = (
        value(claims, 1, "never activates again", condition=name) for name in ("first step 3", "first step 3, layer 1")
    )
    assert layer_1 == 1 > never
    assert never == pytest.approx(never_active_again(small))
    assert value(claims, 45, "Nor are they", "digits, 64×3, momentum") == 1
    assert value(claims, 45, "is little", "digits, 64×3, momentum") == pytest.approx(9, rel=0.01)
    assert small["figures"] == {"one_step", "fates", "deadly_rates", "ways"}


def never_active_again(small):
    """Recount, of the units that the large step killed: it was the last at which they were active; dead at the end."""
    large = small["runs"].filter(pl.col("factor.step") == "sgd_3", pl.col("factor.length") == "many")["run_id"]
    flags = small["measures"].filter(pl.col("measure") == "unit_dead", pl.col("run_id").is_in(large.implode()))
    dead = {row[:4]: row[4] for row in flags.select("run_id", "layer", "item", "step", "value").rows()}
    killed = never = 0
    for *unit, last_active, dead_at_end in (
        small["units"].select("run_id", "layer", "unit", "last_active", "dead_train").rows()
    ):
        if (*unit, 1) in dead and not dead[*unit, 0] and dead[*unit, 1]:
            killed, never = killed + 1, never + (last_active == 0 and dead_at_end)
    return never / killed


@pytest.mark.slow
def test_a_large_loss_or_inputs_of_one_sign_kill_and_a_negative_gradient_does_not(small):
    claims = small["claims"]
    assert value(claims, 38, "A large gradient") > 0.1
    assert value(claims, 38, "a negative gradient") < 0.3
    assert value(claims, 23, "make z smaller") > 0.7
    assert value(claims, 27, "of one sign a large step") > 0.1
    assert small["curves"].filter(pl.col("metric") == "wrong")["mean"].max() < 0.01  # ties in float32


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

"""One run: against a plain NumPy loop, and the laws of births, deaths and revivals."""

import collections

import jax
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relubench
from relubench import config, data, theory
from relubench.run import state
from relubench.sweeps import engine
from tests.support.planned import layouts
from tests.support.reference import train as train_reference

SMALL = {"train.steps": 60, "train.batch_size": 32, "model.widths": [16, 16], "probe.count": 12}
FEW = SMALL | {"train.steps": 5}
#: A program that compiles in seconds and probes after each step.
TINY = {
    "data.name": "gaussian", "data.examples": 60, "model.widths": [10], "model.init.bias": 0.0,
    "engine.precision": "float64", "train.steps": 30, "probe.count": 31, "probe.spacing": "linear",
}  # fmt: skip
#: Few, as each is compiled; with as many runs and a bias that is a number, the laws share these programs by the cache.
SHAPES = [{"train.batch_size": 48, "model.widths": [12]}, {"train.batch_size": 12, "data.features": 4}]
SLOW = pytest.mark.slow


def trained(setting, varied=None, levels=()):
    """Return the finished runs of a grid as the engine gives them, in the grid's order."""
    return list(engine.train_grid(layouts(setting, varied, levels)))


def weights_of(run, place=0):
    layers = run.layout.structure.affine_layers(run.state.params)
    return [(np.asarray(k[place]), np.asarray(b[place])) for k, b in layers]


@pytest.fixture(scope="module")
def against_numpy():
    """The same runs by relubench in float64 and by a plain loop: rates where units die, below divergence."""
    setting = SMALL | {"engine.precision": "float64", "model.init.scale": 1.5}
    seeds, rates = [0, 1, 2], [0.05, 0.5]
    (run,) = trained(setting, {"optimizer.learning_rate": [*rates, 0.0], "seed": seeds})  # rate 0 moves nothing
    born = len(rates) * len(seeds)
    digits = data.load(config.Data())
    pairs = []
    for place, (rate, seed) in enumerate((rate, seed) for rate in rates for seed in seeds):
        probes = [int(step) for step in run.probes]
        loop = train_reference(
            weights_of(run, born + seeds.index(seed)), digits, seed=seed, rate=rate, steps=60, size=32, probes=probes
        )
        ours = jax.tree.map(lambda a, place=place: np.asarray(a)[place], run.state)
        pairs.append((ours, weights_of(run, place), loop))
    return pairs


def test_the_same_units_are_dead_at_every_probe_as_in_a_numpy_loop(against_numpy):
    for ours, _, loop in against_numpy:
        layers, units = ours.records.layers, ours.records.units
        np.testing.assert_array_equal(layers["dead_train"], loop.dead_train.sum(-1))
        np.testing.assert_array_equal(layers["dead_test"], loop.dead_test.sum(-1))
        np.testing.assert_array_equal(units["dead_train"], loop.dead_train[-1])
    assert sum(loop.dead_train[-1].sum() for *_, loop in against_numpy) > 10  # or the comparison says nothing


def test_losses_accuracies_and_weights_are_those_of_a_numpy_loop(against_numpy):
    for ours, weights, loop in against_numpy:
        np.testing.assert_allclose(ours.records.probes["train_loss"], loop.train_loss, rtol=1e-9)
        np.testing.assert_allclose(ours.records.probes["test_accuracy"], loop.test_accuracy, rtol=1e-12)
        for (kernel, bias), (their_kernel, their_bias) in zip(weights, loop.weights, strict=True):
            np.testing.assert_allclose(kernel, their_kernel, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(bias, their_bias, rtol=1e-7, atol=1e-9)


def test_births_deaths_and_revivals_are_those_of_a_numpy_loop(against_numpy):
    for ours, _, loop in against_numpy:
        dead, layers = loop.dead_train, ours.records.layers
        np.testing.assert_array_equal(layers["deaths"][1:], (dead[1:] & ~dead[:-1]).sum(-1))
        np.testing.assert_array_equal(layers["revivals"][1:], (~dead[1:] & dead[:-1]).sum(-1))
        for layer, died_step in enumerate(ours.records.units["died_step"]):
            alive_at = [np.flatnonzero(~column) for column in dead[:, layer].T]
            died = [
                -1 if not column[-1] else loop.steps[max(alive, default=-1) + 1]
                for column, alive in zip(dead[:, layer].T, alive_at, strict=True)
            ]
            np.testing.assert_array_equal(died_step, died)


def test_last_active_and_batch_dead_agree_with_a_recount_batch_by_batch(against_numpy):
    for ours, _, loop in against_numpy:
        for layer, counter in enumerate(ours.counters):
            last = [max(np.flatnonzero(column), default=-1) for column in loop.active[:, layer].T]
            np.testing.assert_array_equal(counter.last_active, last)
            for place in range(1, len(loop.steps)):
                between = loop.active[loop.steps[place - 1] : loop.steps[place], layer]
                assert ours.records.layers["batch_dead"][place, layer] == (~between).sum()


@pytest.fixture(scope="module")
def hard():
    """Runs at rates where units die and come back, some of which diverge."""
    setting = SMALL | {"train.steps": 200, "model.widths": [24, 24, 24]}
    return relubench.sweep(setting, {"optimizer.learning_rate": [0.1, 0.7, 1.5, 1e4], "seed": list(range(8))})


def test_born_dead_plus_deaths_less_revivals_is_dead_train(hard):
    runs = hard["runs"].filter(~pl.col("diverged"))
    assert runs["revivals"].sum() > 0
    assert (runs["born_dead"] + runs["deaths"] - runs["revivals"]).to_list() == runs["dead_train"].to_list()


def test_metric_columns_of_a_diverged_run_are_null_and_it_says_when(hard):
    diverged = hard["runs"].filter(pl.col("diverged"))
    assert 8 <= diverged.height < 32
    for column in ("dead_train", "dead_train_fraction", "test_accuracy", "train_loss", "collapsed"):
        assert diverged[column].null_count() == diverged.height
    assert diverged["diverged_step"].null_count() == 0
    assert diverged["diverged_step"].min() >= 1
    last = hard["probes"].join(diverged.select("run_id", "diverged_step"), on="run_id")
    assert last.filter(pl.col("step") >= pl.col("diverged_step"))["train_loss"].null_count() > 0
    assert last.filter(pl.col("step") < pl.col("diverged_step"))["train_loss"].null_count() == 0


def test_what_was_known_before_a_run_diverged_is_kept_and_its_accuracy_beside_is_that_of_guessing(hard):
    diverged = hard["runs"].filter(pl.col("diverged"))
    layers = hard["layers"].join(diverged.select("run_id", "diverged_step"), on="run_id")
    before = layers.filter(pl.col("step") < pl.col("diverged_step"))
    seen = before.group_by("run_id").agg(pl.col("deaths", "revivals").sum())
    both = diverged.join(seen, on="run_id", suffix="_seen")
    assert both["deaths"].to_list() == both["deaths_seen"].to_list()
    assert both["deaths"].sum() > 0
    assert both["revivals"].to_list() == both["revivals_seen"].to_list()
    born = layers.filter(pl.col("step") == 0).group_by("run_id").agg(pl.col("dead_train").sum())
    both = diverged.join(born, on="run_id", suffix="_seen")
    assert both["born_dead"].to_list() == both["dead_train_seen"].to_list()
    assert diverged["born_collapsed"].null_count() == 0
    assert diverged["test_accuracy_or_chance"].to_list() == [0.1] * diverged.height
    finite = hard["runs"].filter(~pl.col("diverged"))
    assert finite["train_accuracy_or_chance"].to_list() == finite["train_accuracy"].to_list()


def test_a_finite_run_has_no_diverged_step(hard):
    finite = hard["runs"].filter(~pl.col("diverged"))
    assert finite["diverged_step"].null_count() == finite.height
    assert finite["max_abs_param"].is_finite().all()


def test_layers_add_up_to_runs(hard):
    last = hard["layers"].filter(pl.col("step") == 200).group_by("run_id").agg(pl.col("dead_train", "units").sum())
    both = hard["runs"].filter(~pl.col("diverged")).join(last, on="run_id", suffix="_by_layer")
    assert both["dead_train"].to_list() == both["dead_train_by_layer"].to_list()
    assert both["units"].to_list() == both["units_by_layer"].to_list() == [72] * both.height


@pytest.mark.parametrize("shape", [SHAPES[0], pytest.param(SHAPES[1], marks=SLOW)], ids=str)
def test_a_dead_unit_of_layer_1_keeps_its_weights_but_for_decay_and_wakes_once_its_support_exceeds_minus_its_bias(
    shape,
):
    setting, seen = TINY | shape, collections.Counter()
    x = data.load(config.build_setting(setting).data).x_train

    @settings(max_examples=4)  # each traces the program again
    @given(
        seeds=st.lists(st.integers(0, 2**31 - 1), min_size=4, max_size=4, unique=True),
        bias=st.floats(-4, -0.5),
        rates=st.lists(st.floats(0.01, 1), min_size=2, max_size=2, unique=True),
        decay=st.floats(0.01, 0.9),
    )
    def law(seeds, bias, rates, decay):
        rows = [(0, 0, 0), *((r, *decays) for r in rates for decays in [(0, 0), (decay, decay), (0, decay)])]
        keys = ("optimizer.learning_rate", "optimizer.weight_decay", "optimizer.bias_decay")
        levels = [dict(zip(keys, row, strict=True)) for row in rows]
        (run,) = trained(setting | {"model.init.bias": bias}, {"seed": seeds}, levels)
        always_dead = np.asarray(run.state.records.units["died_step"][0]) == 0  # at each probe, that is after each step
        for place, (rate, *decays) in enumerate(row for row in rows for _ in seeds):
            (w, b), (w_end, b_end) = (weights_of(run, n)[0] for n in (place % len(seeds), place))
            kept_w, kept_b = ((1 - rate * decay) ** np.arange(len(run.probes)) for decay in decays)
            asleep = np.array([theory.support(x, p * w) <= -q * b for p, q in zip(kept_w, kept_b, strict=True)])
            clear = ~np.any([theory.ties(x, p * w, q * b) for p, q in zip(kept_w, kept_b, strict=True)], 0)
            slept = asleep.all(0)
            np.testing.assert_array_equal(always_dead[place, clear], slept[clear])
            for old, new, kept, lost in zip((w, b), (w_end, b_end), (kept_w, kept_b), decays, strict=True):
                # bit for bit where nothing decays
                np.testing.assert_allclose(new[..., slept], kept[-1] * old[..., slept], rtol=1e-12 * (lost > 0))
            seen["slept", *np.sign(decays)] += slept.sum()
            seen["woke", *np.sign(decays)] += (asleep[0] & ~slept).sum()

    law()
    assert min(seen["slept", 0, 0], seen["slept", 1, 1], seen["slept", 0, 1], seen["woke", 0, 1]) > 10
    assert seen["woke", 0, 0] == seen["woke", 1, 1] == 0


@SLOW  # tests/test_units.py has the definition
@pytest.mark.parametrize("activation", ["leaky_relu", "prelu", "softplus"])
def test_units_with_a_slope_everywhere_are_never_dead(activation):
    setting = SMALL | {"model.widths": [16], "probe.count": 3, "model.activation.name": activation}
    tables = relubench.sweep(setting, {"optimizer.learning_rate": [0.1, 1.0], "seed": [0, 1, 2, 3]})
    finite = tables["runs"].filter(~pl.col("diverged"))
    assert finite.height >= 4
    assert finite["dead_train"].sum() == 0


@SLOW  # tests/nn has the formula
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_summed_loss_at_rate_r_is_the_mean_at_n_times_r(shape):
    n = shape["train.batch_size"]

    @settings(max_examples=3)
    @given(
        seeds=st.lists(st.integers(0, 2**31 - 1), min_size=7, max_size=7, unique=True),
        rates=st.lists(st.floats(1e-4, 1), min_size=4, max_size=4, unique=True),
    )
    def law(seeds, rates):
        (mean,) = trained(TINY | shape, {"optimizer.learning_rate": rates, "seed": seeds})
        summed = {"optimizer.learning_rate": [rate / n for rate in rates], "seed": seeds}
        (total,) = trained(TINY | shape | {"loss.reduction": "sum"}, summed)
        for ours, theirs in zip(*(jax.tree.leaves(run.state.params) for run in (mean, total)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9, equal_nan=False)

    law()


def test_settings_that_keep_the_shapes_share_every_draw():
    still = {"model.init.bias": 0.0, "optimizer.learning_rate": 0.0}
    (run,) = trained(FEW | still, {"model.init.scale": [1.0, 2.0], "seed": [3]})
    (kernel, _), *_ = run.layout.structure.affine_layers(run.state.params)
    np.testing.assert_array_equal(2 * np.asarray(kernel[0]), np.asarray(kernel[1]))


@pytest.mark.parametrize(
    ("steps", "count", "spacing", "expected"),
    [
        (0, 20, "log", [0]),
        (1, 20, "log", [0, 1]),
        (1000, 2, "log", [0, 1000]),
        (1000, 2, "linear", [0, 1000]),
        (1000, 5, "log", [0, 1, 10, 100, 1000]),
        (10, 3, "linear", [0, 5, 10]),
        (3, 20, "log", [0, 1, 2, 3]),
    ],
)
def test_probes_begin_at_0_and_end_at_the_last_step(steps, count, spacing, expected):
    found = state.probe_steps(config.Train(steps=steps), config.Probe(count=count, spacing=spacing))
    assert found.tolist() == expected


def test_a_collapsed_run_is_told_and_stays_in_the_means():
    tables = relubench.sweep(FEW | {"model.init.bias": -1e6}, {"seed": [0]})
    row = tables["runs"].row(0, named=True)
    assert row["born_collapsed"]
    assert row["collapsed"]
    assert row["dead_train_fraction"] == 1.0
    assert not row["diverged"]


def test_a_batch_norm_is_probed_at_birth_with_the_statistics_of_the_training_set():
    setting = SMALL | {"model.norm": "batch", "model.widths": [9, 7], "train.steps": 0, "data.scale": 5.0}
    (run,) = engine.train_grid(layouts(setting | {"engine.precision": "float64"}, {"seed": [3]}))
    x = run.layout.datasets[0].x_train * 5.0
    affine = [(np.asarray(k[0]), np.asarray(b[0])) for k, b in run.layout.structure.affine_layers(run.state.params)]
    dead = []
    for kernel, bias in affine[:-1]:
        z = x @ kernel + bias
        z = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)  # Flax's epsilon
        dead.append(int((z <= 0).all(0).sum()))
        x = np.maximum(z, 0)
    output = x @ affine[-1][0] + affine[-1][1]
    shifted = output - output.max(1, keepdims=True)
    labels = run.layout.datasets[0].y_train
    loss = (np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean()
    assert run.state.records.probes["train_loss"][0, 0] == pytest.approx(loss, rel=1e-8)
    assert run.state.records.layers["dead_train"][0, 0].tolist() == dead

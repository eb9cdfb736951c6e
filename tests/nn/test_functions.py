"""Networks that are functions of a key, of any library, in a sweep."""

import jax
import numpy as np
import polars as pl
import pytest

import relubench
from relubench import config, nn, optim
from relubench.errors import Notice, UserError
from relubench.sweeps import engine, grid
from tests.support.command_line import command
from tests.support.planned import layouts
from tests.support.registered import forgetting

HOME = "tests.support.networks"
SHORT = {"train.steps": 30, "train.batch_size": 32, "probe.count": 3, "model.widths": [8, 8], "optimizer.name": "adam",
         "optimizer.learning_rate": 0.02}  # fmt: skip
SLOW = pytest.mark.slow
TABLES = ("runs", "probes", "layers", "units")


@pytest.fixture(autouse=True)
def _foreign():
    """Let other libraries promote as they do, and forget the networks afterwards."""
    with forgetting(), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def sweep(name, setting=None, seeds=3, **options):
    return relubench.sweep(SHORT | {"model.name": name} | (setting or {}), {"seed": range(seeds)}, **options)


def same(one, other, but=()):
    ids = one["runs"].select("seed", "run_id").join(other["runs"].select("seed", theirs="run_id"), on="seed")
    for name in TABLES:
        ours, theirs = one[name], other[name].rename({"run_id": "theirs"}).join(ids.drop("seed"), on="theirs")
        order = [c for c in ("run_id", "step", "layer", "unit") if c in ours.columns]
        columns = [c for c in ours.columns if c not in ("model.name", *but)]
        assert ours.select(columns).sort(order).equals(theirs.select(columns).sort(order)), name


@pytest.mark.parametrize("norm", ["none", pytest.param("layer", marks=SLOW)])
def test_the_built_in_mlp_has_the_same_numbers_as_a_function(norm):
    setting = {"model.norm": norm, "model.activation.name": "prelu"}
    same(sweep("mlp", setting), sweep(f"{HOME}.built_in_mlp", setting))


def test_the_built_in_cnn_has_the_same_numbers_as_a_function():
    reported, found = (sweep(name, {"model.widths": [4]}) for name in ("cnn", f"{HOME}.built_in_cnn"))
    same(reported, found, but=("margin", "weight_norm", "bias"))
    for name in ("margin", "weight_norm", "bias"):  # sums over the weights, and XLA's fusions, in another order
        np.testing.assert_allclose(reported["units"][name], found["units"][name], rtol=1e-5)


def test_counts_are_those_of_a_recount_of_the_trained_parameters(tmp_path):
    setting = SHORT | {"model.name": f"{HOME}.plain", "optimizer.name": "sgd", "optimizer.learning_rate": 3.0}
    setting |= {"data.name": "moons", "data.examples": 200, "engine.precision": "float64"}
    (run,) = engine.train_grid(layouts(setting, {"seed": [0, 1, 2, 3]}))
    found = run.state.records.units["dead_train"][0]
    source = run.layout.datasets[0]
    dead = []
    for n in range(4):
        params = jax.tree.map(lambda leaf, n=n: np.asarray(leaf[n], np.float64), run.state.params)
        assert params["in"].dtype == np.float64
        dead.append(~(np.asarray(source.x_train) @ params["in"] + params["shift"] > 0).any(0))
    np.testing.assert_array_equal(found, dead)
    assert 0 < np.sum(dead) < np.size(dead)


LIBRARIES = {"linen_cnn": [3, 4, 8], "equinox_mlp": [12, 12], "haiku_mlp": [12, 10], "nnx_normed": [12], "plain": [9]}


def installed(name):
    if name in ("equinox_mlp", "haiku_mlp"):
        pytest.importorskip(name.split("_")[0], reason="extra zoo")
    return f"{HOME}.{name}"


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW if n == "haiku_mlp" else ()) for n in LIBRARIES])
def test_a_network_of_any_library_trains_and_all_tables_have_it(name):
    tables = sweep(installed(name))
    runs, layers, units = (tables[table] for table in ("runs", "layers", "units"))
    assert not runs["diverged"].any()
    losses = tables["probes"].sort("run_id", "step").group_by("run_id", maintain_order=True)
    assert (losses.agg(pl.col("train_loss").last() < 0.9 * pl.col("train_loss").first())["train_loss"]).all()
    last = layers.filter(pl.col("step") == 30, pl.col("run_id") == runs["run_id"][0]).sort("layer")
    assert last["units"].to_list() == LIBRARIES[name]
    assert units.filter(pl.col("run_id") == runs["run_id"][0]).height == sum(LIBRARIES[name])
    assert units["weight_norm"].is_finite().all()


@pytest.mark.parametrize(
    "remedy", [pytest.param(name, marks=() if name == "redo" else SLOW) for name in optim.REMEDIES if name != "none"]
)
@pytest.mark.parametrize("name", [pytest.param("linen_cnn", marks=SLOW), "equinox_mlp"])
def test_every_remedy_finds_the_layers(name, remedy):
    acting = {"remedy.period": 10, "remedy.replacement_rate": 0.05, "remedy.maturity": 2, "remedy.patience": 3}
    keys = {key: value for key, value in acting.items() if remedy in config.KEYS[key].readers}
    changed = sweep(installed(name), {"remedy.name": remedy, **keys})["runs"]
    assert not changed["diverged"].any()
    assert not changed["train_loss"].equals(sweep(f"{HOME}.{name}")["runs"]["train_loss"])


@pytest.mark.slow
def test_a_reset_draws_as_the_network_itself_does():
    """ReDo at every step with a threshold that all units are below: weights are always a fresh draw of the builder."""
    setting = {"remedy.name": "redo", "remedy.period": 1, "remedy.tau": 1e9, "train.steps": 3, "probe.count": 2}
    (run,) = engine.train_grid(layouts(SHORT | setting | {"model.name": f"{HOME}.plain"}, {"seed": [0]}))
    weights = np.asarray(run.state.params["in"][0])
    assert abs(weights.std() - 0.25) < 0.03
    assert not np.asarray(run.state.params["out"]).any()


UNITS = {"redo", "regrama", "continual_backprop", "self_normalized_resets"}


@pytest.mark.parametrize(
    "remedy",
    [pytest.param(n, marks=() if n in UNITS or n == "l2_init" else SLOW) for n in optim.REMEDIES if n != "none"],
)
def test_where_units_do_not_stand_between_layers_remedies_of_units_are_refused_by_name(remedy):
    setting = {"remedy.name": remedy, "train.steps": 4, "probe.count": 2}
    if remedy in UNITS or remedy == "rerandomize":
        with pytest.raises(UserError, match=rf"remedy.name={remedy}.*relu.*meet others"):
            layouts(SHORT | setting | {"model.name": f"{HOME}.residual"}, {"seed": [0]})
    else:
        assert not sweep(f"{HOME}.residual", setting)["runs"]["diverged"].any()


@pytest.mark.parametrize(
    "acting", [{"optimizer.weight_decay": 0.1}, {"optimizer.frozen": [1]}, {"remedy.name": "l2_init"}], ids=str
)
def test_what_would_miss_parameters_is_refused(acting):
    (key,) = acting
    with pytest.raises(UserError, match=rf"{key}: it would miss parameters of model.name=.*tied.*networks.py:\d+"):
        layouts(SHORT | acting | {"model.name": f"{HOME}.tied"}, {"seed": [0]})


def test_decay_and_frozen_layers_act_on_the_layers_that_are_found():
    base = {"model.name": f"{HOME}.plain", "optimizer.name": "sgd", "train.steps": 1, "probe.count": 2}
    states = {}
    for name, more in {
        "plain": {}, "decayed": {"optimizer.weight_decay": 0.5}, "shifts": {"optimizer.bias_decay": 0.5},
        "frozen": {"optimizer.frozen": [1]},
    }.items():  # fmt: skip
        (run,) = engine.train_grid(layouts(SHORT | base | {"optimizer.learning_rate": 0.1} | more, {"seed": [0]}))
        (still,) = engine.train_grid(layouts(SHORT | base | {"optimizer.learning_rate": 0.0}, {"seed": [0]}))
        states[name] = jax.tree.map(np.asarray, run.state.params)
        born = jax.tree.map(np.asarray, still.state.params)
    for leaf in ("in", "out"):
        expected = states["plain"][leaf] - 0.1 * 0.5 * born[leaf]
        np.testing.assert_allclose(states["decayed"][leaf], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(states["shifts"][leaf], states["plain"][leaf])
    np.testing.assert_array_equal(states["decayed"]["shift"], states["plain"]["shift"])
    np.testing.assert_array_equal(states["frozen"]["in"], born["in"])
    np.testing.assert_array_equal(states["frozen"]["shift"], born["shift"])
    assert not np.array_equal(states["frozen"]["out"], born["out"])


def test_running_statistics_are_kept_and_used_at_probes():
    (run,) = engine.train_grid(layouts(SHORT | {"model.name": f"{HOME}.nnx_normed"}, {"seed": [0]}))
    moved = [np.asarray(leaf) for leaf in jax.tree.leaves(run.state.buffers)]
    assert any(np.abs(leaf).max() > 0.05 for leaf in moved)
    assert float(run.state.records.probes["train_accuracy"][0, -1]) > 0.5


@pytest.mark.parametrize("name", [pytest.param("equinox_mlp", marks=SLOW), "nnx_normed"])
def test_the_same_bits_on_one_device_in_another_grid_and_again(name):
    name = installed(name)
    whole, alone = sweep(name, seeds=5), sweep(name, seeds=2, devices=1)
    for table in TABLES:
        rows = whole[table].filter(pl.col("run_id").is_in(alone["runs"]["run_id"].implode()))
        assert rows.equals(alone[table])


def test_a_network_has_no_key_that_it_does_not_ask_for():
    base = config.over_defaults({"model.name": f"{HOME}.plain"})
    ids = {
        grid.build(base | more, {}).run_ids()[0]
        for more in (
            {}, {"model.widths": (3,)}, {"model.norm": "batch"}, {"model.init.scale": 2.0},
            {"model.activation.name": "leaky_relu", "model.activation.negative_slope": 0.5},
        )
    }  # fmt: skip
    assert len(ids) == 1
    asking = config.over_defaults({"model.name": f"{HOME}.built_in_mlp"})
    assert len({grid.build(asking | {"model.widths": (n,)}, {}).run_ids()[0] for n in (3, 4)}) == 2


REFUSED = {
    f"{HOME}.raising": r"line \d+ of .*networks.py raises RuntimeError: no such luck",
    f"{HOME}.misshapen": r"array of shape \(32, 7\).*\[examples, outputs\], here \(32, 10\)",
    f"{HOME}.no_network": r"it is 3|network is 3",
    f"{HOME}.without_numbers": "no array of floating-point numbers",
    f"{HOME}.leaking": "closes over arrays that are made of the key",
    f"{HOME}.whole_numbers": "of int32; it takes an array of floats",
    f"{HOME}.leaving": "raises SystemExit",
    f"{HOME}.unsteady": "its activations in training",
    f"{HOME}.growing": "a state of other arrays",
    f"{HOME}.forgetful": r"takes \(outputs, state\)",
    f"{HOME}.deciding": "raises .*TracerBoolConversionError",
    "builtins.dict": "no function of a key",
    f"{HOME}.asking": "asks for 'colour'.*features",
    f"{HOME}.missing": "has no attribute 'missing'",
    f"{HOME}.NOTHING": "no function of a key",
    "tests.support.no_such_module.net": "No module named",
    "mlpp": "did you mean 'mlp'",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused_in_a_line(name):
    with pytest.raises(UserError, match=REFUSED[name]) as refused:
        sweep(name)
    assert "\n" not in str(refused.value)
    assert "model.name" in str(refused.value)


NETWORKS = ["residual_mlp", "resnet", "transformer"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ["relu", *(pytest.param(name, marks=SLOW) for name in ("prelu", "leaky_relu"))])
def test_each_network_of_relubench_trains(name, activation):
    with jax.numpy_rank_promotion("raise"):
        tables = sweep(name, {"model.activation.name": activation, "model.widths": [5, 4], "train.steps": 60})
    assert (tables["runs"]["train_accuracy"] > 0.3).all()
    assert tables["layers"]["units"].unique().sort().to_list() == [4, 5]


def test_every_network_is_known_here():
    assert {name for name in nn.MODELS if "." not in name} == {"mlp", "cnn", *NETWORKS}


def test_a_network_without_hidden_layers_is_trained():
    for name in NETWORKS:
        assert (
            sweep(name, {"model.widths": [], "train.steps": 4, "probe.count": 2})["runs"]["units"].to_list() == [0] * 3
        )


@pytest.mark.parametrize("name", ["dropping", "of_its_own_class", pytest.param("key_last", marks=SLOW)])
def test_other_ways_to_say_it_are_known(name):
    runs = sweep(installed_or(name))["runs"]
    assert not runs["diverged"].any()
    assert runs["units"].to_list() == [9] * 3


def installed_or(name):
    if name == "of_its_own_class":
        pytest.importorskip("equinox", reason="extra zoo")
    return f"{HOME}.{name}"


def test_what_cannot_be_counted_is_left_out_with_a_notice():
    with pytest.warns(Notice, match=r"model.name=.*branching.*not counted.*relu.*stands in a cond"):
        tables = sweep(f"{HOME}.branching")
    assert tables["runs"]["units"].to_list() == [9] * 3


@pytest.mark.parametrize("activation", ["gelu", *(pytest.param(name, marks=SLOW) for name in ("relu", "leaky_relu"))])
def test_linear_units_are_counted_where_all_activations_are_piecewise_linear(activation):
    setting = {"model.activation.name": activation, "train.steps": 2, "probe.count": 2}
    layers = sweep(f"{HOME}.built_in_mlp", setting)["layers"]
    assert layers["linear_train"].null_count() == (layers.height if activation == "gelu" else 0)


def test_cells_of_a_grid_that_a_network_does_not_read_are_one():
    base = config.over_defaults({"model.activation.name": "leaky_relu"})
    axes = {
        "model.name": ["mlp", f"{HOME}.plain"], "model.activation.negative_slope": [0.1, 0.2], "seed": [0, 1],
    }  # fmt: skip
    ids = grid.build(base, axes).run_ids()
    assert len(ids) == len(set(ids)) == 6


def test_retrain_gives_the_parameters_that_the_network_takes(tmp_path):
    pytest.importorskip("equinox", reason="extra zoo")
    words = ["experiment=custom", f"model.name={HOME}.equinox_mlp", "train.steps=3", "probe.count=2", "figures=false"]
    status, out, err = command(tmp_path, *words, f"out={tmp_path}/out")
    assert status == 0, out + err
    net = relubench.retrain(tmp_path / "out", relubench.load(tmp_path / "out").runs["run_id"][0])
    assert jax.vmap(net)(np.ones((2, 64), np.float32)).shape == (2, 10)


@pytest.mark.slow
def test_a_module_that_is_gone_is_told_and_nothing_else_is_said_to_be_broken(tmp_path):
    own = tmp_path / "my_conf"
    own.mkdir()
    (own / "my_net.py").write_text("from tests.support.networks import plain as net\n")
    words = ["experiment=custom", "model.name=my_net.net", "train.steps=3", "probe.count=2", f"out={tmp_path}/out"]
    with forgetting():
        assert command(tmp_path, f"--config-dir={own}", *words)[0] == 0
    with forgetting():
        status, _, err = command(tmp_path, "figures", f"out={tmp_path}/out")
    assert status == 2
    assert "model.name=my_net.net: raises ModuleNotFoundError: No module named 'my_net'" in err
    assert "--config-dir" in err
    assert "cannot be read" not in err


@pytest.mark.slow
def test_an_experiment_of_many_figures_takes_a_network_without_activation(tmp_path):
    words = [
        "experiment=learning_rate", f"model.name={HOME}.plain", "seeds=2", "train.steps=4", "probe.count=2",
        "grid.optimizer.learning_rate=[.01,.1]", f"out={tmp_path}/out",
    ]  # fmt: skip
    status, out, err = command(tmp_path, *words)
    assert status in {0, 2}, out + err
    assert "Traceback" not in out + err
    if status:
        assert "model" in err or "level" in err

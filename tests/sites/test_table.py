"""A census against a plain recount in NumPy, definition by definition."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import relubench
from relubench.errors import UserError
from tests.sites.test_watch import CASES, KEY, TRANSFORMER, Scanned, W, X, attention, normal

#: A unit that is dead, one that is linear, one that fires on few inputs, two that are the same, and one as drawn.
WEIGHTS = {"w": W.at[:, 0].set(0).at[:, 4].set(W[:, 3]), "b": jnp.asarray([-1.0, 50.0, -6.0, 0.1, 0.1, 0.0])}
INPUTS = normal(30, 400, 4)


def layer(parameters, x):
    return jax.nn.relu(x @ parameters["w"] + parameters["b"][None])


def batches():
    return [INPUTS[:150], INPUTS[150:300], INPUTS[300:]]


def recounted():
    """Return z in double precision."""
    return np.asarray(INPUTS, np.float64) @ np.asarray(WEIGHTS["w"]) + np.asarray(WEIGHTS["b"])


def test_a_row_a_unit_is_a_recount():
    table = relubench.census(layer, WEIGHTS, batches(), per_unit=True)
    z = recounted()
    h = np.maximum(z, 0)
    mean = h.mean(0)
    assert table["unit"].to_list() == list(range(6))
    assert table["examples"].to_list() == [400] * 6
    for name, expected in {
        "dead": (z <= 0).all(0),
        "dead_by_form": (z <= 0).all(0),
        "silent": (z <= 0).all(0),
        "saturated": (z <= 0).all(0),
        "linear": (z > 0).all(0),
        "constant": h.max(0) == h.min(0),
        "dormant_mean_0": mean <= 0,
        "dormant_mean_0.025": mean <= 0.025 * mean.mean(),
        "dormant_sum_0.1": mean <= 0.1 * mean.sum(),
        "duplicate": [False, False, False, False, True, False],
    }.items():
        np.testing.assert_array_equal(table[name].to_numpy(), expected, err_msg=name)
    np.testing.assert_allclose(table["firing_rate"], (z > 0).mean(0))
    np.testing.assert_allclose(table["mean_size"], mean, rtol=1e-5)
    np.testing.assert_allclose(table["weight_norm"], np.linalg.norm(WEIGHTS["w"], axis=0), rtol=1e-6)
    fired = [(part > 0).any(0) for part in (z[:150], z[150:300], z[300:])]
    idle = [
        400 if not any(f[n] for f in fired) else 0 if fired[2][n] else 100 if fired[1][n] else 250 for n in range(6)
    ]
    assert table["idle_examples"].to_list() == idle


def test_a_row_a_layer_counts_its_units():
    table = relubench.census(layer, WEIGHTS, batches())
    of_units = relubench.census(layer, WEIGHTS, batches(), per_unit=True)
    (row,) = table.to_dicts()
    assert (row["units"], row["examples"], row["dead"], row["linear"], row["duplicate"]) == (6, 400, 1, 1, 1)
    assert row["fires_below_1_percent"] == (of_units["firing_rate"] < 0.01).sum()
    assert row["fires_below_5_percent"] == (of_units["firing_rate"] < 0.05).sum()
    h = np.maximum(recounted(), 0)
    values = np.linalg.svd(h, compute_uv=False)
    shares = values[values > 1e-9] / values.sum()
    assert row["effective_rank"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-3)
    assert row["stable_rank"] == pytest.approx((values**2).sum() / values.max() ** 2, rel=1e-5)


@pytest.mark.parametrize("activation", [jax.nn.gelu, jax.nn.sigmoid, jnp.tanh, jax.nn.silu, jax.nn.elu])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_slope_that_rounding_made_0_is_told_apart(activation, dtype):
    parameters = {"w": jnp.zeros((4, 2), dtype), "b": jnp.asarray([-200, 0.5], dtype)}

    def smooth(parameters, x):
        return activation(x @ parameters["w"] + parameters["b"][None])

    (row,) = relubench.census(smooth, parameters, [INPUTS.astype(dtype)]).to_dicts()
    assert (row["dead"], row["dead_by_form"], row["linear"]) == (1, 0, None)


def test_layers_in_a_loop_are_rows_of_their_own():
    variables, x = CASES["linen, scan and remat"].arguments
    table = relubench.census(Scanned().apply, variables, [x])
    assert table["group"].to_list() == ["0", "1", "2"]
    of_units = relubench.census(Scanned().apply, variables, [x], per_unit=True)
    kernel = next(iter(variables["params"].values()))["Dense_0"]["kernel"]
    np.testing.assert_allclose(of_units["weight_norm"], np.linalg.norm(kernel, axis=1).ravel(), rtol=1e-6)


def test_what_is_padded_is_not_there():
    padded = jnp.concatenate([INPUTS[:100], jnp.full((50, 4), 1e6)])

    def real(x):
        return jnp.abs(x[:, 0]) < 1e5

    table = relubench.census(layer, WEIGHTS, [padded], mask=real, per_unit=True)
    plain = relubench.census(layer, WEIGHTS, [INPUTS[:100]], per_unit=True)
    exact = ["examples", "dead", "silent", "linear", "firing_rate", "duplicate"]
    assert table.select(exact).equals(plain.select(exact))


def test_batches_may_be_tuples_and_functions_may_hold_what_is_no_array():
    def scored(model, x, scale):
        return model["activation"](x @ model["w"]) * scale

    model = {"w": W, "activation": jax.nn.relu}
    table = relubench.census(scored, model, [(X, 2.0), (X[:4], jnp.float32(3))])
    assert table["examples"].to_list() == [13]


def test_units_that_their_bias_keeps_dead_are_told():
    parameters = {"w": jnp.tile(W[:, :1], (1, 3)).at[:, 2].set(0), "b": jnp.asarray([-1000.0, 0.0, -1.0])}
    table = relubench.census(layer, parameters, batches(), per_unit=True)
    assert table["dead"].to_list() == [True, False, True]
    assert table["dead_by_bias"].to_list() == [True, False, False]  # the last would output 0 without it, too
    np.testing.assert_allclose(table["bias"], parameters["b"])


def test_checkpoints_are_counted_by_one_program_into_one_table():
    stored = {"first.msgpack": WEIGHTS, "last.msgpack": WEIGHTS | {"b": jnp.asarray([-1000.0] * 6)}}
    traced = []

    def counted(parameters, x):
        traced.append(1)
        return layer(parameters, x)

    table = relubench.census(counted, list(stored), iter([INPUTS, INPUTS]), load=stored.get)
    assert table["checkpoint"].to_list() == list(stored)
    assert table["dead"].to_list() == [1, 6]
    assert len(traced) == 1
    with pytest.raises(UserError, match="checkpoints' names"):
        relubench.census(layer, [], [INPUTS], load=stored.get)


def test_units_of_small_gradient_and_of_small_second_moment():
    targets = jax.random.normal(KEY, (400, 6))

    def loss(parameters, x, y):
        return jnp.mean(jnp.square(layer(parameters, x) - y))

    def predict(parameters, x, y):
        return layer(parameters, x)

    pairs = [(INPUTS[:200], targets[:200]), (INPUTS[200:], targets[200:])]
    optimizer = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    slope = jax.grad(loss)(WEIGHTS, INPUTS, targets)
    with jax.numpy_dtype_promotion("standard"):
        state = optimizer.update(slope, optimizer.init(WEIGHTS), WEIGHTS)[1]
    table = relubench.census(predict, WEIGHTS, pairs, loss=loss, optimizer_state=state, per_unit=True)
    size = np.abs(np.asarray(slope["w"], np.float64)).mean(0)
    np.testing.assert_array_equal(table["gradient_dormant"], size <= 0.01 * size.mean())
    root = np.sqrt(np.square(np.asarray(slope["w"], np.float64)).mean(0))
    np.testing.assert_array_equal(table["moment_dormant"], root <= 0.01 * root.mean())
    assert table["gradient_dormant"][0]  # the dead one
    (row,) = relubench.census(predict, WEIGHTS, pairs).to_dicts()
    assert row["gradient_dormant"] is None
    with pytest.raises(UserError, match="no second moments"):
        relubench.census(predict, WEIGHTS, pairs, optimizer_state=optax.sgd(0.1).init(WEIGHTS))


def test_a_site_of_a_transformer_has_a_row():
    (row,) = relubench.census(attention, TRANSFORMER, [X, -X]).to_dicts()
    assert (row["site"], row["kind"], row["units"], row["examples"]) == ("up/gelu", "gelu", 8, 18)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: relubench.census(layer, WEIGHTS, []), "batches: there are none"),
        (lambda: relubench.census(lambda w, x: x @ w, W, [X]), "no site"),
        (lambda: relubench.census(layer, WEIGHTS, [INPUTS], dormant=[-1.0]), "dormant=-1.0"),
        (lambda: relubench.census(layer, WEIGHTS, [INPUTS], axes={"gelu": (0,)}), "the sites are"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, named):
    with pytest.raises(UserError, match=named):
        call()


def test_random_functions_are_counted_with_the_keys_that_they_get():
    def dropped(w, x, key):
        return jax.nn.relu(jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x, 0) @ w)

    table = relubench.census(dropped, W, [(X, jax.random.fold_in(KEY, n)) for n in range(3)])
    assert table["examples"].to_list() == [27]

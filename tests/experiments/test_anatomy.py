"""The post-mortem: the main effects at a small size, and when a unit is alive."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench import nn

SMALL = [
    "experiment=anatomy", "out=out", "factor.world=[digits]", "factor.optimizer=[adam]", "factor.rate=[high]",
    "seeds=6", "model.widths=[32,32]", "train.steps=150",
]  # fmt: skip
reals = st.floats(-4, 4, width=16, allow_subnormal=False)


@pytest.fixture
def found(trained):
    return trained(*SMALL) / "out"


def test_planes_lie_outside_the_data_weights_kill_and_nobody_misses_the_dead(found):
    runs = pl.read_parquet(found / "runs.parquet")
    assert runs["deaths"].sum() > 20  # or the rest says little
    claims = pl.read_parquet(found / "claims.parquet")
    exact = claims.filter(pl.col("kind") == "exact test", pl.col("value").is_not_null())
    assert exact.select("claim", "value", "n").rows() == [(claim, 0, 6) for claim in (4, 4, 8, 21, 40)]
    measured = claims.filter(pl.col("setting") == "digits, 64×3, Adam", "primary")
    assert set(measured.filter(pl.col("n") == 6)["claim"]) >= {4, 9, 29}
    by_bias, weights = (claims.filter(pl.col("condition") == name)["value"][1] for name in ("weights", "either alone"))
    assert by_bias > weights


def test_the_causes_of_a_layers_deaths_add_up_to_all_of_them(found):
    curves = pl.read_parquet(found / "curves.parquet")
    causes = curves.filter(pl.col("metric") == "killed_by").group_by("layer").agg(pl.col("mean").sum(), pl.len())
    assert causes["len"].to_list() == [4, 4]
    np.testing.assert_allclose(causes["mean"], 1)
    within = curves.filter(pl.col("metric") == "within", pl.col("fate") == "dead").sort("distance")
    assert (within["mean"].diff().drop_nulls() >= 0).all()
    assert within.filter(pl.col("distance") < 0)["mean"].max() == 0


@jax.jit
def gradients(parameters, x, upstream):
    def output(parameters):
        weights, bias = parameters
        h = nn.activation("relu")(x @ weights + bias[None, :])
        return jnp.sum(upstream[:, None] * h), h

    return jax.grad(output, has_aux=True)(parameters)


@given(
    hnp.arrays(np.float32, (5, 3), elements=reals), hnp.arrays(np.float32, (3, 8), elements=reals),
    hnp.arrays(np.float32, 8, elements=st.floats(-16, 4, width=16, allow_subnormal=False)),
)  # fmt: skip
def test_a_unit_is_alive_if_one_input_activates_it_and_only_then(x, weights, bias):
    upstream = jnp.asarray(2.0 ** np.arange(5), jnp.float32)  # no two sets of active inputs have the same gradient
    (of_weights, of_bias), h = gradients((weights, bias), x, upstream)
    alive = np.asarray(h > 0).any(0)
    np.testing.assert_array_equal(np.asarray(of_bias) != 0, alive)
    np.testing.assert_array_equal(np.asarray(of_weights)[:, ~alive], 0)

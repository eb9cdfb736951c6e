"""A watched function over a mesh of devices has the units that it has on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import relubench
from relubench.errors import UserError
from tests.sites.test_watch import MEMBERS, V, W, X, bits, normal

P = PartitionSpec
BATCH = jnp.concatenate([X[:8], -X[:8]])


def plain(w, x):
    return jax.nn.relu(jax.nn.relu(x @ w) @ V)


@pytest.fixture
def mesh():
    return Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("data", "model"))


def same(function, reference, *arguments):
    """Compare the sites of a function over a mesh with those of the plain one, alone and inside `jit`."""
    expected = relubench.watch(reference)(*arguments)[1]
    results, alone = relubench.watch(function)(*arguments)
    assert bits(results) == bits(function(*arguments))
    for sites in (alone, jax.jit(relubench.watch(function))(*arguments)[1]):
        for site, other in zip(sites, expected, strict=True):
            assert site.stats.active.shape == other.stats.active.shape
            np.testing.assert_array_equal(site.stats.active, other.stats.active)
            np.testing.assert_allclose(site.stats.max_z, other.stats.max_z, rtol=1e-5)
            np.testing.assert_allclose(site.stats.total_abs_h, other.stats.total_abs_h, rtol=1e-5)
            np.testing.assert_array_equal(*np.broadcast_arrays(site.stats.examples, other.stats.examples))


@pytest.mark.parametrize("check_vma", [True, False])
def test_examples_shared_out_are_merged(mesh, check_vma):
    over = jax.shard_map(plain, mesh=mesh, in_specs=(P(), P("data")), out_specs=P("data"), check_vma=check_vma)
    same(over, plain, W, BATCH)
    both = jax.shard_map(
        plain, mesh=mesh, in_specs=(P(), P(("data", "model"))), out_specs=P(("data", "model")), check_vma=check_vma
    )
    same(both, plain, W, BATCH)


def test_units_shared_out_stand_beside_each_other(mesh):
    def of_parts(w, v, x):
        return jax.lax.psum(jax.nn.relu(x @ w) @ v, "model")

    specs = (P(None, "model"), P("model", None), P("data"))
    over = jax.shard_map(of_parts, mesh=mesh, in_specs=specs, out_specs=P("data"))
    expected = relubench.watch(lambda w, v, x: jax.nn.relu(x @ w) @ v, data=2)(W, V, BATCH)[1]
    (site,) = relubench.watch(over, data=2)(W, V, BATCH)[1]
    np.testing.assert_array_equal(site.stats.active, expected[0].stats.active)
    np.testing.assert_allclose(site.stats.max_z, expected[0].stats.max_z, rtol=1e-5)
    assert set(np.asarray(site.stats.examples).ravel()) == {16}
    with pytest.raises(UserError, match="shared out over devices"):
        relubench.census(over, W, [(V, BATCH)], data=2)


def test_parameters_gathered_on_every_device_are_the_whole(mesh):
    def gathered(w, x):
        return plain(jax.lax.all_gather(w, "data", axis=0, tiled=True), x)

    over = jax.shard_map(gathered, mesh=mesh, in_specs=(P("data"), P("data")), out_specs=P("data"), check_vma=False)
    same(over, plain, W, BATCH)


def test_pmap_over_examples_and_over_members():
    def each(w, x):
        return jax.nn.relu(x @ w)

    batches = BATCH.reshape(4, 4, 4)
    (site,) = relubench.watch(jax.pmap(each, in_axes=(None, 0)))(W, batches)[1]
    (expected,) = relubench.watch(each)(W, BATCH)[1]
    np.testing.assert_array_equal(site.stats.active, expected.stats.active)
    assert site.stats.examples == 16
    (site,) = relubench.watch(jax.pmap(each, in_axes=(0, None)))(MEMBERS[:4], X)[1]
    np.testing.assert_array_equal(site.stats.active, (np.einsum("bi,mio->bmo", X, MEMBERS[:4]) > 0).any(0))
    outside = jax.pmap(relubench.watch(each), in_axes=(None, 0))(W, batches)[1]
    np.testing.assert_array_equal(relubench.units.merge(outside[0].stats).active, expected.stats.active)


def test_a_scan_over_layers_inside_a_mesh(mesh):
    layers = normal(40, 3, 4, 4)

    def deep(w, x):
        return jax.lax.scan(lambda h, w: (jax.nn.relu(h @ w), None), x, w)[0]

    over = jax.shard_map(deep, mesh=mesh, in_specs=(P(), P("data")), out_specs=P("data"), check_vma=False)
    same(over, deep, layers, BATCH)

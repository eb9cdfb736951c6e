"""The dense layer against plain NumPy: values, gradients, tangents, second derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from relubench.nn import modules


def dense(x, kernel, bias):
    return modules.Dense(jnp.asarray(kernel), jnp.asarray(bias))(x)


def drawn(examples, size, out):
    draw = np.random.default_rng(0)
    return draw.normal(size=(examples, size)), draw.normal(size=(size, out)), draw.normal(size=out)


SHAPES = [(7, 5, 3), (1, 1, 1), (128, 4, 4), (64, 64, 10), (5, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_are_the_products(shape):
    x, kernel, bias = drawn(*shape)
    np.testing.assert_allclose(jax.jit(dense)(x, kernel, bias), x @ kernel + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_products(shape):
    x, kernel, bias = drawn(*shape)
    above = np.random.default_rng(1).normal(size=(shape[0], shape[2]))

    def pulled(x, kernel, bias):
        return jax.vjp(dense, x, kernel, bias)[1](jnp.asarray(above, jnp.float32))

    found = jax.jit(pulled)(*(jnp.asarray(array, jnp.float32) for array in (x, kernel, bias)))
    for gradient, expected in zip(found, (above @ kernel.T, x.T @ above, above.sum(0)), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_tangents_and_second_derivatives_are_there():
    point = tuple(jnp.asarray(array, jnp.float32) for array in drawn(6, 4, 3))

    def plain(x, kernel, bias):
        return x @ kernel + bias[None, :]

    def curved(layer):
        return lambda *point: jnp.sum(jnp.sin(layer(*point)))

    for layers in zip(*((jax.jvp(layer, point, point)) for layer in (dense, plain)), strict=True):
        np.testing.assert_allclose(*layers, rtol=1e-4, atol=1e-4)
    for argument in range(3):
        found, expected = (jax.jvp(jax.grad(curved(layer), argument), point, point)[1] for layer in (dense, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_batch_of_layers_is_each_layer():
    x, kernel, bias = drawn(7, 5, 3)
    kernels, biases = np.stack([kernel, 2 * kernel]), np.stack([bias, -bias])
    found = jax.jit(jax.vmap(dense, in_axes=(None, 0, 0)))(x, kernels, biases)
    for one, expected in zip(found, (x @ kernel + bias, 2 * x @ kernel - bias), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-4)

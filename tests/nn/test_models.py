"""Networks and losses against plain NumPy and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from relubench import config, nn
from relubench.errors import UserError
from relubench.nn import networks


def build(outputs=10, features=64, image_shape=(8, 8, 1), **model):
    return nn.build(
        config.Model(**model), jax.random.key(0), features=features, image_shape=image_shape, outputs=outputs
    )


def affine(network):
    return [
        (np.asarray(k), np.asarray(b))
        for k, b in networks.structure(network, config.Model()).affine_layers(nnx.state(network, nnx.Param))
    ]


def test_an_mlp_records_the_argument_of_its_activation():
    network, x = build(widths=[5, 4]), np.random.default_rng(0).normal(size=(7, 64)).astype(np.float32)
    forward = network(jnp.asarray(x), train=True)
    (k1, b1), (k2, b2), (k3, b3) = affine(network)
    z1 = x @ k1 + b1
    z2 = np.maximum(z1, 0) @ k2 + b2
    np.testing.assert_allclose(forward.hidden[0].z, z1, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(forward.hidden[1].z, z2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(forward.output, np.maximum(z2, 0) @ k3 + b3, rtol=1e-4, atol=1e-5)


def test_inputs_may_be_numpys():
    x = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    for name in ("mlp", "cnn"):
        network = build(name=name, widths=[3])
        np.testing.assert_array_equal(network(x, train=True).output, network(jnp.asarray(x), train=True).output)


@pytest.mark.parametrize(("norm", "axis"), [("batch", 0), ("layer", -1)])
def test_z_is_taken_after_the_norm(norm, axis):
    network = build(widths=[50], norm=norm)
    z = network(jax.random.normal(jax.random.key(1), (40, 64)), train=True).hidden[0].z
    np.testing.assert_allclose(np.mean(z, axis), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(z, axis), 1, atol=1e-3)


def test_a_network_without_hidden_layers_is_linear():
    network, x = build(widths=[]), jnp.ones((2, 64))
    ((kernel, bias),) = affine(network)
    forward = network(x, train=True)
    assert forward.hidden == ()
    np.testing.assert_allclose(forward.output, np.ones((2, 64)) @ kernel + bias, rtol=1e-5)


def test_a_cnn_needs_images():
    with pytest.raises(UserError, match="images"):
        build(name="cnn", image_shape=None)


IMAGES = [(8, 8, 1), (9, 7, 2), (3, 2, 1)]


@pytest.mark.parametrize("shape", IMAGES)
def test_a_cnn_is_that_of_pytorch(shape):
    """Outputs, pre-activations and gradients, where images have odd sides and equal neighbours too."""
    torch = pytest.importorskip("torch", reason="needs the extra `bench`")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(5, *shape)).astype(np.float32)
    x[2:, : shape[0] // 2] = 0.5
    network = build(
        name="cnn", widths=[3, 4], features=x[0].size, image_shape=shape, activation=config.Activation("elu")
    )
    above = draw.normal(size=(5, 10)).astype(np.float32)
    graph, params, rest = nnx.split(network, nnx.Param, ...)

    def objective(params):
        forward = nnx.merge(graph, params, rest)(jnp.asarray(x.reshape(5, -1)), train=True)
        return jnp.sum(forward.output * above), forward

    gradient, forward = jax.grad(objective, has_aux=True)(params)
    theirs = [[torch.tensor(array, requires_grad=True) for array in layer] for layer in affine(network)]
    h = torch.tensor(x).permute(0, 3, 1, 2)
    for place, (k, b) in enumerate(theirs[:-1]):
        z = torch.nn.functional.conv2d(h, k.permute(3, 2, 0, 1), b, padding=1)
        np.testing.assert_allclose(forward.hidden[place].z, z.permute(0, 2, 3, 1).detach(), rtol=1e-3, atol=1e-5)
        h = torch.nn.functional.elu(z)
        h = torch.nn.functional.max_pool2d(h, 2) if min(h.shape[2:]) >= 2 else h
    output = h.mean((2, 3)) @ theirs[-1][0] + theirs[-1][1]
    np.testing.assert_allclose(forward.output, output.detach(), rtol=1e-3, atol=1e-5)
    (output * torch.tensor(above)).sum().backward()
    ours = networks.structure(network, config.Model()).affine_layers(gradient)
    for layer, expected in zip(ours, theirs, strict=True):
        for found, array in zip(layer, expected, strict=True):
            np.testing.assert_allclose(found, array.grad, rtol=1e-3, atol=1e-4)


def test_losses_are_their_closed_forms():
    draw = np.random.default_rng(0)
    output, labels = draw.normal(size=(6, 4)), draw.integers(0, 4, 6)
    cross = np.log(np.exp(output).sum(-1)) - output[np.arange(6), labels]
    squared = 0.5 * ((output - np.eye(4)[labels]) ** 2).sum(-1)
    for name, closed in {"cross_entropy": cross, "squared_error": squared}.items():
        found = nn.LOSSES[name](jnp.asarray(output, jnp.float32), jnp.asarray(labels))
        np.testing.assert_allclose(found, closed, rtol=1e-5)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        ({}, r"has no affine_layers\(\)"),
        ({"affine_layers": lambda self: [nnx.Linear(2, 2, rngs=nnx.Rngs(0))], "hidden_layers": list}, "parts of it"),
        (
            {
                "affine_layers": lambda self: [self.output],
                "hidden_layers": lambda self: [nn.HiddenLayer(0, (1,), affine=True, plane=True)],
            },
            "places are those of 1 affine layers",
        ),
    ],
)
def test_a_network_that_reports_what_cannot_be_is_refused(report, error):
    network = type("Odd", (nnx.Module,), report)()
    network.output = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=error):
        networks.structure(network, config.Model())

"""Networks and losses against plain NumPy and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from relubench import config, nn
from relubench.errors import UserError


def build(outputs=10, features=64, image_shape=(8, 8, 1), **model):
    return nn.build(
        config.Model(**model), jax.random.key(0), features=features, image_shape=image_shape, outputs=outputs
    )


def affine(network):
    return [
        (np.asarray(k), np.asarray(b)) for k, b in nn.structure(network).affine_layers(nnx.state(network, nnx.Param))
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


def test_a_cnn_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="needs the extra `bench`")
    network, x = build(name="cnn", widths=[3, 4]), np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    forward = network(jnp.asarray(x), train=True)
    *convolutions, (kernel, bias) = affine(network)
    h = torch.tensor(x).reshape(5, 1, 8, 8)
    for place, (k, b) in enumerate(convolutions):
        z = torch.nn.functional.conv2d(h, torch.tensor(k.transpose(3, 2, 0, 1)), torch.tensor(b), padding=1)
        np.testing.assert_allclose(forward.hidden[place].z, z.permute(0, 2, 3, 1), rtol=1e-3, atol=1e-5)
        h = torch.nn.functional.max_pool2d(torch.relu(z), 2)
    np.testing.assert_allclose(forward.output, h.mean((2, 3)).numpy() @ kernel + bias, rtol=1e-3, atol=1e-5)


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
                "hidden_layers": lambda self: [nn.HiddenLayer(0, 1, affine=True, plane=True)],
            },
            "places are those of 1 affine layers",
        ),
    ],
)
def test_a_network_that_reports_what_cannot_be_is_refused(report, error):
    network = type("Odd", (nnx.Module,), report)()
    network.output = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=error):
        nn.structure(network)

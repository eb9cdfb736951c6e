"""Arrays that are given from Python: what they become, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import relubench
from relubench import config, data
from relubench.errors import UserError

DRAW = np.random.default_rng(0)
X, X_TEST = DRAW.normal(size=(12, 4, 3)), DRAW.normal(size=(5, 4, 3))
Y, Y_TEST = np.arange(12) % 3, np.arange(5) % 3


def test_images_and_classes_become_examples_with_a_test_set():
    examples = data.examples_of((X, Y, X_TEST, Y_TEST))
    assert (examples.outputs, examples.image_shape) == (3, (4, 3, 1))
    np.testing.assert_array_equal(examples.x, X.reshape(12, 12))
    np.testing.assert_array_equal(examples.test[1], Y_TEST)
    two_channels, two_test = (x[..., None].repeat(2, 3) for x in (X, X_TEST))
    assert data.examples_of((two_channels, Y, two_test, Y_TEST)).image_shape == (4, 3, 2)


def test_features_and_targets_become_examples():
    found = data.examples_of((X[:, 0], Y / 2, X_TEST[:, 0], Y_TEST / 2))
    assert (found.outputs, found.image_shape, found.y.shape, found.test[1].shape) == (1, None, (12, 1), (5, 1))
    (prepared,) = data.loader(None, found)(config.make(config.Data, name="arrays", normalize="feature"))
    np.testing.assert_allclose(prepared.x_train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(prepared.x_train.std(0), 1)


def test_a_digest_depends_on_the_numbers_and_not_on_their_types():
    small = np.round(X, 2).astype(np.float32)
    digest = data.digest(data.examples_of((small, Y, small[:5], Y_TEST)))
    assert digest == "2acefb9015131db6"  # the same in another process
    same = (jnp.asarray(small), Y.astype(np.uint8), small[:5].astype(float).tolist(), list(Y_TEST))
    assert data.digest(data.examples_of(same)) == digest
    others = [(small.reshape(12, 12), Y, small[:5].reshape(5, 12), Y_TEST), (small, 2 - Y, small[:5], Y_TEST)]
    for other in others:
        assert data.digest(data.examples_of(other)) != digest


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((X, Y), "(x, y, x_test, y_test)"),
        (X, "(x, y, x_test, y_test)"),
        ((X, Y, X_TEST[:, :3], Y_TEST), "data: x_test has shape (5, 3, 3): it takes the features of x, (4, 3)"),
        ((X[:0], Y[:0], X_TEST, Y_TEST), "data: x has shape (0, 4, 3)"),
        ((Y, Y, Y_TEST, Y_TEST), "data: x has shape (12,)"),
        ((X, Y[:-1], X_TEST, Y_TEST), "data: y has shape (11,): it takes a class, or some targets, for each of 12"),
        ((X, Y[:, None], X_TEST, Y_TEST[:, None]), "data: y has shape (12, 1)"),
        ((X, Y, X_TEST, Y_TEST / 2), "data: y_test is float64"),
        ((X, Y - 1, X_TEST, Y_TEST), "data: y holds -1: it takes classes from 0"),
        ((X, Y, X_TEST * np.inf, Y_TEST), "data: x_test: not all of its numbers are finite"),
        ((X, Y.astype(str), X_TEST, Y_TEST), "data: y is an array of <U21: it takes real numbers"),
        (([[1], [2, 3]], Y, X_TEST, Y_TEST), "data: x=<list>: it takes an array of numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_trained_on_is_refused_by_name(given, told):
    with pytest.raises(UserError) as caught:
        data.examples_of(given)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "root"),
    [({"data.name": "moons"}, None), ({"data.test_fraction": 0.1}, None), ({"data.examples": 8}, None),
     ({"data.target_scale": 2.0}, None), ({}, "somewhere")],
)  # fmt: skip
def test_keys_of_the_data_that_arrays_do_not_read_are_refused(setting, root):
    key = next(iter(setting), "data.root")
    with pytest.raises(UserError, match=f"{key}: the data are given as arrays"):
        relubench.sweep(setting, data=(X, Y, X_TEST, Y_TEST), root=root)


def test_arrays_are_not_asked_for_on_the_command_line():
    with pytest.raises(UserError, match=r"relubench.sweep\(..., data="):
        data.load(config.make(config.Data, name="arrays", digest="0"))

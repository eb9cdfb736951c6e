"""Data sets: the split, the normalisation, and IDX files."""

import gzip
import struct

import numpy as np
import pytest

from relubench import config, data
from relubench.data import idx
from relubench.errors import UserError


def test_the_split_is_stratified_fixed_and_of_the_size_asked_for():
    first, again = data.load(config.Data()), data.load(config.Data())
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert (len(first.x_train), len(first.x_test)) == (1437, 360)
    whole = np.bincount(np.concatenate([first.y_train, first.y_test])) / 1797
    np.testing.assert_allclose(np.bincount(first.y_test) / 360, whole, atol=2e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_example_is_in_both_sets(seed):
    found = data.load(config.Data(name="gaussian", split_seed=seed))
    assert not {tuple(x) for x in found.x_train} & {tuple(x) for x in found.x_test}


def test_inputs_are_normalised_by_the_training_set_alone():
    scalar = data.load(config.Data(normalize="scalar"))
    assert scalar.x_train.mean() == pytest.approx(0, abs=1e-12)
    assert scalar.x_train.std() == pytest.approx(1)
    assert scalar.x_test.mean() != pytest.approx(0, abs=1e-6)
    feature = data.load(config.Data(normalize="feature"))
    varying = feature.x_train.std(0) > 0
    assert (~varying).sum() == 4  # pixels that never vary over the training set
    np.testing.assert_allclose(feature.x_train.std(0)[varying], 1)
    none = data.load(config.Data(normalize="none"))
    assert (none.x_train.min(), none.x_train.max()) == (0, 1)


def test_toy_sets_have_the_size_and_classes_asked_for():
    found = data.load(config.Data(name="gaussian", examples=500, features=7, classes=3))
    assert found.x_train.shape == (400, 7)
    assert set(found.y_train) == {0, 1, 2}
    assert data.load(config.Data(name="moons", examples=100)).x_train.shape == (80, 2)


def test_too_few_examples_for_the_split_are_refused():
    with pytest.raises(UserError, match=r"data\.test_fraction"):
        data.load(config.Data(name="moons", examples=4, test_fraction=0.1))


def write_idx(path, array, opener=open):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with opener(path, "wb") as file:
        file.write(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def folder(tmp_path):
    draw = np.random.default_rng(0)
    for part, count in {"train": 30, "t10k": 12}.items():
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", draw.integers(0, 256, (count, 5, 4)), gzip.open)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(count) % 3)
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_are_read_plain_and_gzipped_and_keep_their_own_test_set(folder, name):
    found = data.load(config.Data(name=name, root=str(folder), normalize="none"))
    assert found.x_train.shape == (30, 20)
    assert found.x_test.shape == (12, 20)
    assert found.image_shape == (5, 4, 1)
    assert found.outputs == 3
    images = idx.read_idx(folder / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(found.x_train, images.reshape(30, 20) / 255)


DAMAGES = {
    "cut off": (lambda raw: raw[:-7], "belong to"),
    "within the header": (lambda raw: raw[:6], "ends within its header"),
    "another type": (lambda raw: b"\0\0\x0d" + raw[3:], "00 00 08"),
    "no IDX file": (lambda raw: b"<html>", "it begins with"),
    "empty": (lambda raw: b"", "it begins with"),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_file_is_refused_by_name(folder, damage):
    spoil, told = DAMAGES[damage]
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match="train-labels-idx1-ubyte") as caught:
        data.load(config.Data(name="mnist", root=str(folder)))
    assert told in str(caught.value)


def test_a_damaged_gzip_file_is_refused_by_name(folder):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte"):
        data.load(config.Data(name="mnist", root=str(folder)))


def test_a_missing_file_or_folder_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte"):
        data.load(config.Data(name="mnist", root=str(folder)))
    with pytest.raises(UserError, match=r"data\.root=/nowhere"):
        data.load(config.Data(name="fashion_mnist", root="/nowhere"))


def test_a_loader_reads_a_set_once_and_tells_settings_apart():
    load = data.loader(None)
    assert load(config.Data(scale=2.0)) is load(config.Data())  # the scale is a knob of the program
    assert load(config.Data(normalize="none")) is not load(config.Data())

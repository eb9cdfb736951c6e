"""Data sets: the split, the normalisation, and IDX files."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from relubench import config, data
from relubench.data import idx
from relubench.errors import UserError
from tests.support.registered import forgetting


def test_the_split_is_stratified_fixed_and_of_the_size_asked_for():
    first, again = data.load(config.Data()), data.load(config.Data())
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert (len(first.x_train), len(first.x_test)) == (1437, 360)
    whole = np.bincount(np.concatenate([first.y_train, first.y_test])) / 1797
    np.testing.assert_allclose(np.bincount(first.y_test) / 360, whole, atol=2e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_example_is_in_both_sets(seed):
    found = data.load(config.make(config.Data, name="gaussian", split_seed=seed))
    assert not {tuple(x) for x in found.x_train} & {tuple(x) for x in found.x_test}


def test_inputs_are_normalised_by_the_training_set_alone():
    scalar = data.load(config.make(config.Data, normalize="scalar"))
    assert scalar.x_train.mean() == pytest.approx(0, abs=1e-12)
    assert scalar.x_train.std() == pytest.approx(1)
    assert scalar.x_test.mean() != pytest.approx(0, abs=1e-6)
    feature = data.load(config.make(config.Data, normalize="feature"))
    varying = feature.x_train.std(0) > 0
    assert (~varying).sum() == 4  # pixels that never vary over the training set
    np.testing.assert_allclose(feature.x_train.std(0)[varying], 1)
    none = data.load(config.make(config.Data, normalize="none"))
    assert (none.x_train.min(), none.x_train.max()) == (0, 1)


def test_toy_sets_have_the_size_and_classes_asked_for():
    found = data.load(config.make(config.Data, name="gaussian", examples=500, features=7, classes=3))
    assert found.x_train.shape == (400, 7)
    assert set(found.y_train) == {0, 1, 2}
    assert data.load(config.make(config.Data, name="moons", examples=100)).x_train.shape == (80, 2)


def test_too_few_examples_for_the_split_are_refused():
    with pytest.raises(UserError, match=r"data\.test_fraction"):
        data.load(config.make(config.Data, name="moons", examples=4, test_fraction=0.1))


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
    found = data.load(config.make(config.Data, name=name, root=str(folder), normalize="none"))
    assert found.x_train.shape == (30, 20)
    assert found.x_test.shape == (12, 20)
    assert found.image_shape == (5, 4, 1)
    assert found.outputs == 3
    images = idx.read_idx(folder / "train-images-idx3-ubyte.gz", 3)
    np.testing.assert_array_equal(found.x_train, images.reshape(30, 20) / 255)


DAMAGES = {
    "cut off": (lambda raw: raw[:-7], "belong to"),
    "within the header": (lambda raw: raw[:6], "ends within its header"),
    "another type": (lambda raw: b"\0\0\x0d" + raw[3:], "00 00 08"),
    "no IDX file": (lambda raw: b"<html>", "it begins with"),
    "empty": (lambda raw: b"", "it begins with"),
    "one byte more": (lambda raw: raw + b"\0", "31 or more bytes"),
    "another rank": (lambda raw: b"\0\0\x08\xff" + raw[4:] + bytes(2000), "it begins with 00 00 08 ff"),
    "no example": (lambda raw: raw[:4] + bytes(4), "holds nothing"),
    "one class": (lambda raw: raw[:8] + b"\2" * 30, "it has one class"),
    "fewer labels": (lambda raw: raw[:7] + b"\x1d" + raw[8:-1], "do not go with labels"),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_file_is_refused_by_name(folder, damage):
    spoil, told = DAMAGES[damage]
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match="train-") as caught:
        data.load(config.make(config.Data, name="mnist", root=str(folder)))
    assert told in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-9], lambda raw: raw[:-6] + b"\0\0" + raw[-4:], lambda raw: b""])
def test_a_damaged_gzip_file_is_refused_by_name(folder, spoil):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte"):
        data.load(config.make(config.Data, name="mnist", root=str(folder)))


def test_no_more_of_a_gzip_file_is_unpacked_than_its_header_says(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, 30, 5, 4))
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(UserError, match="601 or more bytes follow the header, 600 belong"):
        idx.read_idx(path, 3)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_images_without_pixels_are_refused(folder):
    write_idx(folder / "train-images-idx3-ubyte", np.zeros((30, 0, 4)))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte: its shape is \(30, 0, 4\), which holds nothing"):
        data.load(config.make(config.Data, name="mnist", root=str(folder)))


def test_a_test_label_that_training_lacks_is_refused(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(12))
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte: no image for training has its label 3"):
        data.load(config.make(config.Data, name="mnist", root=str(folder)))


@pytest.mark.parametrize(
    ("y", "y_test", "told"), [([1, 1], [1], "has 1 class"), ([0, 1], [2], "no example for training has the label 2")]
)
def test_classes_are_checked_whatever_the_source(y, y_test, told):
    examples = data.Examples(np.ones((2, 3)), np.array(y), outputs=3, test=(np.ones((1, 3)), np.array(y_test)))
    with forgetting():
        data.SOURCES.register("mine")(lambda data: examples)
        with pytest.raises(UserError, match=f"data.name=mine: .*{told}"):
            data.load(config.make(config.Data, name="mine"))


def test_a_missing_file_or_folder_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte"):
        data.load(config.make(config.Data, name="mnist", root=str(folder)))
    with pytest.raises(UserError, match=r"data\.root=/nowhere"):
        data.load(config.make(config.Data, name="fashion_mnist", root="/nowhere"))


def test_a_loader_reads_a_set_once_and_tells_settings_apart():
    load = data.loader(None)
    assert load(config.make(config.Data, scale=2.0)) is load(config.Data())  # the scale is a knob of the program
    assert load(config.make(config.Data, normalize="none")) is not load(config.Data())


def test_each_split_of_the_seeds_is_that_of_a_split_seed_of_its_own():
    load = data.loader(None)
    splits = load(config.make(config.Data, split_seed=5, splits=3))
    assert len(splits) == 3
    for place, split in enumerate(splits):
        alone = data.load(config.make(config.Data, split_seed=5 + place))
        np.testing.assert_array_equal(split.x_test, alone.x_test)
        assert split.digest == alone.digest
    assert [data.split_of(seed, 3) for seed in (0, 4, 1000)] == [0, 1, 1]


def test_a_part_of_a_set_keeps_the_classes_in_proportion_and_grows_by_more_examples(folder):
    whole = data.load(config.make(config.Data, normalize="none"))
    parts = [data.load(config.make(config.Data, normalize="none", train_examples=n)) for n in (32, 200, 1437)]
    for part in parts:
        share = np.bincount(part.y_train, minlength=10) / len(part.y_train)
        np.testing.assert_allclose(share, np.bincount(whole.y_train) / 1437, atol=1.5 / len(part.y_train))
        np.testing.assert_array_equal(part.x_test, whole.x_test)
    np.testing.assert_array_equal(parts[0].x_train, parts[1].x_train[:32])
    assert {tuple(x) for x in parts[2].x_train} == {tuple(x) for x in whole.x_train}
    other = data.load(config.make(config.Data, normalize="none", train_examples=32, split_seed=1))
    assert not np.array_equal(other.x_train, parts[0].x_train)


def test_a_set_with_a_test_set_of_its_own_has_splits_of_what_is_taken_of_it(folder):
    chosen = config.make(config.Data, name="mnist", root=str(folder), splits=2, train_examples=9, test_examples=6)
    one, other = data.loader(str(folder))(chosen)
    assert (len(one.x_train), len(one.x_test)) == (len(other.x_train), len(other.x_test)) == (9, 6)
    assert one.digest != other.digest
    assert one.source_digest == other.source_digest


def test_a_part_is_normalised_by_itself_and_real_valued_targets_are_taken_at_random():
    part = data.load(config.make(config.Data, name="teacher", train_examples=50, normalize="feature"))
    np.testing.assert_allclose(part.x_train.mean(0), 0, atol=1e-12)
    assert part.y_train.shape == (50, 1)


@pytest.mark.parametrize(("part", "there"), [("train", 1437), ("test", 360)])
def test_more_examples_than_there_are_is_refused(part, there):
    with pytest.raises(UserError, match=rf"data\.{part}_examples=9999: there are {there}; it takes at most as many"):
        data.load(config.make(config.Data, **{f"{part}_examples": 9999}))

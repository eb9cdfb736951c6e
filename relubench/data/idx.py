"""MNIST and Fashion-MNIST from IDX files, plain or gzipped (format: yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from relubench import config
from relubench.data.source import SOURCES, Examples
from relubench.errors import UserError

#: Where Debian's package dataset-fashion-mnist puts its files.
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_UNSIGNED_BYTE = 0x08
_TRAIN = 60_000
_PIECE = 2**20  # bytes read at once


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Return the array of unsigned bytes in an IDX file of so many axes; a damaged one is refused, and why.

    No more is read than its header says, whatever the file holds.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            shape = _read_shape(path, file, rank)
            body = _read_most(file, math.prod(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"data.root: {path}: it cannot be read ({error}); it takes an IDX file") from error
    if len(body) != math.prod(shape):
        more = "or more " if len(body) > math.prod(shape) else ""
        raise UserError(
            f"data.root: {path}: {len(body)} {more}bytes follow the header, {math.prod(shape)} belong to {shape}"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


def _read_shape(path: Path, file: BinaryIO | gzip.GzipFile, rank: int) -> tuple[int, ...]:
    """Return the shape in the header of an IDX file."""
    magic, expected = file.read(4), bytes([0, 0, _UNSIGNED_BYTE, rank])
    if magic != expected:
        raise UserError(
            f"data.root: {path}: it begins with {magic.hex(' ')}, an IDX file of these with {expected.hex(' ')}"
        )
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise UserError(f"data.root: {path}: it ends within its header")
    shape = struct.unpack(f">{rank}I", sizes)
    if 0 in shape:
        raise UserError(f"data.root: {path}: its shape is {shape}, which holds nothing")
    return shape


def _read_most(file: BinaryIO | gzip.GzipFile, size: int) -> bytearray:
    """Return the next `size` bytes, fewer at the end of the file, in the memory that they take."""
    body = bytearray()
    while piece := file.read(min(_PIECE, size - len(body))):
        body += piece
    return body


def _find(root: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}-{kind}", f"{stem}.{kind}"]
    for name in [*names, *(f"{name}.gz" for name in names)]:
        if (root / name).exists():
            return root / name
    raise UserError(f"data.root={root}: no file {names[0]} or {names[0]}.gz there; it takes a folder of IDX files")


def _pair(root: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    path = _find(root, f"{part}-images", "idx3-ubyte")
    images, labels = read_idx(path, 3), read_idx(_labels_path(root, part), 1)
    if len(images) != len(labels):
        raise UserError(f"data.root: {path}: images of shape {images.shape} do not go with labels of {labels.shape}")
    return images, labels


def _labels_path(root: Path, part: str) -> Path:
    return _find(root, f"{part}-labels", "idx1-ubyte")


def _read_folder(root: Path) -> Examples:
    (images, labels), (test_images, test_labels) = _pair(root, "train"), _pair(root, "t10k")
    if images.shape[1:] != test_images.shape[1:]:
        raise UserError(
            f"data.root={root}: images of {images.shape[1:]} for training, {test_images.shape[1:]} for test"
        )
    if labels.min() == labels.max():
        raise UserError(f"data.root: {_labels_path(root, 'train')}: it has one class; it takes two or more")
    unknown = np.setdiff1d(test_labels, labels)
    if len(unknown):
        raise UserError(f"data.root: {_labels_path(root, 't10k')}: no image for training has its label {unknown[0]}")

    def flat(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1) / 255.0

    return Examples(
        flat(images),
        labels,
        outputs=int(labels.max()) + 1,
        image_shape=(*images.shape[1:], 1),
        test=(flat(test_images), test_labels),
    )


@SOURCES.register("fashion_mnist")
def fashion_mnist(data: config.Data) -> Examples:
    """Fashion-MNIST from `data.root`, or where Debian's package puts it."""
    root = Path(data.root) if data.root else FASHION_MNIST
    if not root.is_dir():
        raise UserError(
            f"data.root={data.root or 'null'}: no folder {root}; install Debian's dataset-fashion-mnist, or name a "
            "folder of the four IDX files"
        )
    return _read_folder(root)


@SOURCES.register("mnist")
def mnist(data: config.Data) -> Examples:
    """MNIST from the IDX files of `data.root`, or from OpenML (which checks the checksum) where that is null."""
    if data.root:
        return _read_folder(Path(data.root))
    from sklearn.datasets import fetch_openml

    try:
        x, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False, parser="liac-arff")
    except Exception as error:  # no network shows itself in many ways
        reason = str(error).splitlines()[0]
        raise UserError(f"data.root=null: OpenML gives no MNIST ({reason}); name a folder of its IDX files") from error
    x, y = x / 255.0, y.astype(np.int64)
    return Examples(x[:_TRAIN], y[:_TRAIN], 10, (28, 28, 1), test=(x[_TRAIN:], y[_TRAIN:]))

"""A flipped bit in any file of a results folder: one line that names it, or the very same numbers."""

import random
import shutil
import warnings

import numpy as np
import pytest

from relubench.errors import UserError
from relubench.sweeps import folders, storage
from tests.support.command_line import command
from tests.support.sweeps import TIMES, WORDS, start

pytestmark = pytest.mark.slow

FLIPS = 200 * TIMES
KINDS = ("parts/*.parquet", "*.parquet", "config.yaml", "provenance.json", "checkpoints/*.npz")


def flip(path, draw):
    raw = bytearray(path.read_bytes())
    place = draw.randrange(8 * len(raw))
    raw[place // 8] ^= 1 << place % 8
    path.write_bytes(raw)


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory):
    """Return a finished folder that also holds a checkpoint of another, killed, sweep."""
    copy, killed = (tmp_path_factory.mktemp(name) for name in ("finished", "killed"))
    shutil.copytree(whole / "results/custom", copy / "results/custom")
    process = start(killed)
    while not list(killed.glob("results/custom/checkpoints/*.npz")):
        assert process.poll() is None
    process.kill()
    process.communicate()
    shutil.copytree(killed / "results/custom/checkpoints", copy / "results/custom/checkpoints")
    return copy / "results/custom"


def read(folder, path):
    """Read a file as the commands do that read it; return (status, what was said)."""
    if path.suffix == ".parquet" and path.parent == folder:
        try:
            storage.read_table(path)
        except UserError as error:
            return error.exit_status, str(error)
        return 0, ""
    words = {"config.yaml": WORDS, "provenance.json": ("report", "figures=false")}
    status, _, error = command(folder.parent.parent, *words.get(path.name, ("merge", *WORDS)))
    return status, error


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_flipped_bit_is_reported_or_changes_nothing(folder, tmp_path, kind):
    draw = random.Random(kind)
    tables = {path.name: storage.read_table(path) for path in folder.glob("*.parquet")}
    for _ in range(FLIPS // len(KINDS)):
        copy = tmp_path / "results/custom"
        shutil.copytree(folder, copy)
        path = draw.choice(sorted(copy.glob(kind)))
        flip(path, draw)
        damaged = path.read_bytes()
        status, error = read(copy, path)
        assert len(error.strip().splitlines()) <= 1, error
        assert "Traceback" not in error
        if status:
            assert status == 2
            assert path.name in error
            assert path.read_bytes() == damaged  # nothing is lost
        else:
            for name, table in tables.items():
                assert storage.read_table(copy / name).equals(table)
        shutil.rmtree(copy)


def test_a_flipped_bit_of_a_checkpoint_sets_it_aside_or_changes_nothing(folder, tmp_path):
    draw = random.Random(0)
    whole = next(folder.glob("checkpoints/*.npz"))
    state = storage.read_checkpoint(whole)
    for trial in range(FLIPS // len(KINDS)):
        copy = folders.Folder(tmp_path / str(trial))
        copy.checkpoints.mkdir(parents=True)
        shutil.copy(whole, copy.checkpoints)
        flip(copy.checkpoints / whole.name, draw)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            held = list(copy.find(state.run_ids, state.origin))
        if held:
            ((ids, step, leaves),) = held
            assert (ids.tolist(), step) == (state.run_ids.tolist(), state.step)
            for leaf, saved in zip(leaves, state.leaves, strict=True):
                np.testing.assert_array_equal(leaf, saved)
        else:
            assert len(warned) == 1
            assert (copy.checkpoints / f"{whole.name}.damaged").exists()

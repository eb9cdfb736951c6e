"""Disks that are full or read-only: one line, and once there is room the tables of an undisturbed sweep."""

import subprocess

import pytest

from tests.support.sweeps import same_tables, sweep

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path):
    """Yield (an empty file system of 200 kB, a function that mounts it again with other options)."""

    def mount(options, *words):
        return subprocess.run(["mount", "-t", "tmpfs", *words, "-o", options, "tmpfs", tmp_path], capture_output=True)

    if mount("size=200k").returncode:
        pytest.skip("only root may mount a file system")
    yield tmp_path, lambda options: mount(f"remount,{options}").check_returncode()
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_disk_that_fills(whole, disk):
    folder, remount = disk
    (folder / "filler").write_bytes(bytes(150_000))
    output = sweep(folder, statuses=(1,))
    assert "the disk is full; what was written before is safe" in output
    remount("size=50m")
    sweep(folder)
    same_tables(folder, whole)


def test_a_disk_that_is_read_only_for_a_while(whole, disk):
    folder, remount = disk
    remount("size=50m")
    sweep(folder, "shard=0/2")
    remount("ro")
    assert "read-only" in sweep(folder, statuses=(1,))
    assert "read-only" in sweep(folder, "merge", statuses=(1,))
    remount("rw")
    sweep(folder)
    same_tables(folder, whole)

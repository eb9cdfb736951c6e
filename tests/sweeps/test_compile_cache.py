"""Compiled programs on disk: a damaged entry is deleted, compiled and written anew, with one line."""

import warnings

import jax
import jax.numpy as jnp
import pytest
from jax._src import compilation_cache

from relubench.errors import Notice
from relubench.sweeps import compile_cache, machine

VALUE = bytes(range(200))


@pytest.fixture
def cache(tmp_path):
    return compile_cache.SealedCache(str(tmp_path), max_size=-1)


def told_by(work):
    """What `work` returns, and the lines it tells."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = work()
    assert {warning.category for warning in told} <= {Notice}
    return result, [str(warning.message) for warning in told]


def test_an_entry_is_read_as_it_was_written(cache):
    assert cache.get("key") is None
    cache.put("key", VALUE)
    assert told_by(lambda: cache.get("key")) == (VALUE, [])


def test_no_flipped_bit_is_believed(cache):
    cache.put("key", VALUE)
    path, raw = cache._entry("key"), cache._entry("key").read_bytes()
    for bit in range(8 * len(raw)):
        path.write_bytes(raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :])
        cache._told = True
        assert cache.get("key") is None, bit
        assert not path.exists()


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "not sealed": lambda path: path.write_bytes(VALUE),
    "another program": lambda path: path.write_bytes(path.with_name("other-sealed-cache").read_bytes()),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_entry_is_deleted_and_written_again_with_one_line(cache, damage):
    for key in ("key", "third", "other"):
        cache.put(key, VALUE)
    for key in ("key", "third"):
        DAMAGES[damage](cache._entry(key))
    found, told = told_by(lambda: [cache.get(key) for key in ("key", "third", "other")])
    assert found == [None, None, VALUE]
    assert told == [f"{cache.path}: a damaged compiled program was deleted and is compiled anew"]
    cache.put("key", VALUE)
    assert cache.get("key") == VALUE


def test_a_disk_that_refuses_is_one_line(cache, monkeypatch):
    def refuse(path, value):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    _, told = told_by(lambda: [cache.put(key, VALUE) for key in ("a", "b")])
    assert told == [f"{cache.path}: compiled programs cannot be kept (Read-only file system)"]


@pytest.fixture
def cache_in():
    """Keep JAX's compiled programs in a folder, as a new process does."""
    before = jax.config.values["jax_compilation_cache_dir"]

    def keep(folder):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        compilation_cache.reset_cache()
        jax.clear_caches()

    yield keep
    keep(before)


def test_jax_compiles_anew_what_is_damaged_and_keeps_it(tmp_path, cache_in):
    def compute():
        cache_in(tmp_path)
        machine.prepare()
        return jax.jit(lambda x: jnp.sin(x) @ x)(jnp.arange(9.0)).item()

    first, told = told_by(compute)
    assert not told
    entries = {path: path.read_bytes() for path in tmp_path.glob("*-cache")}
    assert entries
    for path, raw in entries.items():
        path.write_bytes(raw[: len(raw) // 2])
    again, told = told_by(compute)
    assert (again, len(told)) == (first, 1)
    assert told_by(compute) == (first, [])
    assert set(tmp_path.iterdir()) == set(entries)


def test_a_file_in_the_place_of_the_folder_is_one_line_and_programs_are_compiled(tmp_path, cache_in):
    cache_in(tmp_path / "file")
    (tmp_path / "file").write_text("")
    _, (told,) = told_by(machine.prepare)
    assert "file: no folder of compiled programs (" in told
    assert jax.jit(jnp.sin)(0.0) == 0

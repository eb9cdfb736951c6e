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


def with_notices(work):
    """What `work` returns, and its notices."""
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always")
        result = work()
    assert {warning.category for warning in notices} <= {Notice}
    return result, [str(warning.message) for warning in notices]


def test_an_entry_is_read_as_it_was_written(cache):
    assert cache.get("key") is None
    cache.put("key", VALUE)
    assert with_notices(lambda: cache.get("key")) == (VALUE, [])


def test_no_flipped_bit_is_believed(cache):
    cache.put("key", VALUE)
    path, raw = cache.entry("key"), cache.entry("key").read_bytes()
    for bit in range(8 * len(raw)):
        path.write_bytes(raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
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
        DAMAGES[damage](cache.entry(key))
    entries, notices = with_notices(lambda: [cache.get(key) for key in ("key", "third", "other")])
    assert entries == [None, None, VALUE]
    assert notices == [f"{cache.path}: a damaged compiled program was deleted and is compiled anew"]
    cache.put("key", VALUE)
    assert cache.get("key") == VALUE


def test_a_disk_that_refuses_is_one_line(cache, monkeypatch):
    def refuse(path, value):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    _, notices = with_notices(lambda: [cache.put(key, VALUE) for key in ("a", "b")])
    assert notices == [f"{cache.path}: compiled programs cannot be kept (Read-only file system)"]


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

    first, notices = with_notices(compute)
    assert not notices
    entries = {path: path.read_bytes() for path in tmp_path.glob("*-cache")}
    assert entries
    for path, raw in entries.items():
        path.write_bytes(raw[: len(raw) // 2])
    again, notices = with_notices(compute)
    assert (again, len(notices)) == (first, 1)
    assert with_notices(compute) == (first, [])
    assert set(tmp_path.iterdir()) == set(entries)


def test_a_file_in_the_place_of_the_folder_is_one_line_and_programs_are_compiled(tmp_path, cache_in):
    cache_in(tmp_path / "file")
    (tmp_path / "file").write_text("")
    _, (notices,) = with_notices(machine.prepare)
    assert "file: no folder of compiled programs (" in notices
    assert jax.jit(jnp.sin)(0.0) == 0

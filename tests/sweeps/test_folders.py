"""Results on disk: whole files or none, folders of one experiment, parts merged."""

import errno
import os

import numpy as np
import polars as pl
import pytest

from relubench.errors import StorageError, UserError
from relubench.sweeps import folders, merging, storage

STEPS = [[{"step": 0}, {"step": 5}]] * 2
FRAME = pl.DataFrame({"run_id": ["b", "a"], "seed": [1, 0], "table_probes": STEPS, "table_layers": STEPS})
ORIGIN = {"fingerprint": {"jax": "1", "width": "8"}, "mixed": False}
CONFIG = "name: mine\ngrid: {}\ntrain: {steps: 5}\n"


@pytest.fixture
def folder(tmp_path):
    made = folders.Folder(tmp_path / "out")
    made.claim("mine", {"train.steps": 5}, set(), CONFIG)
    made.write_part(FRAME, ORIGIN)
    return made


def test_parts_are_merged_into_sorted_tables_with_a_schema_version(folder):
    merged = folder.merge()
    assert merged.runs["run_id"].to_list() == ["a", "b"]
    assert (merged.units, merged.measures) == (None, None)
    assert merged.of(["b"]).probes.rows() == [("b", 0), ("b", 5)]
    probes = storage.read_table(folder.path / "probes.parquet")
    assert probes.rows() == [("a", 0), ("a", 5), ("b", 0), ("b", 5)]
    for name in ("runs", "probes", "layers"):
        metadata = pl.read_parquet_metadata(folder.path / f"{name}.parquet")
        assert metadata["relubench_schema"] == storage.SCHEMA_VERSION


def test_tables_are_sorted_by_seed_and_setting_whatever_the_runs_are_called():
    settings = [(1, 0.5, [9]), (0, 0.5, [10]), (0, 0.5, [9]), (0, 0.1, [9])]
    columns = ["seed", "optimizer.learning_rate", "model.widths"]
    runs = pl.DataFrame(settings, columns, orient="row").with_columns(table_probes=pl.Series(STEPS * 2))
    merged = [merging.tables([runs.with_columns(run_id=pl.Series(list(ids))).lazy()]) for ids in ("abcd", "dbca")]
    for tables in merged:
        in_order = sorted(settings, key=lambda row: (row[0], list(map(str, row[2])), row[1]))
        assert tables["runs"].select(columns).rows() == in_order
        assert tables["probes"]["run_id"].to_list() == [run for run in tables["runs"]["run_id"] for _ in range(2)]


def test_a_run_that_two_parts_hold_is_merged_once(folder):
    folder.write_part(FRAME.head(1), ORIGIN)
    assert folder.merge().runs["run_id"].to_list() == ["a", "b"]


def test_runs_are_found_in_parts_of_different_columns(folder):
    folder.write_part(FRAME.with_columns(run_id=pl.Series(["c", "d"])).drop("table_probes"), ORIGIN)
    assert folder.done_ids().tolist() == ["a", "b", "c", "d"]


def test_writing_the_same_runs_again_replaces_their_part(folder):
    folder.write_part(FRAME, ORIGIN)
    assert len(folder.part_paths()) == 1


@pytest.mark.parametrize(
    ("code", "message"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "error")]
)
def test_a_disk_that_refuses_leaves_the_old_file_and_no_temporary_one(folder, monkeypatch, code, message):
    before = folder.part_paths()[0].read_bytes()

    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=message):
        folder.write_part(FRAME, ORIGIN)
    assert folder.part_paths()[0].read_bytes() == before
    assert not list(folder.path.rglob(".tmp-*"))


def test_a_table_without_our_version_is_refused(folder):
    FRAME.write_parquet(folder.parts / "foreign.parquet")
    with pytest.raises(UserError, match="schema version None"):
        folder.merge()


@pytest.mark.parametrize(
    ("name", "values", "axes", "message"),
    [
        ("other", {"train.steps": 5}, set(), "it holds the experiment 'mine', not 'other'"),
        ("mine", {"train.steps": 6}, set(), "train.steps=6: .* holds runs with train.steps=5; choose another out="),
    ],
)
def test_a_folder_that_holds_something_else_is_refused(folder, name, values, axes, message):
    with pytest.raises(UserError, match=message):
        folder.claim(name, values, axes, CONFIG)


def test_a_folder_can_be_claimed_again_by_its_experiment_or_along_a_grid_axis(folder):
    folder.claim("mine", {"train.steps": 5}, set(), CONFIG)
    folder.claim("mine", {"train.steps": 6}, {"train.steps"}, CONFIG)


@pytest.mark.parametrize("key", ["jax", "width", "flags"])
def test_parts_computed_in_another_way_are_refused_unless_mixed(folder, key):
    other = {"fingerprint": ORIGIN["fingerprint"] | {key: "other"}, "mixed": False}
    with pytest.raises(UserError, match=f"was computed with {key}="):
        folder.check_origins([other], mixed=False)
    folder.check_origins([other], mixed=True)
    folder.write_part(FRAME.with_columns(run_id=pl.Series(["c", "d"])), other)
    with pytest.raises(UserError, match=f"with {key}="):
        folder.check_origins([], mixed=False)


def test_the_digest_of_the_data_is_compared_among_parts_of_the_same_data(folder):
    def origin(digest, scope):
        fingerprint = ORIGIN["fingerprint"] | {"data": digest}
        return {"fingerprint": fingerprint, "scopes": {"data": scope}, "mixed": False}

    folder.check_origins([origin("1", "digits"), origin("2", "moons"), origin("1", "digits")], mixed=False)
    with pytest.raises(UserError, match="was computed with data=1, this is data=2"):
        folder.check_origins([origin("1", "digits"), origin("2", "digits")], mixed=False)


def test_temporary_files_of_a_dead_writer_are_removed_and_those_of_a_living_one_kept(folder):
    host = storage.socket.gethostname()
    dead, living = (folder.parts / f".tmp-{host}-{pid}-0" for pid in (2**22 + 1, os.getpid()))
    foreign_new, foreign_old = (folder.parts / f".tmp-elsewhere-1-{n}" for n in (0, 1))
    for path in (dead, living, foreign_new, foreign_old):
        path.write_bytes(b"half")
    os.utime(foreign_old, (0, 0))
    folder.claim("mine", {"train.steps": 5}, set(), CONFIG)
    assert sorted(folder.parts.glob(".tmp-*")) == sorted([living, foreign_new])
    assert len(folder.part_paths()) == 1


@pytest.mark.parametrize("run", list("abcdef"))  # names of files go either way
def test_of_two_states_of_a_run_the_later_one_is_found(folder, run):
    both = np.array(["x", run])
    folder.save(both, "here", 10, [np.zeros(2)])
    folder.save(both[1:], "here", 20, [np.ones(1)])
    states = {ids: (step, leaf.item()) for (ids,), step, (leaf,) in folder.find(both, "here")}
    assert states == {"x": (10, 0.0), run: (20, 1.0)}


def test_checkpoints_of_runs_that_lack_what_is_asked_are_kept(folder):
    done = folder.done_ids()
    folder.save(done, "here", 7, [np.zeros(len(done))])
    folder.clear_finished(["units"])
    assert list(folder.find(done, "here"))


def test_checkpoints_of_finished_runs_are_removed_and_no_others(folder):
    done = folder.done_ids()
    for ids in (done[:1], np.array([*done, "c"])):
        folder.save(ids, "here", 7, [np.zeros(len(ids))])
    folder.clear_finished()
    ((left, _, _),) = folder.find(np.array([*done, "c"]), "here")
    assert left.tolist() == [*done, "c"]


def test_checkpoints_are_found_by_runs_and_origin(folder):
    ids, leaves = np.array(["a", "b"]), [np.arange(6.0).reshape(2, 3), np.array([True, False])]
    folder.save(ids, "here", 7, leaves)
    assert not list(folder.find(ids, "elsewhere"))
    assert not list(folder.find(np.array(["c"]), "here"))
    ((saved_ids, step, saved),) = folder.find(np.array(["c", "b"]), "here")
    assert (saved_ids.tolist(), [leaf.tolist() for leaf in saved]) == (["b"], [[[3.0, 4.0, 5.0]], [False]])
    ((saved_ids, step, saved),) = folder.find(np.array(["a", "b", "c"]), "here")
    assert (saved_ids.tolist(), step) == (["a", "b"], 7)
    for leaf, other in zip(leaves, saved, strict=True):
        np.testing.assert_array_equal(leaf, other)
    folder.clear(ids)
    assert not list(folder.find(ids, "here"))

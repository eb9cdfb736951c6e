"""Files of a results folder: read as they were written, or refused by one line, whatever happened to them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from relubench.errors import UserError
from relubench.report import collect
from relubench.sweeps import folders, storage

FRAME = pl.DataFrame({"run_id": ["b", "a"], "seed": [1, 0], "table_probes": [[{"step": 0}, {"step": 5}]] * 2})
FRAME = FRAME.with_columns(table_layers="table_probes")
ORIGIN = {"name": "mine", "fingerprint": {"width": "8"}, "mixed": False}
YAML = "name: mine\ngrid: {seed: [0, 1]}\ntrain: {steps: 5}\n"


@pytest.fixture
def folder(tmp_path):
    made = folders.Folder(tmp_path / "out")
    made.claim("mine", {"train.steps": 5}, set(), YAML)
    made.write_part(FRAME, ORIGIN)
    made.merge()
    storage.write_table(made.path / "claims.parquet", pl.DataFrame({"claim": [1]}), {"name": "mine"})
    provenance = {"name": "mine", "command": ["relubench", "out='日本'"], "runs_in_grid": 2, "seconds": 0.1}
    storage.write_json(made.path / "provenance.json", provenance)
    return made


def read_parts(path):
    merged = folders.Folder(path.parent.parent).merge()
    return folders.Folder(path.parent.parent).done_ids().tolist(), [
        table.rows() for table in vars(merged).values() if table is not None
    ]


def read_study(path):
    study = collect.study(path.parent / "claims.parquet")
    return study.command, study.runs, study.claims.rows()


#: How each kind of file is read, and what its name looks like.
READERS = {
    "parts/*.parquet": read_parts,
    "runs.parquet": lambda path: storage.read_table(path).rows(),
    "claims.parquet": read_study,
    "config.yaml": folders.read_config,
    "provenance.json": read_study,
}


@pytest.fixture(params=list(READERS))
def file(folder, request):
    (path,) = folder.path.glob(request.param)
    return path, READERS[request.param]


def outcome(path, read):
    """What is read, or the file that the line of refusal begins with."""
    try:
        return read(path)
    except UserError as error:
        (line,) = str(error).splitlines()
        return Path(line.partition(": ")[0])


def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_read(file):
    path, read = file
    raw, whole = path.read_bytes(), read(path)
    raw = path.read_bytes()
    for bit in range(0, 8 * len(raw), 97):
        path.write_bytes(raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :])
        assert outcome(path, read) in (whole, path), bit


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x80" * 50),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"}"),
    "a list": lambda path: path.write_bytes(b"[1, 2]"),
    "a word": lambda path: path.write_bytes(b"word"),
    "other keys": lambda path: path.write_bytes(b'{"title": 1}'),
    "other types": lambda path: path.write_bytes(b'{"name": [1], "grid": 3, "command": 1, "runs_in_grid": "x"}'),
    "open brackets": lambda path: path.write_bytes(b"{[" * 40),
    "probes": lambda path: path.write_bytes(
        (path.parents[path.parent.name == "parts"] / "probes.parquet").read_bytes()
    ),
    "foreign Parquet": lambda path: FRAME.write_parquet(path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_file_is_refused_by_one_line_that_names_it_and_is_left_as_it_is(file, damage):
    path, read = file
    DAMAGES[damage](path)
    before = sorted(path.parent.rglob("*"))
    assert outcome(path, read) == path
    assert sorted(path.parent.rglob("*")) == before


def test_a_file_that_may_not_be_read_is_refused_by_name(file, monkeypatch):
    path, read = file

    def refuse(asked, *arguments, **words):
        raise PermissionError(13, "Permission denied", str(asked))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError, match=r"^\S+ it cannot be read \(Permission denied\); "):
        read(path)


@pytest.mark.parametrize("error", [pl.exceptions.PanicException("index out of bounds"), RecursionError(), OSError()])
def test_whatever_a_reader_raises_becomes_one_line(folder, monkeypatch, error):
    def fail(*arguments, **words):
        raise error

    monkeypatch.setattr(storage.pl, "read_parquet", fail)
    with pytest.raises(UserError, match=r"runs\.parquet: it cannot be read \(.+\); delete it"):
        storage.read_table(folder.path / "runs.parquet")


def test_a_file_of_the_version_without_digests_is_still_read(tmp_path):
    path = tmp_path / "runs.parquet"
    FRAME.write_parquet(path, metadata={"relubench_schema": storage.UNSIGNED_VERSION})
    assert storage.read_table(path).equals(FRAME)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"runs\.parquet: it cannot be read"):
        storage.read_table(path)


def test_yaml_and_json_without_a_digest_are_still_read(folder):
    (folder.path / "config.yaml").write_text(YAML)
    assert folders.read_config(folder.path / "config.yaml")[0] == "mine"
    provenance = {"name": "mine", "command": [], "runs_in_grid": 3}
    (folder.path / "provenance.json").write_text(json.dumps(provenance))
    assert collect.study(folder.path / "claims.parquet").runs == 3


def test_a_folder_of_any_name_is_written_and_read_as_utf_8_in_any_locale(tmp_path):
    folder = folders.Folder(tmp_path / "日本")
    folder.write_part(FRAME, ORIGIN)
    code = (
        "import sys; from relubench.sweeps import folders, storage; folder = folders.Folder(sys.argv[1]); "
        "folder.claim('mine', {}, set(), 'name: mine\\ngrid: {}\\n# \\u2212\\n'); folder.merge(); folder.done_ids(); "
        "storage.read_table(folder.path / 'runs.parquet'); storage.write_text(folder.path / 'page', sys.argv[1]); "
        "folders.read_config(folder.path / 'config.yaml')"
    )
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, str(folder.path)], env=os.environ | ascii_locale, check=True)
    assert (folder.path / "page").read_text(encoding="utf-8") == str(folder.path)


def test_parquet_files_stay_readable_by_any_reader(folder):
    assert pl.read_parquet(folder.part_paths()[0]).equals(FRAME)


def test_a_table_of_another_experiment_is_refused(folder):
    path = folder.path / "claims.parquet"
    with pytest.raises(UserError, match=r"claims\.parquet: .*belongs to the experiment 'mine', not 'other'"):
        storage.read_table(path, name="other")


def test_a_config_with_a_value_that_is_not_allowed_is_refused_by_its_file(folder):
    (folder.path / "config.yaml").write_text("name: mine\ngrid: {}\ntrain: {steps: many}\n")
    with pytest.raises(UserError, match=r"config\.yaml: it cannot be read \(train\.steps='many'"):
        folders.read_config(folder.path / "config.yaml")


@pytest.mark.parametrize(
    ("frame", "origin", "message"),
    [
        (
            FRAME.with_columns(run_id=pl.Series(["x", "y"]), seed=pl.Series([[0], [1]])),
            ORIGIN,
            "its column seed is not",
        ),
        (FRAME.with_columns(run_id=pl.Series(["x", "y"])), ORIGIN | {"name": "other"}, "the experiment 'other'"),
    ],
)
def test_a_part_of_another_experiment_is_not_merged(folder, frame, origin, message):
    folder.write_part(FRAME.with_columns(run_id=pl.Series(["c", "d"])), ORIGIN)
    path = folder.write_part(frame, origin)
    with pytest.raises(UserError, match=f"{path.name}: .*{message}.*only its runs are trained anew"):
        folder.merge()


def test_a_folder_that_lost_its_config_belongs_to_the_experiment_of_its_parts(folder):
    (folder.path / "config.yaml").unlink()
    with pytest.raises(UserError, match="belongs to the experiment 'mine', not 'other'"):
        folders.Folder(folder.path).claim("other", {}, set(), YAML)
    folders.Folder(folder.path).claim("mine", {"train.steps": 5}, set(), YAML)
    assert folders.read_config(folder.path / "config.yaml")[0] == "mine"


IDS, LEAVES = np.array(["a", "b"]), [np.arange(6.0).reshape(2, 3), np.array([True, False])]


def checkpoints_of(folder):
    return [(step, [leaf.tolist() for leaf in leaves]) for _, step, leaves in folder.find(IDS, "here")]


@pytest.mark.filterwarnings("ignore::relubench.errors.Notice")
def test_a_flipped_bit_of_a_checkpoint_sets_it_aside_or_changes_nothing(folder):
    folder.save(IDS, "here", 7, LEAVES)
    (path,) = folder.checkpoints.iterdir()
    raw, whole = path.read_bytes(), checkpoints_of(folder)
    for bit in range(0, 8 * len(raw), 97):
        path.write_bytes(raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :])
        assert checkpoints_of(folder) in (whole, []), bit


def save_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.arange(3))


def save_pickle(path):
    with open(path, "wb") as file:
        np.savez(file, run_ids=np.array([{}], object), step=7, origin="here", allow_pickle=True)


def save_other_leaves(path):
    with np.load(path) as saved, open(path.with_suffix(".new"), "wb") as file:
        np.savez(file, **(dict(saved) | {"leaf1": np.zeros(5)}))
    os.replace(path.with_suffix(".new"), path)


CHECKPOINT_DAMAGES = DAMAGES | {
    "an array": save_npy,
    "a pickle": save_pickle,
    "other leaves": save_other_leaves,
    "random bytes": lambda path: path.write_bytes(np.random.default_rng(0).bytes(900)),
    "another file's": lambda path: path.rename(path.with_stem("0" * 16)),
}
del CHECKPOINT_DAMAGES["probes"], CHECKPOINT_DAMAGES["longer"]  # a ZIP file may have a tail


@pytest.mark.parametrize("damage", list(CHECKPOINT_DAMAGES))
def test_a_damaged_checkpoint_is_set_aside_with_one_line_and_costs_time_not_the_run(folder, damage):
    folder.save(IDS, "here", 7, LEAVES)
    (path,) = folder.checkpoints.iterdir()
    CHECKPOINT_DAMAGES[damage](path)
    (path,) = folder.checkpoints.iterdir()
    with pytest.warns(UserWarning, match=r"^\S+\.npz: a damaged checkpoint, set aside as \w+\.npz\.damaged") as warned:
        assert checkpoints_of(folder) == []
    assert len(warned) == 1
    assert [left.name for left in folder.checkpoints.iterdir()] == [f"{path.name}.damaged"]
    folder.save(IDS, "here", 7, LEAVES)
    assert len(checkpoints_of(folder)) == 1

"""The configuration that a folder of results holds is run again."""

import json

import pytest

from relubench.sweeps import storage

TINY = (
    "experiment=bias", "out=first", "seeds=2", "train.steps=4", "model.widths=[4]", "probe.count=2", "figures=false",
    "optimizer.name=sgd", "grid.optimizer.learning_rate=[.1,.2]", "factor.bias=[zero,none]", "shard=0/1",
)  # fmt: skip


def test_a_folder_is_run_again_as_it_is_and_with_changes(relubench, tmp_path):
    assert relubench(*TINY)[0] == 0
    status, told, error = relubench("again", "first")
    assert (status, error) == (0, "")
    assert "8 of 8 runs are on disk already" in told
    status, told, error = relubench("again", "first", "seeds=3", "factor.bias=[none]")
    assert (status, error) == (0, "")
    assert "trained 2 runs" in told
    command = json.loads((tmp_path / "first/provenance.json").read_text())["command"]
    assert command[:5] == ["python", "-m", "relubench", "again", "first"]
    status, _, error = relubench(*command[3:])
    assert (status, error) == (0, "")
    status, _, error = relubench("again", "first", "out=second", "seeds=1")
    assert (status, error) == (0, "")
    first, second = (storage.read_table(tmp_path / folder / "runs.parquet") for folder in ("first", "second"))
    assert set(second["run_id"]) < set(first["run_id"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "again: it takes a folder of results, such as"),
        (("seeds=3",), "again: it takes a folder of results, such as"),
        (("nowhere",), "no config.yaml there"),
    ],
)
def test_what_is_no_folder_is_refused(relubench, words, told):
    status, _, error = relubench("again", *words)
    assert status == 2
    assert told in error
    assert len(error.splitlines()) == 1

"""Tables from parts: the same rows, in the same bytes, however the runs lie in parts and in buckets."""

import numpy as np
import polars as pl
import pytest

from relubench.errors import UserError
from relubench.sweeps import folders, grid, merging, storage

ORIGIN = {"name": "mine", "fingerprint": {"width": "8"}, "mixed": False}
STEPS, UNITS = [{"step": 0}, {"step": 5}], [{"unit": 0}, {"unit": 1}, {"unit": 2}]


def runs_of(seeds, rates=(0.5, 0.1)):
    """Rows of a part: a run a seed and rate."""
    cells = [(seed, rate) for rate in rates for seed in seeds]
    tables = {
        "table_probes": [[{"step": step, "loss": seed + rate * step} for step in (0, 5)] for seed, rate in cells],
        "table_layers": [STEPS] * len(cells),
    }
    return pl.DataFrame(cells, ["seed", "optimizer.learning_rate"], orient="row").with_columns(
        pl.Series("run_id", [f"{hash(cell) % 2**64:016x}" for cell in cells]),
        pl.lit("relu").alias("model.activation.name"),
        *(pl.Series(name, values) for name, values in tables.items()),
    )


def with_units(rows):
    return rows.with_columns(table_units=pl.Series([UNITS] * rows.height))


def with_measures(rows, *names):
    measured = [{"step": 0, "measure": name, "layer": 1, "item": None, "value": 0.5} for name in names]
    return rows.with_columns(table_measures=pl.Series([measured] * rows.height))


ALL = runs_of(range(40))
#: Parts that hold the same runs.
DIVISIONS = {
    "one": [ALL],
    "ranges": [ALL[:30], ALL[30:55], ALL[55:]],
    "shares": [ALL[start::7] for start in range(7)],
    "any": [ALL.sample(fraction=1, shuffle=True, seed=1)[start : start + 9] for start in range(0, 80, 9)],
    "twice": [ALL[:50], ALL[20:]],
}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.path.glob("*.parquet")}


def merged(path, parts, **kept):
    folder = folders.Folder(path)
    for part in parts:
        folder.write_part(part, ORIGIN)
    tables = folder.merge(**kept)
    assert {entry.name for entry in folder.path.iterdir() if not entry.suffix} == {"parts"}  # no scratch is left
    return folder, tables


@pytest.fixture
def few_bytes(monkeypatch):
    """Make buckets of a few seeds each, and fold the seeds of every other part."""
    monkeypatch.setattr(merging, "BUCKET_BYTES", 2_000)
    monkeypatch.setattr(merging, "MOST_UNFOLDED", 2)


@pytest.mark.parametrize("parts", DIVISIONS.values(), ids=list(DIVISIONS))
def test_the_bytes_of_tables_hang_neither_on_parts_nor_on_buckets(tmp_path, few_bytes, monkeypatch, parts):
    some, _ = merged(tmp_path / "some", parts)
    monkeypatch.undo()
    whole, _ = merged(tmp_path / "whole", DIVISIONS["one"])
    assert files(some) == files(whole)
    assert pl.read_parquet(whole.path / "runs.parquet")["seed"].is_sorted()


def test_small_buckets_are_several(tmp_path, few_bytes):
    reading = [ALL[start::3].lazy for start in range(3)]
    rows = merging.merge(reading, tmp_path)
    assert len(rows.buckets) > 2
    assert sum(read().select(pl.len()).collect().item() for read in rows.buckets) == ALL.height


def test_more_bytes_make_larger_buckets_not_more_of_them(tmp_path, few_bytes, monkeypatch):
    monkeypatch.setattr(merging, "MOST_BUCKETS", 2)
    assert len(merging.merge([ALL.lazy], tmp_path).buckets) == 2


def test_runs_of_one_seed_are_one_bucket(tmp_path, few_bytes):
    part = runs_of([3], np.geomspace(1e-3, 1, 60).tolist())
    assert len(merging.merge([part.lazy], tmp_path).buckets) == 1


def test_a_signal_ends_a_merge_at_any_place_and_the_next_one_makes_the_tables(tmp_path, few_bytes, monkeypatch):
    whole, _ = merged(tmp_path / "whole", DIVISIONS["shares"])
    folder, stopped = folders.Folder(tmp_path / "some"), 0
    for part in DIVISIONS["shares"]:
        folder.write_part(part, ORIGIN)
    for place in range(1000):
        checks = iter([None] * place)

        def check(checks=checks):
            if next(checks, checks) is checks:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(merging.interrupts, "check", check)
            try:
                folder.merge()
            except KeyboardInterrupt:
                stopped += 1
            else:
                break
        assert not list(folder.path.glob(".tmp-*"))
    assert stopped > 3 * len(merging.merge([ALL.lazy], tmp_path).buckets)  # in each of each table
    assert files(folder) == files(whole)


@pytest.mark.parametrize("small", [True, False])
def test_of_a_run_in_several_parts_the_widest_counts_and_each_table_is_there_once(tmp_path, request, small):
    if small:
        request.getfixturevalue("few_bytes")
    plain, units = runs_of(range(30)), with_units(runs_of(range(20, 40)))
    measured = with_measures(runs_of(range(10, 25)), "norm", "margin"), with_measures(runs_of(range(5, 15)), "margin")
    _, tables = merged(tmp_path / "out", [plain, units, *measured])
    assert tables.runs.height == tables.runs["run_id"].n_unique() == 80
    assert tables.probes.height == 2 * 80
    assert (tables.units.height, tables.units["run_id"].n_unique()) == (3 * 40, 40)
    assert tables.measures.group_by("measure").len().sort("measure").rows() == [("margin", 40), ("norm", 30)]


def test_tables_of_a_grid_are_those_of_its_runs_with_their_levels(tmp_path):
    base = {key: each.default for key, each in merging.SETTING_KEYS.items()}
    runs = grid.build(base, {"seed": range(4), "optimizer": {"learning_rate": [0.1, 0.5]}})
    rows = folders.run_rows(runs)
    rows = rows.with_columns(table_probes=pl.Series([STEPS] * 8), table_layers=pl.Series([STEPS] * 8))
    asked = runs.take(np.arange(0, 8, 3))
    folder, tables = merged(tmp_path / "out", [rows], runs=asked)
    assert sorted(tables.runs["run_id"]) == sorted(asked.run_ids())
    assert tables.probes.height == 2 * len(asked)
    assert storage.read_table(folder.path / "runs.parquet").height == 8


def test_tables_in_memory_are_those_on_disk(tmp_path):
    parts = [with_units(ALL[:30]), ALL[30:]]
    folder, _ = merged(tmp_path / "out", parts)
    for name, table in merging.tables([part.lazy() for part in parts]).items():
        assert table.equals(storage.read_table(folder.path / f"{name}.parquet")), name


def test_what_memory_cannot_fold_is_refused_with_its_tables_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.memory, "available", lambda: 1000)
    with pytest.raises(UserError, match=r"folding seeds: it needs .*; the tables are written"):
        merged(tmp_path, DIVISIONS["ranges"])
    assert storage.read_table(tmp_path / "runs.parquet").height == ALL.height

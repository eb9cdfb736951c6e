"""Spells of death, recounted unit by unit from histories made by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.errors import UserError
from relubench.findings.spells import (
    HALFWAY,
    REVIVALS,
    count_at,
    count_found,
    dead_at,
    found,
    of_spells,
    spells,
    survival,
)
from relubench.sweeps.folders import Tables

UNITS, EVERY = 4, 10
#: [runs, probes, units] of two layers with half of the units each: 1 where a unit is dead.
HISTORIES = st.integers(2, 6).flatmap(
    lambda probes: st.lists(
        st.lists(st.lists(st.sampled_from([0, 1]), min_size=UNITS, max_size=UNITS), min_size=probes, max_size=probes),
        min_size=1,
        max_size=3,
    )
)


def tables_of(histories, diverged=()):
    found = np.array(histories)
    runs = [f"run{run}" for run in range(len(found))]
    steps = EVERY * np.arange(found.shape[1])
    rows = [
        {
            "run_id": runs[run], "step": int(steps[probe]), "measure": "unit_dead", "layer": 1 + unit // 2,
            "item": unit % 2, "value": float(found[run, probe, unit]),
        }
        for run in range(len(runs)) for unit in range(UNITS) for probe in range(len(steps))
    ]  # fmt: skip
    return Tables(
        runs=pl.DataFrame({"run_id": runs, "seed": range(len(runs)), "diverged": [run in diverged for run in runs]}),
        probes=pl.DataFrame([{"run_id": run, "step": int(step)} for run in runs for step in steps]),
        layers=pl.DataFrame(),
        measures=pl.DataFrame(rows),
    )


def recounted(histories):
    """Walk along every unit's history: (run, layer, unit, died, until) of each spell."""
    found = []
    for run, history in enumerate(histories):
        for unit in range(UNITS):
            died = None
            for probe, row in enumerate([*history, [None] * UNITS]):
                if row[unit] == 1 and died is None:
                    died = EVERY * probe
                elif row[unit] != 1 and died is not None:
                    until = EVERY * probe if row[unit] == 0 else None
                    found.append((f"run{run}", 1 + unit // 2, unit % 2, died, until))
                    died = None
    return found


@given(HISTORIES)
def test_spells_are_those_of_each_units_history(histories):
    found = spells(tables_of(histories))
    assert found.select("run_id", "layer", "unit", "died", "until").rows() == recounted(histories)
    assert set(found["end"]) <= {EVERY * (len(histories[0]) - 1)}


@given(HISTORIES)
def test_spells_that_go_on_halfway_are_those_of_the_units_dead_at_the_last_probe_before(histories):
    tables = tables_of(histories)
    middle = max(probe for probe in range(len(histories[0])) if EVERY * probe <= EVERY * (len(histories[0]) - 1) // 2)
    counted = of_spells(dead_at(HALFWAY).sum(), without=0)(tables)
    assert counted["value"].to_list() == [sum(history[middle]) for history in histories]


@given(HISTORIES)
def test_what_became_of_the_units_found_dead_is_recounted(histories):
    tables, last = tables_of(histories), len(histories[0]) - 1
    expected = []
    for run, history in enumerate(histories):
        for unit in range(UNITS):
            row = [probe[unit] for probe in history]
            if 1 in row[:last]:
                died = row.index(1)
                expected.append((f"run{run}", 1 + unit // 2, unit % 2, EVERY * died, 0 in row[died:], row[last] == 0))
    rows = found(tables).select("run_id", "layer", "unit", "died", "ever", "at_end").sort("run_id", "layer", "unit")
    assert rows.rows() == expected
    alive = count_found(pl.col("at_end"), layer=2)(tables).sort("run_id")["value"].to_list()
    assert alive == [sum(e[0] == f"run{run}" and e[1] == 2 and e[5] for e in expected) for run in range(len(histories))]
    middle = max(probe for probe in range(last + 1) if EVERY * probe <= EVERY * last // 2)
    for among, chosen in ((None, lambda row: True), (pl.col("at_end"), lambda row: row[last] == 0)):
        counted = count_at(HALFWAY, among)(tables).sort("run_id")["value"].to_list()
        rows = [[[probe[unit] for probe in history] for unit in range(UNITS)] for history in histories]
        assert counted == [sum(row[middle] == 1 and chosen(row) for row in run) for run in rows]


def test_units_that_are_silent_have_spells_of_their_own():
    tables = tables_of([ONE])
    silent = tables.measures.with_columns(measure=pl.lit("unit_silent"), value=1.0 - pl.col("value"))
    both = replace(tables, measures=pl.concat([tables.measures, silent]))
    assert count_found()(both)["value"].to_list() == [3]
    assert count_found(state="unit_silent")(both)["value"].to_list() == [4]
    assert count_found(pl.col("at_end"), state="unit_silent")(both)["value"].to_list() == [3]


#: Unit 0 dies, wakes and dies; unit 1 wakes from birth on; unit 2 dies at the last probe; unit 3 stays dead.
ONE = [[0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 1, 1]]


def test_a_run_without_spells_has_the_number_that_is_asked_for_and_a_diverged_one_none():
    alive = [[0] * UNITS] * len(ONE)
    tables = tables_of([ONE, alive, ONE], diverged=["run2"])
    assert of_spells(REVIVALS)(tables).sort("run_id").rows() == [("run0", 2), ("run1", None)]
    assert of_spells(REVIVALS, without=0)(tables).sort("run_id").rows() == [("run0", 2), ("run1", 0)]


def test_survival_of_death_is_the_product_of_the_shares_that_stay_dead():
    rows = survival(tables_of([ONE] * 5), ["seed"], "still_dead").filter(pl.col("seed") == 0)
    first = rows.filter(pl.col("layer") == 1)  # spells of 10, 10 (cut off: found dead at 30 is the last probe), 20
    assert first.select("step", "mean").rows() == [(0, 1.0), (10, 0.5), (20, 0.0)]
    second = rows.filter(pl.col("layer") == 2)  # one spell, cut off after 20
    assert second.select("step", "mean").rows() == [(0, 1.0), (20, 1.0)]
    assert rows["n"].to_list() == [1] * 5


def test_spells_of_the_same_tables_are_computed_once():
    tables, others = tables_of([ONE]), tables_of([ONE])
    assert spells(tables) is spells(tables)
    assert spells(others) is not spells(tables)


def test_without_the_measure_it_is_named():
    tables = replace(tables_of([ONE]), measures=None)
    with pytest.raises(UserError, match="unit_dead"):
        spells(tables)

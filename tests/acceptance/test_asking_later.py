"""A finished folder is asked for more: what lacks is trained again, and nothing else changes."""

import polars as pl
import pytest

import relubench
from relubench.run import recorder
from relubench.sweeps import storage

pytestmark = pytest.mark.slow

TINY = ("experiment=custom", "out=out", "train.steps=6", "model.widths=[5,4]", "probe.count=3", "figures=false")
SETTING = {"train.steps": 6, "model.widths": [5, 4], "probe.count": 3, "optimizer.learning_rate": 0.5}
NAMES = list(recorder.MEASURES)


def tables(folder):
    return {path.stem: storage.read_table(path) for path in (folder / "out").glob("*.parquet")}


def test_measures_and_units_are_asked_of_a_finished_folder_one_after_the_other(relubench, tmp_path):
    def asked(*words):
        status, told, error = relubench(*TINY, *words)
        assert (status, error) == (0, "")
        return told, tables(tmp_path)

    _, plain = asked("seeds=2")
    told, first = asked("seeds=3", "probe.measures=[unit_dead]")
    assert "trained 3 runs" in told  # the new one, and those that lack it
    told, both = asked("seeds=3", "probe.measures=[plane_bias]", "units=true")
    assert "trained 3 runs" in told
    told, again = asked("seeds=3", "probe.measures=[plane_bias,unit_dead]")
    assert "3 of 3 runs are on disk already" in told
    assert set(again["measures"]["measure"]) == {"plane_bias", "unit_dead"}
    assert again["units"].equals(both["units"])
    assert again["measures"].filter(measure="unit_dead").equals(first["measures"])
    for name in ("runs", "probes", "layers"):
        assert both[name].height == again[name].height
        ours, theirs = (made[name].drop("probe.measures", strict=False) for made in (first, again))
        assert ours.equals(theirs)
        old = plain[name].drop("probe.measures", strict=False)
        assert theirs.filter(pl.col("run_id").is_in(plain["runs"]["run_id"].implode())).equals(old)


@pytest.mark.parametrize(
    "chosen",
    [NAMES[place : place + 6] for place in range(0, len(NAMES), 6)],
    ids="-".join,
)
def test_no_measure_changes_a_bit_of_a_run(chosen):
    without, with_them = (
        relubench.sweep(SETTING | {"probe.measures": names}, {"seed": range(3)}) for names in ([], chosen)
    )
    for name in ("runs", "probes", "layers", "units"):
        assert (
            without[name]
            .drop("probe.measures", strict=False)
            .equals(with_them[name].drop("probe.measures", strict=False))
        )

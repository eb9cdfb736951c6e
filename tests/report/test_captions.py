"""What captions say of runs that are lost."""

import polars as pl

from relubench import config
from relubench.experiments.base import Frames
from relubench.plots.figure import interval_note
from tests.support.drawing import with_intervals


def frames(diverged):
    rows = [
        {"optimizer.learning_rate": 0.1, "metric": metric, "mean": mean}
        for metric, mean in (("dead_train_fraction", 0.2), ("diverged", diverged), ("collapsed", 0.0))
    ]
    return Frames(with_intervals(rows, n=8).with_columns(median=pl.lit(0.9)), pl.DataFrame(), pl.DataFrame(), SETTING)


SETTING = config.setting_values(config.Setting())


def test_a_loss_that_no_run_has_had_has_no_panel_and_is_told():
    names = ("dead_train_fraction", "diverged", "collapsed")
    some, none = (frames(share).panels(*names) for share in (0.5, 0.0))
    assert list(some) == ["dead units", "diverged runs"]
    assert list(none) == ["dead units"]
    told = interval_note(some, shares="diverged and collapsed")
    assert "; diverged: shares of runs, with 95 % Clopper-Pearson intervals" in told
    assert "No run collapsed. Runs per point: 8." in told
    assert "No run diverged or collapsed. Runs" in interval_note(none, shares="diverged and collapsed")


def test_medians_outside_the_interval_are_told_and_shares_of_runs_have_none():
    rows = frames(0.5).panels("dead_train_fraction", "diverged")
    assert "median" not in rows["diverged runs"].columns
    assert "hollow: medians" in interval_note(rows)
    near = {"dead units": rows["dead units"].with_columns(median=pl.col("mean"))}
    assert "hollow" not in interval_note(near)

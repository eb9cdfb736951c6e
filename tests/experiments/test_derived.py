import numpy as np
import polars as pl

from relubench.experiments.derived import mean_over_runs


def test_means_over_runs_leave_out_what_is_no_number():
    values = pl.DataFrame({"name": ["a"] * 7 + ["b"], "value": [0.0, 0.5, 0.5, 1.0, 1.0, None, np.nan, 0.25]})
    rows = mean_over_runs(values, ["name"], "share")
    assert rows.select("name", "mean", "n").rows() == [("a", 0.6, 5), ("b", 0.25, 1)]
    assert rows["ci_low"][0] < 0.6 < rows["ci_high"][0]
    assert rows["ci_low"][1] is None

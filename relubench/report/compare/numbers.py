"""The numbers of two folders: whether the runs in both are the same, and the metrics at the points in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.findings import stats
from relubench.findings.claims.metrics import of_runs
from relubench.report.compare.side import POINT, Side
from relubench.sweeps.factors import FACTOR
from relubench.sweeps.folders import Tables
from relubench.sweeps.grid import share_draws

#: The metrics that are compared, in the order in which they are shown.
METRICS = (
    "dead_train_fraction", "born_dead_fraction", "test_accuracy", "train_loss", "test_loss", "diverged", "collapsed",
)  # fmt: skip
_MEAN = ("mean", "ci_low", "ci_high")
_DIFFERENCE = ("difference", "ci_low", "ci_high")
_COUNTS = ("n_pairs", "lost_a", "lost_b")
_PAIRED: dict[str, Any] = {
    POINT: pl.UInt32, "metric": pl.String, **dict.fromkeys(_DIFFERENCE, pl.Float64), **dict.fromkeys(_COUNTS, pl.Int64)
}  # fmt: skip


class SameRuns(NamedTuple):
    """How far the runs that are in both folders agree."""

    runs: int
    differing: pl.DataFrame  # the columns that differ: column, runs, largest (null where it is no number)


def same_runs(a: Side, b: Side) -> SameRuns | None:
    """Compare the runs of one id in all columns that tell how they ended; None where a folder holds no runs."""
    if a.runs is None or b.runs is None:
        return None
    names = [name for name in a.runs.columns if name in b.runs.columns and name not in ("run_id", *SETTING_KEYS)]
    names = [name for name in names if not name.startswith(FACTOR)]
    both = a.runs.select("run_id", *names).join(b.runs.select("run_id", *names), on="run_id", suffix="_b")
    rows = []
    for name in names:
        of_a, of_b = both[name], both[f"{name}_b"]
        differing = int(of_a.ne_missing(of_b).sum())
        largest = (of_b - of_a).abs().max() if of_a.dtype.is_numeric() else None
        rows += [(name, differing, largest)] if differing else []
    schema = {"column": pl.String, "runs": pl.Int64, "largest": pl.Float64}
    return SameRuns(both.height, pl.DataFrame(rows, schema, orient="row", strict=False))


def differences(a: Side, b: Side, matches: Sequence[tuple[int, int]]) -> pl.DataFrame:
    """Return the metrics at the grid points in both, whose places in A and B are `matches`: a row a metric and point.

    Each has the mean in A and in B with its interval and number of runs, and the difference B less A. Where the two
    settings share every draw of a seed, it is `paired` by seed, over `n_pairs`; of `lost_a` and `lost_b` more, the run
    of A, or of B, lacks a finite number. Else its interval is that of two independent samples.
    """
    places = [[match[side] for match in matches] for side in (0, 1)]
    table = _means(a, places[0], "a").join(_means(b, places[1], "b"), on=[POINT, "metric"], maintain_order="left")
    ends = [[table[f"{name}_{side}"].to_numpy() for name in _MEAN] for side in "ab"]
    apart = (ends[1][0] - ends[0][0], *stats.difference_interval(*ends))
    table = table.join(_paired(a, b, places), on=[POINT, "metric"], how="left", maintain_order="left")
    paired = pl.col("n_pairs").is_not_null()
    table = table.with_columns(
        *(
            pl.when(paired).then(name).otherwise(pl.Series(values)).fill_nan(None).alias(name)
            for name, values in zip(_DIFFERENCE, apart, strict=True)
        ),
        paired=paired,
    )
    means = [f"{name}_{side}" for side in "ab" for name in (*_MEAN, "n")]
    return table.select(POINT, "metric", *means, *_DIFFERENCE, "paired", *_COUNTS)


def _means(side: Side, places: Sequence[int], name: str) -> pl.DataFrame:
    """Return the rows of the summary at these points, sorted by metric and point."""
    rows = side.numbered(side.summary.filter(pl.col("metric").is_in(METRICS)), places)
    rows = rows.sort(pl.col("metric").cast(pl.Enum(METRICS)), POINT)
    numbers = [pl.col(column).cast(pl.Float64).alias(f"{column}_{name}") for column in _MEAN]
    return rows.select(POINT, "metric", *numbers, pl.col("n").alias(f"n_{name}"))


def _paired(a: Side, b: Side, places: Sequence[Sequence[int]]) -> pl.DataFrame:
    """Return a row for each metric and point of which there are pairs of runs that share every draw."""
    none = pl.DataFrame(schema=_PAIRED)
    if a.runs is None or b.runs is None or not _may_share_data(a, b):
        return none
    pairs = enumerate(zip(*places, strict=True))
    shared = pl.col(POINT).is_in([number for number, (m, n) in pairs if share_draws(a.points[m], b.points[n])])
    of_a, of_b = a.numbered(a.runs, places[0]).filter(shared), b.numbered(b.runs, places[1]).filter(shared)
    known = set(a.summary["metric"]) & set(b.summary["metric"])
    return pl.concat([none, *(_paired_metric(of_a, of_b, metric) for metric in METRICS if metric in known)])


def _may_share_data(a: Side, b: Side) -> bool:
    """Whether the examples of both may be the same, as far as digests of them are recorded."""
    prints = [[way["fingerprint"] for way in side.ways] for side in (a, b)]
    digests = [{each["data"] for each in side if "inputs" in each} for side in prints]
    return not all(digests) or bool(digests[0] & digests[1])


def _paired_metric(runs_a: pl.DataFrame, runs_b: pl.DataFrame, metric: str) -> pl.DataFrame:
    empty = pl.DataFrame()
    a, b = (of_runs(Tables(runs, empty, empty), metric, {}).select(POINT, "seed", "value") for runs in (runs_a, runs_b))
    pairs = a.join(b, on=[POINT, "seed"], suffix="_b", maintain_order="left")
    folded = pairs.group_by(POINT, maintain_order=True).agg(
        (pl.col("value_b") - pl.col("value")).drop_nulls().alias("pairs"),
        lost_a=pl.col("value").null_count(),
        lost_b=pl.col("value_b").null_count(),
    )
    low, high = stats.mean_interval([cell.to_numpy() for cell in folded["pairs"]])
    paired = folded.with_columns(
        metric=pl.lit(metric), difference=pl.col("pairs").list.mean(), ci_low=low, ci_high=high,
        n_pairs=pl.col("pairs").list.len(),
    )  # fmt: skip
    return paired.select(pl.col(name).cast(dtype) for name, dtype in _PAIRED.items())

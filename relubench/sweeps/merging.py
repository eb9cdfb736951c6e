"""The rows of parts in one order, as tables: however many there are, a bucket of seeds at a time is in memory.

The order is by seed first, so that the runs of a range of seeds are sorted by themselves. Parts that make more than one
bucket are read once and dealt out to files, a few for each bucket.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from relubench.config import SETTING_KEYS
from relubench.lazy import pl
from relubench.sweeps import interrupts

#: Columns of a part that hold a table of their own start with this.
NESTED = "table_"
#: What tells a row of measures from the others of its run.
_MEASURED = ("step", "measure", "layer", "item")
#: Bytes of a bucket's rows, those of one seed at least; sorting them takes a few times as much.
BUCKET_BYTES = 64 << 20
#: Buckets, which are larger where they would be more: as many files as their square may lie on disk for a while.
MOST_BUCKETS = 256
#: Parts whose seeds are held run by run.
MOST_UNFOLDED = 500

#: Reads rows: of a part, or of a bucket.
Source = Callable[[], "pl.LazyFrame"]


@dataclass(frozen=True)
class Merged:
    """The rows of parts, each in the bucket of its seed."""

    columns: pl.DataFrame  # those of all parts, without rows
    order: list[pl.Expr]  # what sorts the rows of a bucket
    buckets: Sequence[Source]

    @property
    def names(self) -> list[str]:
        """The tables: runs, probes, layers (and units, measures)."""
        return ["runs", *(name.removeprefix(NESTED) for name in self.columns.columns if name.startswith(NESTED))]

    def table(self, name: str, then: Callable[[pl.DataFrame], pl.DataFrame] | None = None) -> pl.LazyFrame:
        """Return a table's rows, sorted by seed and setting, so that a run's stand in one place whatever its id.

        Of a run that several parts hold, the first counts, and each of the other tables is that of the first part that
        holds it; what no part holds is null. `then` is applied to the rows of each bucket.
        """
        from polars.io.plugins import register_io_source

        def batch(rows: pl.LazyFrame) -> pl.DataFrame:
            table = self._table(rows, name)
            return table if then is None else then(table)

        def batches(columns: list[str] | None, *_: Any) -> Iterator[pl.DataFrame]:
            for read in self.buckets:
                interrupts.check()
                rows = batch(read())
                yield rows if columns is None else rows.select(columns)

        return register_io_source(batches, schema=batch(self.columns.lazy()).schema)

    def _table(self, rows: pl.LazyFrame, name: str) -> pl.DataFrame:
        ordered = rows.sort(self.order, maintain_order=True)
        if name == "runs":
            runs = ordered.select(key for key in self.columns.columns if not key.startswith(NESTED))
            return runs.unique("run_id", keep="first", maintain_order=True).collect()
        column = NESTED + name
        held = ordered.select("run_id", column).filter(pl.col(column).is_not_null())
        if name != "measures":  # of which parts may hold some each
            held = held.unique("run_id", keep="first", maintain_order=True)
        table = held.explode(column).unnest(column)
        if name == "measures" and rows.select(pl.col("run_id").is_duplicated().any()).collect().item():
            table = table.unique(["run_id", *_MEASURED], keep="first", maintain_order=True)
        return table.collect()


def tables(parts: Iterable[pl.LazyFrame]) -> dict[str, pl.DataFrame]:
    """Return runs, probes, layers (and units, measures) from the rows of parts that are in memory."""
    widest_first = sorted(parts, key=lambda part: width(part.collect_schema()), reverse=True)
    survey = _survey([part.lazy for part in widest_first])
    merged = Merged(survey.columns, survey.order, [lambda: _together(survey.columns, widest_first)])
    return {name: merged.table(name).collect() for name in merged.names}


def merge(parts: Sequence[Source], scratch: Path) -> Merged:
    """Return the rows of parts, of which those with the most columns are first; where they are many, from `scratch`."""
    survey = _survey(parts)
    if len(survey.first_seeds) == 1:
        rows = _together(survey.columns, [read() for read in parts])
        return Merged(survey.columns, survey.order, [lambda: rows])
    _deal_out(parts, survey, scratch)
    folders = (scratch / str(place) for place in range(len(survey.first_seeds)))
    buckets = [functools.partial(_bucket, survey.columns, folder) for folder in folders]
    return Merged(survey.columns, survey.order, buckets)


def width(schema: pl.Schema) -> int:
    """Return how many columns a part has, those of the tables in it included."""
    inner = (getattr(dtype, "inner", dtype) for dtype in schema.dtypes())
    return sum(len(dtype.fields) if isinstance(dtype, pl.Struct) else 1 for dtype in inner)


def _together(columns: pl.DataFrame, rows: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    return pl.concat([columns.lazy(), *rows], how="diagonal_relaxed")


class _Survey(NamedTuple):
    """What must be known of all parts before a row has its place."""

    columns: pl.DataFrame
    order: list[pl.Expr]
    first_seeds: np.ndarray  # [buckets]
    turns: list[int]  # [parts]: which of them are dealt out together


def _survey(parts: Iterable[Source]) -> _Survey:
    columns: dict[tuple[Any, ...], pl.DataFrame] = {}
    first: dict[str, Any] = {}  # of each key the first run's value
    differing: set[str] = set()
    seeds: list[pl.DataFrame] = []
    part_bytes: list[int] = []
    for read in parts:
        interrupts.check()
        rows = read()
        run = rows.head(1).collect()  # in the tables of a part all runs have as many rows
        columns.setdefault(tuple(run.schema.items()), run.clear())
        settings = rows.select(key for key in SETTING_KEYS if key in run.columns).collect()
        values, kinds = settings.row(0, named=True), settings.select(pl.all().n_unique()).row(0, named=True)
        for key in SETTING_KEYS:
            if kinds.get(key, 1) > 1 or first.setdefault(key, values.get(key)) != values.get(key):
                differing.add(key)
        run_bytes = int(run.estimated_size())
        seeds.append(settings.select(pl.col("seed").cast(pl.Int64), bytes=pl.lit(run_bytes, pl.Int64)))
        part_bytes.append(run_bytes * settings.height)
        if len(seeds) > MOST_UNFOLDED:
            seeds = [_by_seed(seeds)]
    together = pl.concat(columns.values(), how="diagonal_relaxed")
    size = max(BUCKET_BYTES, sum(part_bytes) // MOST_BUCKETS)
    turns = (np.cumsum(part_bytes) // size).tolist()
    return _Survey(together, _order(together.schema, differing), _first_seeds(_by_seed(seeds), size), turns)


def _by_seed(seeds: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(seeds).group_by("seed").agg(pl.col("bytes").sum())


def _order(schema: pl.Schema, differing: set[str]) -> list[pl.Expr]:
    """Return what sorts runs: the seed, then the settings in which they differ, in the alphabetical order of keys."""
    settings = [
        pl.col(key).list.eval(pl.element().cast(pl.String)).list.join(",") if schema[key] == pl.List else pl.col(key)
        for key in sorted(differing - {"seed"})
    ]
    return [pl.col("seed"), *settings, pl.col("run_id")]


def _first_seeds(by_seed: pl.DataFrame, size: int) -> np.ndarray:
    """Return the first seed of each bucket of `size` bytes."""
    ordered = by_seed.sort("seed")
    bucket = (ordered["bytes"].cum_sum() - ordered["bytes"]) // size
    return ordered["seed"].filter(bucket != bucket.shift(1, fill_value=-1)).to_numpy()


def _deal_out(parts: Sequence[Source], survey: _Survey, scratch: Path) -> None:
    """Write the rows of parts to a folder a bucket, of as many parts at once as a bucket has bytes."""
    for place in range(len(survey.first_seeds)):
        (scratch / str(place)).mkdir()
    for turn, group in itertools.groupby(zip(survey.turns, parts, strict=True), key=lambda pair: pair[0]):
        interrupts.check()
        rows = _together(survey.columns, [read() for _, read in group]).collect()
        bucket = np.searchsorted(survey.first_seeds, rows["seed"].to_numpy(), side="right") - 1
        for (place,), held in rows.group_by(pl.Series("bucket", bucket), maintain_order=True):
            buffer = io.BytesIO()  # polars' own file errors lose the reason (full, read-only)
            held.write_ipc(buffer, compression="lz4")
            with buffer.getbuffer() as written:
                (scratch / str(place) / f"{turn:09}").write_bytes(written)


def _bucket(columns: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    return _together(columns, [pl.scan_ipc(path.read_bytes()) for path in sorted(folder.iterdir())])

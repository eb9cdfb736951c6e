"""A folder of results: Parquet parts written as runs end, resume, and the tables merged from them.

A part holds finished runs, one row each with its probes, layers and units as lists, in one file that appears
whole or not at all. Everything else in the folder can be made again from the parts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from relubench.config import SETTING_KEYS
from relubench.errors import Notice, UserError
from relubench.sweeps import checkpoint
from relubench.sweeps.grid import Grid
from relubench.sweeps.storage import (
    atomic,
    clean,
    make_folder,
    read_verified,
    read_yaml,
    refusing,
    write_table,
    write_yaml,
)

#: Keys whose change, when no grid axis, makes another experiment of a folder.
FIXED_PREFIXES = ("data.", "train.", "probe.")
#: Columns of a part that hold a table of their own start with this.
NESTED = "table_"

_PART_AGAIN = "delete it (or move it away) and run again: only its runs are trained anew"
_CONFIG_AGAIN = "move it away and run the experiment again: that writes it anew, and the parts stay"


class Tables(NamedTuple):
    """The tables of some runs, from which everything that folds seeds is computed."""

    runs: pl.DataFrame
    probes: pl.DataFrame
    layers: pl.DataFrame
    units: pl.DataFrame | None = None
    measures: pl.DataFrame | None = None  # run_id, step, measure, layer, item, value

    def of(self, run_ids: Collection[str]) -> Tables:
        """Return the rows of these runs."""
        kept = pl.Series(list(run_ids), dtype=pl.String).implode()
        ours = {
            name: table.filter(pl.col("run_id").is_in(kept))
            for name, table in self._asdict().items()
            if table is not None
        }
        return Tables(**ours)


def tables(parts: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """Return runs, probes, layers (and units, measures) from the rows of parts, sorted by seed and setting.

    A run's rows so stand in the same place whatever its id.
    """
    whole = parts.sort(_order(parts))
    nested = [name for name in whole.collect_schema() if name.startswith(NESTED)]
    found = {"runs": whole.drop(nested).collect()}
    for column in nested:
        table = whole.select("run_id", column).explode(column).unnest(column)
        found[column.removeprefix(NESTED)] = table.collect()
    return found


def _order(runs: pl.LazyFrame) -> list[pl.Expr]:
    """Return what sorts runs: the seed, then the settings in which they differ, in the alphabetical order of keys."""
    schema = runs.collect_schema()
    keys = [key for key in sorted(SETTING_KEYS) if key in schema and key != "seed"]
    settings = [
        pl.col(key).list.eval(pl.element().cast(pl.String)).list.join(",") if schema[key] == pl.List else pl.col(key)
        for key in keys
    ]
    counts = runs.select(setting.n_unique() for setting in settings).collect()
    differing = [setting for setting, key in zip(settings, keys, strict=True) if counts[key].item() > 1]
    return [pl.col("seed"), *differing, pl.col("run_id")]


class Part(NamedTuple):
    """What a part tells without its rows."""

    path: Path
    origin: dict[str, Any]  # where its runs come from
    run_ids: np.ndarray


class Folder:
    """The results of one experiment on disk."""

    def __init__(self, out: str | Path) -> None:
        self.path = Path(out)
        self.parts = self.path / "parts"
        self.checkpoints = self.path / "checkpoints"
        self._verified: dict[tuple[Path, int, int, int], Part] = {}

    def claim(self, name: str, values: Mapping[str, Any], axes: set[str], config_yaml: str) -> None:
        """Take the folder for an experiment, or refuse because it holds another one.

        `values` are the base setting by dotted key, `axes` the grid's keys. A folder without parts is free.
        """
        make_folder(self.parts)
        clean(self.path)
        path = self.path / "config.yaml"
        if os.path.lexists(path) and self.part_paths():
            self._check_owner(path, name, values, axes)
        for part in self._checked_parts():
            if part.origin.get("name", name) != name:
                raise UserError(
                    f"{part.path}: it belongs to the experiment {part.origin['name']!r}, not {name!r}; choose another "
                    "out=, or move it away"
                )
        write_yaml(path, config_yaml)

    def _check_owner(self, path: Path, name: str, values: Mapping[str, Any], axes: set[str]) -> None:
        stored_name, stored, stored_axes = read_config(path)
        if stored_name != name:
            raise UserError(
                f"out={self.path}: it holds the experiment {stored_name!r}, not {name!r}; choose another out="
            )
        for key, value in values.items():
            if key.startswith(FIXED_PREFIXES) and key not in axes | stored_axes and stored.get(key, value) != value:
                held = f"{self.path} holds runs with {key}={_shown(stored[key])}"
                raise UserError(f"{key}={_shown(value)}: {held}; choose another out=")

    def part_paths(self) -> list[Path]:
        """Return the parts on disk."""
        return sorted(self.parts.glob("*.parquet"))

    def _checked_parts(self) -> list[Part]:
        """Return the parts on disk, each verified once; a damaged or foreign one is refused."""
        return [self._part(path) for path in self.part_paths()]

    def _part(self, path: Path) -> Part:
        with refusing(path, _PART_AGAIN):
            status = path.stat()
            key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
            if key not in self._verified:
                raw, origin = read_verified(path)
                if not {"fingerprint", "mixed"} <= origin.keys():
                    raise ValueError("it is another table, not a part")
                ids = pl.read_parquet(raw, columns=["run_id"])["run_id"].to_numpy().astype("U16")
                self._verified[key] = Part(path, origin, ids)
            return self._verified[key]

    def done_ids(self) -> np.ndarray:
        """Return the ids of the runs that are on disk, in order."""
        return np.unique(np.concatenate([np.array([], "U16"), *(part.run_ids for part in self._checked_parts())]))

    def write_part(self, frame: pl.DataFrame, origin: Mapping[str, Any]) -> Path:
        """Write finished runs as one part; its name depends on the runs alone."""
        ids = "".join(frame["run_id"].to_list())
        path = self.parts / f"{hashlib.blake2b(ids.encode(), digest_size=8).hexdigest()}.parquet"
        write_table(path, frame, origin)
        return path

    def origins(self) -> list[dict[str, Any]]:
        """Return where the runs of each part come from."""
        return [part.origin for part in self._checked_parts()]

    def origin_of(self, run_id: str) -> dict[str, Any] | None:
        """Return where a run comes from, None if no part holds it."""
        return next((part.origin for part in self._checked_parts() if run_id in part.run_ids), None)

    def check_origins(
        self, planned: Sequence[Mapping[str, Any]], mixed: bool, only: Collection[str] | None = None
    ) -> None:
        """Refuse to add to, or merge, parts that were computed in ways that may change their bits.

        `planned` are the origins of what is to be added, `only` the entries of fingerprints to compare (default: all).
        An entry is compared within its scope: the data's digest among parts of the same data, for example.
        """
        if mixed:
            return
        stored = [(path.name, origin) for path, origin in zip(self.part_paths(), self.origins(), strict=True)]
        origins = [*stored, *(("this", origin) for origin in planned)]
        keys = only or dict.fromkeys(key for _, origin in origins for key in origin["fingerprint"])
        seen: dict[tuple[str, str | None], tuple[str, str]] = {}
        for name, origin in origins:
            for key in keys:
                value = origin["fingerprint"].get(key, "(not recorded)")
                scope = origin.get("scopes", {}).get(key)
                first, other = seen.setdefault((key, scope), (name, value))
                if other != value:
                    raise UserError(
                        f"out={self.path}: {first} was computed with {key}={other or 'none'}, {name} "
                        f"{'is' if name == 'this' else 'with'} {key}={value or 'none'}; bits may differ: choose "
                        "another out=, or allow it by engine.mixed=true"
                    )

    def merge(self) -> Tables:
        """Write runs, probes, layers (and units, measures) from the parts; return them."""
        parts = self._checked_parts()
        if not parts:
            raise UserError(f"out={self.path}: there are no parts to merge; run the experiment first")
        _check_name(parts)
        with _naming(parts):
            merged = tables(_rows(parts).unique("run_id", keep="first"))
        for name, table in merged.items():
            write_table(self.path / f"{name}.parquet", table)
        return Tables(**merged)

    # Checkpoints of long runs (the engine's protocol).

    def find(self, run_ids: np.ndarray, origin: str) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield the checkpoints of this origin that hold only runs of `run_ids`."""
        wanted = set(run_ids.tolist())
        for path in sorted(self.checkpoints.glob("*.npz")):
            saved = self._intact(path)
            if saved is not None and saved.origin == origin and wanted.issuperset(saved.run_ids.tolist()):
                yield saved.run_ids, saved.step, saved.leaves

    def _intact(self, path: Path) -> checkpoint.Checkpoint | None:
        """Return a checkpoint; set a damaged one aside, as it costs time and not results."""
        try:
            saved = checkpoint.read(path)
            if path != self._checkpoint(saved.run_ids):
                raise ValueError("it holds other runs than its name says")
            return saved
        except MemoryError:
            raise
        except Exception:  # zipfile and NumPy raise many kinds for a damaged file
            if not os.path.lexists(path):  # another process has finished its runs
                return None
            aside = path.with_name(path.name + ".damaged")
            try:
                os.replace(path, aside)
                fate = f"set aside as {aside.name}"
            except OSError as error:
                fate = f"ignored ({error.strerror})"
            warnings.warn(
                f"{path}: a damaged checkpoint, {fate}; its runs are trained anew",
                Notice,
                stacklevel=2,
            )
            return None

    def save(self, run_ids: np.ndarray, origin: str, step: int, leaves: list[np.ndarray]) -> None:
        """Keep the states of these runs at `step`; `origin` tells who can go on from them."""
        with atomic(self._checkpoint(run_ids)) as temporary:
            checkpoint.write(temporary, checkpoint.Checkpoint(run_ids, origin, step, leaves))

    def clear(self, run_ids: np.ndarray) -> None:
        """Forget the states of these runs."""
        self._checkpoint(run_ids).unlink(missing_ok=True)

    def _checkpoint(self, run_ids: np.ndarray) -> Path:
        digest = hashlib.blake2b("".join(run_ids.tolist()).encode(), digest_size=8).hexdigest()
        return self.checkpoints / f"{digest}.npz"


def _rows(parts: list[Part]) -> pl.LazyFrame:
    """Return the rows of parts, from bytes: polars takes no path that the locale cannot decode."""
    verified = []
    for part in parts:
        with refusing(part.path, _PART_AGAIN):
            verified.append(read_verified(part.path)[0])
    return pl.scan_parquet(verified)


@contextlib.contextmanager
def _naming(parts: list[Part]) -> Iterator[None]:
    """Turn an error of the rows of all parts into one line that names the part."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        columns = {}
        for part in parts:
            with refusing(part.path, _PART_AGAIN):
                columns[part.path] = tuple(pl.read_parquet(read_verified(part.path)[0]).schema.items())
        ((usual, _),) = Counter(columns.values()).most_common(1)
        for path, own in columns.items():
            with refusing(path, _PART_AGAIN):
                if own != usual:
                    raise ValueError("its columns are not those of the other parts") from None
        raise


def _check_name(parts: list[Part]) -> None:
    """Refuse a part whose experiment is not that of the most."""
    names = Counter(part.origin["name"] for part in parts if "name" in part.origin).most_common(1)
    for part in parts:
        with refusing(part.path, _PART_AGAIN):
            if names and part.origin.get("name", names[0][0]) != names[0][0]:
                raise ValueError(f"it belongs to the experiment {part.origin['name']!r}, others to {names[0][0]!r}")


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def read_config(path: Path) -> tuple[str, dict[str, Any], set[str]]:
    """Return (name, base setting by dotted key, keys of the grid) of a folder's config.yaml."""
    from omegaconf import OmegaConf

    from relubench.config import flatten
    from relubench.sweeps.grid import grid_keys

    with refusing(path, _CONFIG_AGAIN):
        tree = OmegaConf.to_container(OmegaConf.create(read_yaml(path)), resolve=True)
        if (
            not isinstance(tree, dict)
            or not isinstance(tree.get("name"), str)
            or not isinstance(tree.get("grid"), dict)
        ):
            raise ValueError("it lacks name or grid")
        flat = flatten(tree)
        values = {name: key.parse(flat[name]) for name, key in SETTING_KEYS.items() if name in flat}
        return tree["name"], values, grid_keys(tree["grid"])


def run_rows(grid: Grid) -> pl.DataFrame:
    """Return the columns `run_id`, `seed` and every setting key of the grid's runs."""
    columns: dict[str, Any] = {"run_id": grid.run_ids().astype("U16")}
    kinds = {int: pl.Int64, float: pl.Float64, str: pl.String, bool: pl.Boolean}
    for name, key in SETTING_KEYS.items():
        dtype: Any = pl.List(kinds[key.type]) if key.is_list else kinds[key.type]
        values = grid.column(name)
        columns[name] = pl.Series(name, [list(v) for v in values] if key.is_list else list(values), dtype)
    return pl.DataFrame(columns)

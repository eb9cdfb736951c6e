"""A folder of results: Parquet parts written as runs end, resume, and the tables merged from them.

A part holds finished runs, one row each with its probes, layers and units as lists, in one file that appears
whole or not at all. Everything else in the folder can be made again from the parts.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import json
import os
import socket
import time
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from relubench.config import SETTING_KEYS
from relubench.errors import StorageError, UserError
from relubench.grid import Grid

#: Version of the columns of every Parquet file, stored in its metadata.
SCHEMA_VERSION = "2"
#: Keys whose change, when no grid axis, makes another experiment of a folder.
FIXED_PREFIXES = ("data.", "train.", "probe.")
#: A temporary file this old belongs to a process that is gone, whichever machine it ran on.
STALE_SECONDS = 3600.0

#: Columns of a part that hold a table of their own start with this.
NESTED = "table_"

_VERSION_KEY, _ORIGIN_KEY = "relubench_schema", "relubench_origin"
_TEMPORARY = ".tmp-"
_counter = itertools.count()


def _storage_error(path: Path, error: Exception) -> StorageError:
    code = getattr(error, "errno", None)
    if code == errno.ENOSPC or "No space left" in str(error):
        reason = "the disk is full"
    elif code in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason = "it cannot be written (read-only, or no permission)"
    else:
        reason = str(getattr(error, "strerror", None) or error).splitlines()[0]
    return StorageError(f"out={path.parent}: {path.name}: {reason}; what was written before is safe")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the name `path`, durably, in one step."""
    temporary = path.parent / f"{_TEMPORARY}{socket.gethostname()}-{os.getpid()}-{next(_counter)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError | pl.exceptions.ComputeError):
            raise _storage_error(path, error) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def write_table(path: Path, frame: pl.DataFrame, origin: Mapping[str, Any] | None = None) -> None:
    """Write a Parquet file in one step, with the schema version and, for a part, where its runs come from."""
    metadata = {_VERSION_KEY: SCHEMA_VERSION}
    if origin is not None:
        metadata[_ORIGIN_KEY] = json.dumps(origin)
    buffer = io.BytesIO()  # polars' own file errors lose the reason (full, read-only)
    frame.write_parquet(buffer, compression="zstd", metadata=metadata)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_table(path: Path) -> pl.DataFrame:
    """Return a Parquet table of a results folder; a missing, damaged or foreign file is refused."""
    if not path.exists():
        raise UserError(f"{path}: no such file; run or merge the experiment first")
    _check_version(path)
    return pl.read_parquet(path)


def _check_version(path: Path) -> dict[str, str]:
    try:
        metadata = pl.read_parquet_metadata(path)
    except Exception as error:  # polars raises several kinds for a damaged file
        raise UserError(
            f"{path}: damaged ({str(error).splitlines()[0]}); delete it and run again: only its runs are trained anew"
        ) from error
    if metadata.get(_VERSION_KEY) != SCHEMA_VERSION:
        raise UserError(f"{path}: schema version {metadata.get(_VERSION_KEY)}, this relubench reads {SCHEMA_VERSION}")
    return metadata


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
    """Return runs, probes, layers (and units, measures) from the rows of parts, sorted."""
    whole = parts.sort("run_id")
    nested = [name for name in whole.collect_schema() if name.startswith(NESTED)]
    found = {"runs": whole.drop(nested).collect()}
    for column in nested:
        table = whole.select("run_id", column).explode(column).unnest(column)
        found[column.removeprefix(NESTED)] = table.collect()
    return found


class Folder:
    """The results of one experiment on disk."""

    def __init__(self, out: str | Path) -> None:
        self.path = Path(out)
        self.parts = self.path / "parts"
        self.checkpoints = self.path / "checkpoints"

    def claim(self, name: str, values: Mapping[str, Any], axes: set[str], config_yaml: str) -> None:
        """Take the folder for an experiment, or refuse because it holds another one.

        `values` are the base setting by dotted key, `axes` the grid's keys. A folder without parts is free.
        """
        self._check_writable()
        self._clean()
        path = self.path / "config.yaml"
        if path.exists() and self.part_paths():
            self._check_owner(path, name, values, axes)
        write_text(path, config_yaml)

    def _check_writable(self) -> None:
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _storage_error(self.parts, error) from error

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

    def _clean(self) -> None:
        """Remove temporary files whose writer is gone."""
        for path in [*self.path.glob(f"{_TEMPORARY}*"), *self.path.glob(f"*/{_TEMPORARY}*")]:
            with contextlib.suppress(OSError):
                if _is_stale(path):
                    path.unlink()

    def part_paths(self) -> list[Path]:
        """Return the parts on disk."""
        return sorted(self.parts.glob("*.parquet"))

    def _checked_parts(self) -> list[Path]:
        """Return the parts on disk; a damaged or foreign one is refused."""
        paths = self.part_paths()
        for path in paths:
            _check_version(path)
        return paths

    def done_ids(self) -> np.ndarray:
        """Return the ids of the runs that are on disk, in order."""
        paths = self._checked_parts()
        if not paths:
            return np.array([], dtype="U16")
        ids = pl.scan_parquet(paths, missing_columns="insert", extra_columns="ignore").select("run_id").collect()
        return np.unique(ids["run_id"].to_numpy().astype("U16"))

    def write_part(self, frame: pl.DataFrame, origin: Mapping[str, Any]) -> Path:
        """Write finished runs as one part; its name depends on the runs alone."""
        ids = "".join(frame["run_id"].to_list())
        path = self.parts / f"{hashlib.blake2b(ids.encode(), digest_size=8).hexdigest()}.parquet"
        write_table(path, frame, origin)
        return path

    def origins(self) -> list[dict[str, Any]]:
        """Return where the runs of each part come from."""
        return [json.loads(_check_version(path)[_ORIGIN_KEY]) for path in self.part_paths()]

    def check_origins(self, planned: Sequence[Mapping[str, Any]], mixed: bool) -> None:
        """Refuse to add to, or merge, parts that were computed in ways that may change their bits.

        `planned` are the origins of what is to be added. An entry of a fingerprint is compared within its scope: the
        data's digest among parts of the same data, for example.
        """
        if mixed:
            return
        stored = [(path.name, origin) for path, origin in zip(self.part_paths(), self.origins(), strict=True)]
        origins = [*stored, *(("this", origin) for origin in planned)]
        keys = dict.fromkeys(key for _, origin in origins for key in origin["fingerprint"])
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
        paths = self._checked_parts()
        if not paths:
            raise UserError(f"out={self.path}: there are no parts to merge; run the experiment first")
        whole = pl.scan_parquet(paths).unique("run_id", keep="first")
        merged = tables(whole)
        for name, table in merged.items():
            write_table(self.path / f"{name}.parquet", table)
        return Tables(**merged)

    # Checkpoints of long runs (the engine's protocol).

    def find(self, run_ids: np.ndarray, origin: str) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield the checkpoints of this origin that hold only runs of `run_ids`."""
        wanted = set(run_ids.tolist())
        for path in sorted(self.checkpoints.glob("*.npz")):
            try:
                with np.load(path) as saved:
                    ids, step, found = saved["run_ids"], int(saved["step"]), str(saved["origin"])
                    leaves = [saved[f"leaf{n}"] for n in range(len(saved.files) - 3)]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # a damaged checkpoint costs time, not results
                continue
            if found == origin and wanted.issuperset(ids.tolist()):
                yield ids, step, leaves

    def save(self, run_ids: np.ndarray, origin: str, step: int, leaves: list[np.ndarray]) -> None:
        """Keep the states of these runs at `step`; `origin` tells who can go on from them."""
        arrays: Any = {f"leaf{n}": leaf for n, leaf in enumerate(leaves)}
        with atomic(self._checkpoint(run_ids)) as temporary, open(temporary, "wb") as file:
            np.savez(file, run_ids=run_ids, step=step, origin=origin, **arrays)

    def clear(self, run_ids: np.ndarray) -> None:
        """Forget the states of these runs."""
        self._checkpoint(run_ids).unlink(missing_ok=True)

    def _checkpoint(self, run_ids: np.ndarray) -> Path:
        digest = hashlib.blake2b("".join(run_ids.tolist()).encode(), digest_size=8).hexdigest()
        return self.checkpoints / f"{digest}.npz"


def _is_stale(path: Path) -> bool:
    host, _, rest = path.name.removeprefix(_TEMPORARY).rpartition("-")[0].rpartition("-")
    if host == socket.gethostname() and rest.isdigit():
        return not _is_alive(int(rest))
    return time.time() - path.stat().st_mtime > STALE_SECONDS


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def read_config(path: Path) -> tuple[str, dict[str, Any], set[str]]:
    """Return (name, base setting by dotted key, keys of the grid) of a folder's config.yaml."""
    from omegaconf import OmegaConf

    from relubench.config import flatten
    from relubench.grid import grid_keys

    tree = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    assert isinstance(tree, dict)
    flat = flatten(tree)
    values = {name: key.parse(flat[name]) for name, key in SETTING_KEYS.items() if name in flat}
    return str(tree["name"]), values, grid_keys(tree["grid"])


def run_rows(grid: Grid) -> pl.DataFrame:
    """Return the columns `run_id`, `seed` and every setting key of the grid's runs."""
    columns: dict[str, Any] = {"run_id": grid.run_ids().astype("U16")}
    kinds = {int: pl.Int64, float: pl.Float64, str: pl.String, bool: pl.Boolean}
    for name, key in SETTING_KEYS.items():
        dtype: Any = pl.List(kinds[key.type]) if key.is_list else kinds[key.type]
        values = grid.column(name)
        columns[name] = pl.Series(name, [list(v) for v in values] if key.is_list else list(values), dtype)
    return pl.DataFrame(columns)

"""A folder of results: Parquet parts written as runs end, resume, and the tables merged from them.

A part holds finished runs, one row each with its probes, layers and units as lists, in one file that appears
whole or not at all. Everything else in the folder can be made again from the parts.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from relubench import memory
from relubench.config import SETTING_KEYS, flatten, nested, setting_values
from relubench.errors import Notice, UserError
from relubench.lazy import pl
from relubench.sweeps import factors, grid, merging, storage
from relubench.sweeps.factors import FACTOR, Factor
from relubench.sweeps.grid import ID_VERSION, Grid
from relubench.sweeps.merging import NESTED
from relubench.sweeps.storage import Checkpoint, read_verified, refusing, write_table

#: Keys whose change, when no grid axis, makes another experiment of a folder.
FIXED_PREFIXES = ("data.", "train.", "probe.")

#: Memory that folding seeds takes for a number of a table, in bytes: itself, and copies of it by grid point.
FOLDED_BYTES = 20

_FOLD_LESS = "the tables are written; `merge` with fewer seeds, levels or values folds those alone"
_PART_AGAIN = "delete it (or move it away) and run again: only its runs are trained anew"
_CONFIG_AGAIN = "move it away and run the experiment again: that writes it anew, and the parts stay"


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of some runs, from which everything that folds seeds is computed."""

    runs: pl.DataFrame
    probes: pl.DataFrame
    layers: pl.DataFrame
    units: pl.DataFrame | None = None
    measures: pl.DataFrame | None = None  # run_id, step, measure, layer, item, value

    def of(self, run_ids: Collection[str]) -> Tables:
        """Return the rows of these runs."""
        kept = pl.col("run_id").is_in(pl.Series(list(run_ids), dtype=pl.String).implode())
        held = {item.name: getattr(self, item.name) for item in fields(self)}
        return Tables(**{name: rows.filter(kept) for name, rows in held.items() if rows is not None})

    def derived(self, compute: Callable[[Tables], pl.DataFrame]) -> pl.DataFrame:
        """Return what `compute` makes of these tables, computed once: claims ask for the same again and again."""
        if compute not in self._derived:
            self._derived[compute] = compute(self)
        return self._derived[compute]

    @functools.cached_property
    def _derived(self) -> dict[Callable[[Tables], pl.DataFrame], pl.DataFrame]:
        return {}


class Part(NamedTuple):
    """What a part says without its rows."""

    path: Path
    origin: dict[str, Any]  # where its runs come from
    run_ids: np.ndarray  # as ASCII, a quarter of the memory
    holds: frozenset[str]  # what else it has of its runs: names of measures, and `units`
    width: int  # how many columns it has


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
        storage.make_folder(self.parts)
        storage.clean(self.path)
        path = self.path / "config.yaml"
        if os.path.lexists(path) and self.part_paths():
            self._check_owner(name, values, axes)
        for part in self._checked_parts():
            if part.origin.get("name", name) != name:
                raise UserError(
                    f"{part.path}: it belongs to the experiment {part.origin['name']!r}, not {name!r}; choose another "
                    "out=, or move it away"
                )
        storage.write_yaml(path, config_yaml)

    def check_name(self, name: str) -> None:
        """Refuse a folder of another experiment than `name`."""
        if os.path.lexists(self.path / "config.yaml"):
            self._owned_by(name)

    def _owned_by(self, name: str) -> Stored:
        stored = read_config(self.path / "config.yaml")
        if stored.name != name:
            raise UserError(
                f"out={self.path}: it holds the experiment {stored.name!r}, not {name!r}; choose another out= or "
                "experiment="
            )
        return stored

    def _check_owner(self, name: str, values: Mapping[str, Any], axes: set[str]) -> None:
        stored = self._owned_by(name)
        free = axes | stored.axes | grid.NOT_IN_ID
        for key, value in values.items():
            if key.startswith(FIXED_PREFIXES) and key not in free and stored.values.get(key, value) != value:
                held = f"{self.path} holds runs with {key}={_shown(stored.values[key])}"
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
                rows = pl.scan_parquet(io.BytesIO(raw))
                width = merging.width(rows.collect_schema())
                self._verified[key] = Part(path, origin, _ids(rows, origin), _holdings(rows), width)
            return self._verified[key]

    def done_ids(self, asked: Collection[str] = ()) -> np.ndarray:
        """Return the ids of the runs that are on disk, in order, with all that is asked: measures, and `units`."""
        none = np.array([], "S16")
        done = np.unique(np.concatenate([none, *(part.run_ids for part in self._checked_parts())]))
        for name in asked:
            holders = (part.run_ids for part in self._checked_parts() if name in part.holds)
            done = np.intersect1d(done, np.concatenate([none, *holders]))
        return done.astype("U16")

    def write_part(self, frame: pl.DataFrame, origin: Mapping[str, Any]) -> Path:
        """Write finished runs as one part; its name depends on the runs and on what is held of them."""
        names = "".join([*frame["run_id"].to_list(), *sorted(_holdings(frame.lazy()))])
        path = self.parts / f"{hashlib.blake2b(names.encode(), digest_size=8).hexdigest()}.parquet"
        write_table(path, frame, {**origin, "ids": ID_VERSION})
        return path

    def origins(self) -> list[dict[str, Any]]:
        """Return where the runs of each part come from."""
        return [part.origin for part in self._checked_parts()]

    def origin_of(self, run_id: str) -> dict[str, Any] | None:
        """Return where a run comes from, None if no part holds it."""
        return next((part.origin for part in self._checked_parts() if run_id.encode() in part.run_ids), None)

    def check_origins(
        self, planned: Sequence[Mapping[str, Any]], mixed: bool, only: Collection[str] | None = None
    ) -> None:
        """Refuse to add to, or merge, parts that were computed in ways that may change their bits.

        `planned` are the origins of what is to be added, `only` the entries of fingerprints to compare (default: all).
        An entry is compared within its scope: the data's digest among parts of the same data, for example.
        """
        if mixed:
            return
        stored = [(part.path.name, part.origin) for part in self._checked_parts()]
        origins = [*stored, *(("this", origin) for origin in planned)]
        keys = only or dict.fromkeys(key for _, origin in origins for key in origin["fingerprint"])
        first_seen: dict[tuple[str, str | None], tuple[str, str]] = {}
        for name, origin in origins:
            for key in keys:
                value = origin["fingerprint"].get(key, "(not recorded)")
                scope = origin.get("scopes", {}).get(key)
                first, other = first_seen.setdefault((key, scope), (name, value))
                if other != value:
                    raise UserError(
                        f"out={self.path}: {first} was computed with {key}={other or 'none'}, {name} "
                        f"{'is' if name == 'this' else 'with'} {key}={value or 'none'}; bits may differ: choose "
                        "another out=, or allow it by engine.mixed=true"
                    )

    def merge(self, runs: Grid | None = None) -> Tables:
        """Write runs, probes, layers (and units, measures) from the parts; return those of `runs` (None: of all).

        Those of `runs` have the columns of its factors, all others null.
        """
        parts = self._checked_parts()
        if not parts:
            raise UserError(f"out={self.path}: there are no parts to merge; run the experiment first")
        _check_name(parts)
        widest_first = sorted(parts, key=lambda part: part.width, reverse=True)
        with storage.scratch(self.path) as scratch, _naming(parts):
            merged = merging.merge([functools.partial(_rows, part) for part in widest_first], scratch)
            then = {"runs": naming_levels(runs)} if runs is not None and _levelled(runs) else {}
            for name in merged.names:
                write_table(self.path / f"{name}.parquet", merged.table(name, then.get(name)))
        return self._stored(merged.names, runs)

    def _stored(self, names: Sequence[str], runs: Grid | None) -> Tables:
        """Return what the tables on disk have of these runs (None: of all)."""
        tables = {name: storage.scan_table(self.path / f"{name}.parquet") for name in names}
        if runs is not None:
            ids = pl.Series(runs.run_ids(), dtype=pl.String).implode()
            tables = {name: rows.filter(pl.col("run_id").is_in(ids)) for name, rows in tables.items()}
        numbers = sum(rows.select(pl.len()).collect().item() * len(rows.collect_schema()) for rows in tables.values())
        memory.require("folding seeds", FOLDED_BYTES * numbers, hint=_FOLD_LESS)
        return Tables(**{name: rows.collect(engine="streaming") for name, rows in tables.items()})

    # Checkpoints of long runs.

    def find(self, run_ids: np.ndarray, origin: str) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield (run ids, step, leaves of their states) of those of `run_ids` that checkpoints of `origin` hold.

        Of a run that several hold, the state of the greatest step counts.
        """
        left = run_ids
        heads = [(head, path) for path, head in self._heads() if head.origin == origin]
        for _, path in sorted(heads, key=lambda pair: pair[0].step, reverse=True):
            saved = self._intact(path)
            if saved is not None:
                wanted = np.isin(saved.run_ids, left)
                left = np.setdiff1d(left, saved.run_ids)
                if wanted.any():
                    yield saved.run_ids[wanted], saved.step, [leaf[wanted] for leaf in saved.leaves]

    def _heads(self) -> Iterator[tuple[Path, Checkpoint]]:
        """Yield each checkpoint on disk without its states; a damaged one is set aside."""
        for path in sorted(self.checkpoints.glob("*.npz")):
            try:
                yield path, storage.read_checkpoint(path, states=False)
            except MemoryError:
                raise
            except Exception:
                self._intact(path)

    def _intact(self, path: Path) -> Checkpoint | None:
        """Return a checkpoint; set a damaged one aside, as it costs time and not results."""
        try:
            saved = storage.read_checkpoint(path)
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
            warnings.warn(f"{path}: a damaged checkpoint, {fate}; its runs are trained anew", Notice, stacklevel=2)
            return None

    def save(self, run_ids: np.ndarray, origin: str, step: int, leaves: list[np.ndarray]) -> None:
        """Keep the states of these runs at `step`; only the same `origin` may go on from them."""
        with storage.atomic(self._checkpoint(run_ids)) as temporary:
            storage.write_checkpoint(temporary, Checkpoint(run_ids, origin, step, leaves))

    def clear(self, run_ids: np.ndarray) -> None:
        """Forget the states of these runs."""
        self._checkpoint(run_ids).unlink(missing_ok=True)

    def clear_finished(self, asked: Collection[str] = ()) -> None:
        """Forget the states of runs that are on disk with all that is asked: they may have ended in another chunk."""
        heads = list(self._heads())
        done = self.done_ids(asked) if heads else ()
        for path, head in heads:
            if np.isin(head.run_ids, done).all():
                path.unlink(missing_ok=True)

    def _checkpoint(self, run_ids: np.ndarray) -> Path:
        digest = hashlib.blake2b("".join(run_ids.tolist()).encode(), digest_size=8).hexdigest()
        return self.checkpoints / f"{digest}.npz"


def _rows(part: Part) -> pl.LazyFrame:
    """Return the rows of a part, from bytes: polars takes no path that the locale cannot decode."""
    with refusing(part.path, _PART_AGAIN):
        raw = read_verified(part.path)[0]
        now = part.origin.get("ids") == ID_VERSION
        return pl.scan_parquet(raw) if now else _as_now(pl.read_parquet(raw), part.run_ids).lazy()


def _holdings(rows: pl.LazyFrame) -> frozenset[str]:
    """Return what a part has of its runs beside what all parts have: the names of measures, and `units`."""
    columns = rows.collect_schema().names()
    held = {"units"} if NESTED + "units" in columns else set()
    if NESTED + "measures" in columns:
        first = rows.select(NESTED + "measures").head(1).collect().to_series()
        held |= set(first.explode().struct.field("measure").drop_nulls())
    return frozenset(held)


def _ids(rows: pl.LazyFrame, origin: Mapping[str, Any]) -> np.ndarray:
    """Return the ids of a part's runs: those of an older version are made anew from the settings."""
    if origin.get("ids") == ID_VERSION:
        return rows.select("run_id").collect().to_series().to_numpy().astype("S16")
    columns = rows.collect_schema().names()
    return setting_ids(rows.select(name for name in columns if not name.startswith(NESTED)).collect()).astype("S16")


def _settings(frame: pl.DataFrame) -> dict[str, tuple[list[Any], np.ndarray]]:
    """Return each setting column of a frame as (its values, each row's place among them)."""
    columns = {}
    for key in SETTING_KEYS:
        if key in frame.columns:
            cells = frame[key].to_list()
            cells = [tuple(cell) if isinstance(cell, list) else cell for cell in cells]
            values = {value: place for place, value in enumerate(dict.fromkeys(cells))}
            columns[key] = (list(values), np.array([values[cell] for cell in cells], np.int64))
    return columns


def setting_ids(frame: pl.DataFrame) -> np.ndarray:
    """Return the id of each row's setting; a key that is no column has its default."""
    return grid.setting_ids(frame.height, {}, _settings(frame))


def _as_now(frame: pl.DataFrame, run_ids: np.ndarray) -> pl.DataFrame:
    """Return the rows of an older part under today's ids, null where a run does not read a key."""
    settings = _settings(frame)
    read = {key: np.broadcast_to(grid.is_read(key, {}, settings), frame.height) for key in settings}
    columns = [pl.when(pl.Series(where)).then(pl.col(key)).alias(key) for key, where in read.items()]
    return frame.with_columns(*columns, run_id=pl.Series(run_ids.astype("U16")))


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
                other = {name: dtype for name, dtype in own if dict(usual).get(name, dtype) != dtype}
                if other:
                    raise ValueError(f"its column {next(iter(other))} is not that of the other parts") from None
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


class Stored(NamedTuple):
    """What a folder's config.yaml tells."""

    name: str
    values: dict[str, Any]  # the base setting by dotted key
    lists: dict[str, Any]  # the node of its grid, seeds included
    factors: tuple[Factor, ...]
    rates: dict[str, Any] | None = None  # those by rule, where it has some

    @property
    def axes(self) -> set[str]:
        """The setting keys that its grid varies."""
        return {key for factor in self.factors for key in factor.keys} | flatten(self.lists).keys()


def read_tree(path: Path) -> dict[str, Any]:
    """Return the configuration that a folder's config.yaml holds."""
    from omegaconf import OmegaConf

    if not os.path.lexists(path):
        raise UserError(f"out={path.parent}: no config.yaml there; it is not a folder of results")
    with refusing(path, _CONFIG_AGAIN):
        tree: Any = OmegaConf.to_container(OmegaConf.create(storage.read_yaml(path)), resolve=True)
        fits = isinstance(tree, dict) and isinstance(tree.get("name"), str) and isinstance(tree.get("grid"), dict)
        if not fits:
            raise ValueError("it lacks name or grid")
        return _with_cells({"first_seed": 0, **tree})  # that of an older relubench


def _with_cells(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of an older relubench with the lists that its grid zipped as a factor `cell`."""
    zipped = flatten(tree["grid"].get("zip") or {})
    if not zipped:
        return tree
    rows = {repr(row): dict(zip(zipped, row, strict=True)) for row in zip(*zipped.values(), strict=True)}
    levels = {
        f"cell_{place}": {"title": ", ".join(f"{key} {_shown(value)}" for key, value in row.items()), **nested(row)}
        for place, row in enumerate(rows.values())
    }
    crossed = {name: leaf for name, leaf in tree["grid"].items() if name != "zip"}
    return {**tree, "grid": crossed, "factors": {**(tree.get("factors") or {}), "cell": levels}}


def read_config(path: Path) -> Stored:
    """Return what a folder's config.yaml tells."""
    tree = read_tree(path)
    with refusing(path, _CONFIG_AGAIN):
        flat = flatten(tree)
        values = {name: key.parse(flat[name]) for name, key in SETTING_KEYS.items() if name in flat}
        lists = grid.with_seeds(tree["grid"], tree.get("seeds"), tree["first_seed"])
        parsed = tuple(factors.parse(tree.get("factors") or {}))
        return Stored(tree["name"], values, lists, parsed, tree.get("rates") or None)


def read_grid(path: Path) -> Grid:
    """Return the runs that a folder's config.yaml asks for."""
    stored = read_config(path)
    with refusing(path, _CONFIG_AGAIN):
        return grid.build(setting_values({}) | stored.values, stored.lists, stored.factors, stored.rates)


def run_rows(runs: Grid) -> pl.DataFrame:
    """Return the columns `run_id`, `seed` and every setting key of the runs, null where a run reads it not."""
    columns: dict[str, Any] = {"run_id": runs.run_ids().astype("U16")}
    kinds = {int: pl.Int64, float: pl.Float64, str: pl.String, bool: pl.Boolean}
    for name, key in SETTING_KEYS.items():
        dtype: Any = pl.List(kinds[key.type]) if key.is_list else kinds[key.type]
        columns[name] = pl.Series(name, runs.column(name, unread=None).tolist(), dtype)
    return pl.DataFrame(columns)


def _levelled(runs: Grid) -> list[str]:
    return [key for key in runs.coordinates if key.startswith(FACTOR)]


def naming_levels(runs: Grid) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return what gives rows of runs the columns of the grid's factors: the level of each run, null for other runs."""
    names, ids = _levelled(runs), runs.run_ids()
    order = np.argsort(ids)

    def with_levels(rows: pl.DataFrame) -> pl.DataFrame:
        asked = rows["run_id"].to_numpy().astype(ids.dtype)
        places = order[np.searchsorted(ids, asked, sorter=order).clip(max=len(ids) - 1)]
        there, labelled = pl.Series(ids[places] == asked), runs.take(places)
        levels = [pl.when(there).then(pl.Series(labelled.column(name).tolist(), dtype=pl.String)) for name in names]
        named = [level.alias(name) for level, name in zip(levels, names, strict=True)]
        return rows.select("run_id", "seed", *named, pl.exclude("run_id", "seed"))

    return with_levels

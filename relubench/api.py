"""The library: results as polars frames, and training from Python without Hydra."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from relubench import config
from relubench import data as sources
from relubench.errors import UserError, shown, unknown
from relubench.sweeps import engine, folders, grid, interrupts, layout, machine, merging, rows, storage


class Results:
    """The tables of a results folder, each read when it is first asked for; a missing one is a `UserError`."""

    def __init__(self, out: str | Path) -> None:
        if not isinstance(out, str | os.PathLike):
            raise UserError(f"out={shown(out)}: it takes the path of a results folder")
        self.path = Path(out)
        if not self.path.is_dir():
            raise UserError(f"out={self.path}: no such folder")

    def _read(self, name: str) -> pl.DataFrame:
        return storage.read_table(self.path / f"{name}.parquet")

    @functools.cached_property
    def runs(self) -> pl.DataFrame:
        """A row a run: its setting and how it ended."""
        return self._read("runs")

    @functools.cached_property
    def probes(self) -> pl.DataFrame:
        """A row a run and probe: losses and accuracies."""
        return self._read("probes")

    @functools.cached_property
    def layers(self) -> pl.DataFrame:
        """A row a run, probe and layer: counts of units."""
        return self._read("layers")

    @functools.cached_property
    def units(self) -> pl.DataFrame:
        """A row a run, layer and unit, for experiments that keep them."""
        return self._read("units")

    @functools.cached_property
    def summary(self) -> pl.DataFrame:
        """A row a grid point and metric: mean, interval, median, numbers of runs."""
        return self._read("summary")

    @functools.cached_property
    def curves(self) -> pl.DataFrame:
        """The points of the curves that figures draw."""
        return self._read("curves")


def load(out: str | Path) -> Results:
    """Return the results in the folder `out`."""
    return Results(out)


def sweep(
    setting: Mapping[str, Any] | None = None,
    grid_of: Mapping[str, Iterable[Any]] | None = None,
    *,
    data: Sequence[Any] | None = None,
    root: str | Path | None = None,
    width: int | None = None,
    devices: int | None = None,
) -> dict[str, pl.DataFrame]:
    """Train a grid of runs; return the tables `runs`, `probes`, `layers` and `units` as they would be on disk.

    `setting` and `grid_of` map dotted configuration keys to a value, or to the list of values to cross
    (`{"seed": range(16), "optimizer.learning_rate": [0.1, 1.0]}`); other keys have the defaults of the schema.
    NumPy scalars and arrays are values, too. `data` are arrays of one's own, (x, y, x_test, y_test), in the place of
    `data.name`: x is [examples, features], or [examples, height, width(, channels)] for images; y is [examples] of
    classes from 0, or [examples(, outputs)] of real-valued targets. Runs are known by the arrays' digest. `root`,
    `width` and `devices` are `data.root`, `engine.width` and `engine.devices`. Unknown keys and values that are not
    allowed raise `UserError`.
    """
    values = config.over_defaults(_mapping("setting", setting))
    lists = {key: _listed(key, leaf) for key, leaf in _mapping("grid_of", grid_of).items()}
    given = None if data is None else sources.examples_of(data)
    if given is not None:
        values |= {"data.name": "arrays", "data.digest": sources.digest(given)}
        _refuse_unread([*(setting or {}), *lists, *([] if root is None else ["data.root"])], given)
    trained = _train(grid.build(values, lists), root, width, devices, given)
    return merging.tables([rows.part_frame(chunk, with_units=True).lazy() for chunk in trained])


def _refuse_unread(keys: Iterable[str], given: sources.Examples) -> None:
    """Refuse keys of the data that arrays do not read."""
    classes = [f"data.{leaf}" for leaf in sources.TARGETS] if sources.are_classes(given.y) else []
    unread = {name for name, key in config.KEYS.items() if key.choice == "data.name" and "arrays" not in key.readers}
    unread |= {"data.name", "data.digest", "data.root", *classes}
    for key in keys:
        if key in unread:
            raise UserError(f"{key}: the data are given as arrays, for which it has no meaning; it takes no value then")


def _mapping(name: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise UserError(f"{name}={shown(given)}: it takes a mapping from dotted keys, such as {{'train.steps': 200}}")
    return given


def _listed(key: str, values: Any) -> Sequence[Any]:
    """Return the values of an axis, which any iterable may hold, as a sequence."""
    scalar = isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0
    if scalar or not isinstance(values, Iterable):
        raise UserError(
            f"grid_of: {key}={shown(values)}: it takes a list of values to cross, such as [{shown(values)}]"
        )
    return values if isinstance(values, range) else list(values)


def retrain(out: str | Path, run_id: str, *, root: str | Path | None = None) -> Any:
    """Train one run of the folder `out` again; return (kernel [in, out], bias [out]) of each affine layer in order.

    Of a network that is a function of its parameters it returns these, as its builder makes them.

    It is computed at the width that the folder's runs were, so that on the same kind of machine its bits are
    the stored ones: what its probes record is compared with the folder, and a difference is warned of.
    `root` is `data.root`.
    """
    stored, folder = load(out), folders.Folder(out)
    row = _row(stored, run_id)
    base = config.stored_values(row)
    origin = folder.origin_of(run_id)
    width = int(origin["fingerprint"]["width"]) if origin else None
    (trained,) = _train(grid.build(base, {}), root, width, devices=1)
    _compare(trained, stored, run_id)
    state = jax.tree.map(lambda leaf: np.asarray(leaf[0]), (trained.state.params, trained.state.buffers))
    return jax.tree.map(
        lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, trained.layout.structure.weights(*state)
    )


def _row(stored: Results, run_id: str) -> dict[str, Any]:
    matching = stored.runs.filter(pl.col("run_id") == run_id) if isinstance(run_id, str) else stored.runs.clear()
    if not matching.height:
        raise unknown(f"run_id in {stored.path}", str(run_id), stored.runs["run_id"])
    return matching.row(0, named=True)


def _compare(trained: engine.Trained, stored: Results, run_id: str) -> None:
    """Warn where a run that was trained again differs from what the folder has of it."""
    again = merging.tables([rows.part_frame(trained, with_units=False).lazy()])
    differing = []
    for name, table in (("runs", stored.runs), ("probes", stored.probes), ("layers", stored.layers)):
        columns = [column for column in again[name].columns if column in table.columns]
        if not again[name].select(columns).equals(table.filter(pl.col("run_id") == run_id).select(columns)):
            differing.append(name)
    if differing:
        here = trained.layout.origin["fingerprint"]
        warnings.warn(
            f"run {run_id}, trained again, is not the run of {stored.path} bit for bit: its {' and '.join(differing)} "
            f"differ; here: {here}; there: see provenance.json",
            stacklevel=3,
        )


def _train(
    runs: grid.Grid,
    root: str | Path | None,
    width: int | None,
    devices: int | None,
    given: sources.Examples | None = None,
) -> list[engine.Trained]:
    root = os.fspath(root) if isinstance(root, os.PathLike) else root
    asked = {"engine.width": width, "engine.devices": devices, "data.root": root}
    checked = config.fill(config.Config(), {key: config.KEYS[key].parse(value) for key, value in asked.items()})
    machine.prepare()
    this_machine = machine.make_machine(checked.engine)
    layouts = layout.lay_out(runs, sources.loader(checked.data.root, given), this_machine)
    return list(engine.train_grid(layouts, progress=lambda run_steps: interrupts.check()))

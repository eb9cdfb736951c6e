"""The library: results as polars frames, and training from Python without Hydra."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from relubench import config, data, engine, grid, layout, machine, nn, results, rows
from relubench.config import SETTING_KEYS
from relubench.errors import UserError, unknown


class Results:
    """The tables of a results folder, each read when it is first asked for; a missing one is a `UserError`."""

    def __init__(self, out: str | Path) -> None:
        self.path = Path(out)
        if not self.path.is_dir():
            raise UserError(f"out={self.path}: no such folder")

    def _read(self, name: str) -> pl.DataFrame:
        return results.read_table(self.path / f"{name}.parquet")

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
    grid_of: Mapping[str, Sequence[Any]] | None = None,
    *,
    root: str | None = None,
    width: int | None = None,
    devices: int | None = None,
) -> dict[str, pl.DataFrame]:
    """Train a grid of runs; return the tables `runs`, `probes`, `layers` and `units` as they would be on disk.

    `setting` and `grid_of` map dotted configuration keys to a value, or to the list of values to cross
    (`{"seed": range(16), "optimizer.learning_rate": [0.1, 1.0]}`); other keys have the defaults of the schema.
    `root`, `width` and `devices` are `data.root`, `engine.width` and `engine.devices`. Unknown keys and values
    that are not allowed raise `UserError`.
    """
    runs = grid.build(
        config.over_defaults(setting or {}), {key: list(values) for key, values in (grid_of or {}).items()}
    )
    parts = [rows.part_frame(trained, with_units=True) for trained in _train(runs, root, width, devices)]
    return results.tables(pl.concat(parts).lazy())


def retrain(out: str | Path, run_id: str, *, root: str | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train one run of the folder `out` again; return (kernel [in, out], bias [out]) of each affine layer in order.

    It is computed at the width that the folder's runs were, so that on the same kind of machine its bits are
    theirs. `root` is `data.root`.
    """
    folder = results.Folder(out)
    runs = load(out).runs
    found = runs.filter(pl.col("run_id") == run_id)
    if not found.height:
        raise unknown(f"run_id in {folder.path}", run_id, runs["run_id"])
    row = found.row(0, named=True)
    base = {name: key.parse(row[name]) for name, key in SETTING_KEYS.items()}
    width = int(folder.origins()[0]["fingerprint"]["width"]) if folder.part_paths() else None
    (trained,) = _train(grid.build(base, {}), root, width, devices=1)
    return [(np.asarray(kernel[0]), np.asarray(bias[0])) for kernel, bias in nn.affine_layers(trained.state.params)]


def _train(runs: grid.Grid, root: str | None, width: int | None, devices: int | None) -> list[engine.Trained]:
    machine.prepare()
    ours = machine.make_machine(config.Engine(width=width, devices=devices))
    return list(engine.train_grid(layout.plan(runs, data.loader(root), ours)))

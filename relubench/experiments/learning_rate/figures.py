"""The figures over learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.experiments.base import Frames
from relubench.experiments.cases import OPTIMIZER, RATE
from relubench.findings.words import extremes
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note, line_panels

ACTIVATION, WIDTHS, PANEL = "model.activation.name", "model.widths", "panel"
#: More lines than this over time cannot be told apart.
MOST_LINES = 6
NOT_DIVERGED_YET = "the runs that had not diverged by then"
PANELS = ("dead_train_fraction", "test_accuracy", "diverged", "collapsed")


def _with_panels(rows: pl.DataFrame, drawn: Sequence[str]) -> pl.DataFrame:
    """Return the rows with the name of their panel: the optimiser, and what else a grid varies that is not `drawn`."""
    varied = [key for key in SETTING_KEYS if key not in (OPTIMIZER, *drawn) and rows[key].n_unique() > 1]
    names = [
        ", ".join([style.name(row[OPTIMIZER]), *(style.title(row[key], key) for key in varied)])
        for row in rows.iter_rows(named=True)
    ]
    return rows.with_columns(pl.Series(PANEL, names, pl.String))


def _of_one(rows: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return the rows of ReLU, or where a grid has none, of its first activation; and its name."""
    shown = "relu" if "relu" in rows[ACTIVATION] else rows[ACTIVATION][0]
    return rows.filter(pl.col(ACTIVATION).eq_missing(shown)), style.name(shown)


def _over_rate(frames: Frames, suffix: str, setting: str) -> Figure:
    rows = {title: _with_panels(frame, (RATE, ACTIVATION)) for title, frame in frames.panels(*PANELS).items()}
    figure = line_panels(rows, x=RATE, columns=PANEL, lines=ACTIVATION, log_x=True)
    caption = (
        f"{setting}: dead units, test accuracy, diverged and collapsed runs over the learning rate. A unit is dead "
        "when its activation has slope 0 on every training input. "
        f"{interval_note(rows, shares='diverged and collapsed')}"
    )
    return Figure(f"learning_rate{suffix}", figure, caption, claims=(2, 3), setting=setting)


def _over_time(frames: Frames, suffix: str, setting: str) -> Figure:
    shown, name = _of_one(frames.curve_of("dead_train"))
    panels = _with_panels(shown, (RATE, ACTIVATION)).partition_by(PANEL, maintain_order=True)
    rows = {f"dead {name} units": pl.concat(map(_thinned, panels))}
    figure = line_panels(rows, x="step", columns=PANEL, lines=RATE, symlog_x=True)
    caption = (
        f"{setting}: dead {name} units of the training set during training, one line per learning rate, of at "
        f"most {MOST_LINES} rates an optimiser. {interval_note(rows, over=NOT_DIVERGED_YET)} "
        f"{_extremes(rows, RATE, 'step')}"
    )
    return Figure(f"over_time{suffix}", figure, caption, claims=())


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of some learning rates, the highest among them."""
    held = sorted(rows[RATE].unique(), reverse=True)
    return rows.filter(pl.col(RATE).is_in(held[:: -(-len(held) // MOST_LINES)]))


def _extremes(rows: Mapping[str, pl.DataFrame], *keys: str) -> str:
    """Say at which of the points, named by their panel and these keys, the share is greatest and least."""
    ((what, frame),) = rows.items()
    return extremes(
        frame, what, lambda row: ", ".join([row[PANEL], *(f"{style.name(key)} {style.name(row[key])}" for key in keys)])
    )


def _by_depth(frames: Frames, suffix: str, setting: str) -> Figure:
    """Draw the dead units over the rate by depth: of the networks where a grid varies their layers, else by layer."""
    shown, name = _of_one(frames.layers_of("dead_train").filter(pl.col("step") == pl.col("step").max().over(WIDTHS)))
    networks = shown[WIDTHS].n_unique() > 1
    lines = WIDTHS if networks else "layer"
    panels = _with_panels(shown.filter(pl.col("layer").is_null() == networks), (RATE, ACTIVATION, WIDTHS))
    rows = {f"dead {name} units": panels}
    figure = line_panels(rows, x=RATE, columns=PANEL, lines=lines, log_x=True)
    caption = (
        f"{setting}: {name} units that are dead on the training set at the end, over the learning rate, by "
        f"{'the widths of the network' if networks else 'hidden layer (1 is at the input)'}. "
        f"{interval_note(rows)} {_extremes(rows, RATE, lines)}"
    )
    return Figure(f"by_depth{suffix}", figure, caption, claims=())


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw each setting over the rate, over time, and by depth."""
    return [
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_over_rate, _over_time, _by_depth)
    ]

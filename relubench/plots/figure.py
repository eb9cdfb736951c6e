"""A figure with its name and caption, and the files that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt

from relubench.plots.canvas import house_style
from relubench.plots.lines import line_panels
from relubench.plots.marks import is_outside
from relubench.sweeps.storage import atomic, write_text

__all__ = ["Figure", "interval_note", "line_panels", "runs_note", "save", "write_pictures"]


class Figure(NamedTuple):
    """A drawn figure with the name of its files and its caption."""

    name: str
    figure: mpl_figure.Figure
    caption: str  # what is shown, over how many runs, with which intervals; a finding may follow
    animate: Callable[[Path], None] | None = None  # writes the same as a moving picture (GIF) to the path
    claims: Sequence[int] | None = None  # of these the first that was measured ends the caption; None: of all
    setting: str = ""  # the title of the setting that it shows; "": of all


def runs_note(rows: Mapping[str, pl.DataFrame]) -> str:
    """Return a sentence on the number of runs behind the points."""
    counts = [n for frame in rows.values() for n in frame["n"].to_list()]
    if not counts:
        return "No run finished."
    low, high = min(counts), max(counts)
    return f"Runs per point: {high}." if low == high else f"Runs per point: {low} to {high}."


def interval_note(
    rows: Mapping[str, pl.DataFrame], over: str = "the runs that did not diverge", shares: str = ""
) -> str:
    """Return the sentences of a caption on means, intervals and numbers of runs.

    `over` is what the means are taken over, `shares` names the panels that show shares of runs, such as "diverged and
    collapsed"; of one that no panel shows it is said that there is none.
    """
    sentence = f"Means over {over}, with 95 % BCa bootstrap intervals over seeds"
    kinds = shares.split(" and ") if shares else []
    shown = [kind for kind in kinds if any(kind in label for label in rows)]
    if shown:
        sentence += f"; {' and '.join(shown)}: shares of runs, with 95 % Clopper-Pearson intervals"
    if "collapsed" in shown:
        sentence += ", collapsed of those that did not diverge"
    if any(is_outside(frame).any() for frame in rows.values() if "median" in frame.columns):
        sentence += "; hollow: medians that lie outside them"
    none = " or ".join(kind for kind in kinds if kind not in shown)
    return f"{sentence}. {f'No run {none}. ' if none else ''}{runs_note(rows)}"


def write_pictures(figure: mpl_figure.Figure, paths: Sequence[Path]) -> None:
    """Write a picture to each path, PNG or PDF by its name, and close it."""
    with house_style():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not once a file
    for path in paths:
        stamp = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        with house_style(), atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], metadata=stamp)
    plt.close(figure)


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write PNG, PDF, the moving picture where there is one, and the caption; return their paths."""
    paths = [folder / f"{figure.name}.{kind}" for kind in ("png", "pdf")]
    write_pictures(figure.figure, paths)
    if figure.animate:
        paths.append(folder / f"{figure.name}.gif")
        with atomic(paths[-1]) as temporary:
            figure.animate(temporary)
    caption = folder / f"{figure.name}.txt"
    write_text(caption, figure.caption + "\n")
    return [*paths, caption]

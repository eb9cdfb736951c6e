"""Two-dimensional inputs and each first-layer unit's line w·x + b = 0: as a strip of steps, and as a moving picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from relubench.plots import canvas, style
from relubench.plots.gif import write_gif

#: Room around the inputs, as a share of their span: lines of dead units lie there.
_MARGIN = 0.4
#: Panels of a strip side by side.
_PER_ROW = 4
#: Pictures of a moving picture at most; milliseconds that one stands, one in which units have died or woken since the
#: one before, and the last.
_MOST_FRAMES, _STANDS, _EVENT_STANDS, _LAST_STANDS = 60, 150, 900, 2500
#: Length of an arrow, as a share of half the picture's side.
_ARROW = 0.13
_QUIVER: dict[str, Any] = {
    "angles": "xy", "scale_units": "xy", "scale": 1, "units": "inches", "width": 0.009, "zorder": 3,
}  # fmt: skip
_INPUT_COLOURS = (style.COLOURS[3], style.COLOURS[6], style.COLOURS[4], style.COLOURS[5])
_LOOKS: dict[str, dict[str, Any]] = {
    "live": {"color": style.COLOURS[0], "linestyle": "-", "linewidth": 0.6},
    "dead": {"color": style.COLOURS[1], "linestyle": (0, (4, 1.5)), "linewidth": 0.9},
}
_UNITS = {name: f"{name} unit" for name in _LOOKS}


class _Inputs(NamedTuple):
    """The inputs [n, 2] with their labels [n]."""

    data_x: np.ndarray
    labels: np.ndarray


class _Scene(NamedTuple):
    """The inputs [n, 2], and the square around them: its middle [2] and half its side."""

    inputs: np.ndarray
    middle: np.ndarray
    half: float


def planes_of(curves: pl.DataFrame) -> pl.DataFrame:
    """Return the frame that the pictures are drawn from: step, unit, w0, w1, b, dead.

    `curves` are rows of the measures plane_weights (item = feature × units + unit), plane_bias and unit_dead of one
    run, with columns metric, step, layer, item and mean; layers after the first are left out.
    """
    rows = curves.filter(pl.col("layer").is_null() | (pl.col("layer") == 1))
    bias, dead, weights = (
        rows.filter(pl.col("metric") == metric).select("step", "item", "mean")
        for metric in ("plane_bias", "unit_dead", "plane_weights")
    )
    units = bias["item"].n_unique()
    planes = bias.select("step", unit="item", b="mean")
    for feature in range(2):
        of_feature = weights.filter(pl.col("item") // units == feature)
        of_feature = of_feature.select("step", unit=pl.col("item") % units, **{f"w{feature}": "mean"})
        planes = planes.join(of_feature, on=["step", "unit"])
    planes = planes.join(dead.select("step", unit="item", dead=pl.col("mean") > 0), on=["step", "unit"])
    return planes.select("step", "unit", "w0", "w1", "b", "dead").sort("step", "unit")


@canvas.house_style()
def planes(frame: pl.DataFrame, *, data_x: np.ndarray, labels: np.ndarray, count: int = 8) -> mpl_figure.Figure:
    """Draw inputs and lines at `count` steps of `frame` (step, unit, w0, w1, b, dead), spread over those it has.

    `data_x` [n, 2] are the inputs as the network sees them, `labels` [n] their classes. A short arrow on each line
    points to the side where the unit is active; the title counts the dead, and the lines that pass by the picture.
    """
    steps = _spread(frame["step"].unique().sort().to_list(), count)
    inputs = _Inputs(data_x, labels)
    per_row = min(_PER_ROW, len(steps))
    lines = -(-len(steps) // per_row)
    size = style.FULL_WIDTH / max(per_row, 3)
    figure, axes = plt.subplots(
        lines, per_row, figsize=(size * per_row, (size + 0.3) * lines + 0.35), squeeze=False, layout="constrained"
    )
    for axis, step in zip(axes.flat, steps, strict=False):
        _picture(axis, inputs, frame.filter(pl.col("step") == step), step)
    for axis in axes.flat[len(steps) :]:
        axis.remove()
    legend(figure, _UNITS)
    return figure


def animation(frame: pl.DataFrame, *, data_x: np.ndarray, labels: np.ndarray) -> Callable[[Path], None]:
    """Return a function that writes the pictures of `planes`, all steps one after the other, as a GIF to a path.

    Fits `Figure.animate`. At most 60 steps are shown, spread over those of `frame`.
    """
    steps = _spread(frame["step"].unique().sort().to_list(), _MOST_FRAMES)

    @canvas.house_style()
    def animate(path: Path) -> None:
        figure, axis = plt.subplots(figsize=(4, 4.5), dpi=100, layout="constrained")
        inputs = _Inputs(data_x, labels)

        def draw(step: int) -> None:
            axis.clear()
            _picture(axis, inputs, frame.filter(pl.col("step") == step), step)

        legend(figure, _UNITS)
        draw(steps[-1])
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, so that nothing jumps
        write_gif(path, figure, draw, steps, milliseconds=_durations(frame, steps))
        plt.close(figure)

    return animate


def _durations(frame: pl.DataFrame, steps: Sequence[int]) -> list[int]:
    """Return how long the picture of each step stands: longer where other units are dead than in the one before."""
    dead = [set(frame.filter("dead", pl.col("step") == step)["unit"]) for step in steps]
    changed = (one != other for one, other in itertools.pairwise([set(), *dead]))
    stand = [_EVENT_STANDS if each else _STANDS for each in changed]
    return [*stand[:-1], _LAST_STANDS]


def _spread(steps: Sequence[int], count: int) -> list[int]:
    """Return `count` of the steps, evenly spread, the first and the last among them; all where there are fewer."""
    places = np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int))
    return [steps[place] for place in places]


def _scene(data_x: np.ndarray) -> _Scene:
    low, high = data_x.min(0), data_x.max(0)
    return _Scene(data_x, (low + high) / 2, float((high - low).max()) * (0.5 + _MARGIN))


def classes(labels: np.ndarray) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield (how its inputs are drawn, which they are) for each class."""
    for place, label in enumerate(np.unique(labels)):
        yield {"color": _INPUT_COLOURS[place % len(_INPUT_COLOURS)], "marker": style.MARKERS[place]}, labels == label


def draw_scene(axis: Any, data_x: np.ndarray, labels: np.ndarray, lines: Mapping[str, Sequence[dict[str, Any]]]) -> int:
    """Draw inputs [n, 2], and the lines of units (w0, w1, b) by how they look: live or dead.

    Return how many of the lines pass by the picture.
    """
    scene = _scene(data_x)
    for look, mask in classes(labels):
        axis.scatter(*scene.inputs[mask].T, s=6, linewidths=0, alpha=0.7, zorder=1, **look)
    passing = 0
    for name, rows in lines.items():
        planes = np.array([[row["w0"], row["w1"], row["b"]] for row in rows]).reshape(-1, 3)
        seen = _in_view(planes[:, :2], planes[:, 2], scene)
        passing += int((~seen).sum())
        _draw_lines(axis, scene, planes[seen, :2], planes[seen, 2], _LOOKS[name])
    axis.set_xlim(scene.middle[0] - scene.half, scene.middle[0] + scene.half)
    axis.set_ylim(scene.middle[1] - scene.half, scene.middle[1] + scene.half)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color="#bbbbbb")
    return passing


def _picture(axis: Any, inputs: _Inputs, units: pl.DataFrame, step: int) -> None:
    lines = {"live": units.filter(~pl.col("dead")).rows(named=True), "dead": units.filter("dead").rows(named=True)}
    passing = draw_scene(axis, *inputs, lines)
    beyond = f", {passing} out of view" if passing else ""
    axis.set_title(f"step {step:,}\n{units['dead'].sum()} of {units.height} dead{beyond}", fontsize=7.5)


def _in_view(normals: np.ndarray, biases: np.ndarray, scene: _Scene) -> np.ndarray:
    """Return which lines cross the square: those whose pre-activation changes sign between its corners. [units]."""
    corners = scene.middle + scene.half * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    z = normals @ corners.T + biases[:, None]
    return (z.min(1) < 0) & (z.max(1) > 0)


def _draw_lines(axis: Any, scene: _Scene, normals: np.ndarray, biases: np.ndarray, look: dict[str, Any]) -> None:
    """Draw lines that cross the square, each from edge to edge, with an arrow to the active side."""
    if not len(normals):
        return
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    along = np.stack([-unit[:, 1], unit[:, 0]], 1)
    foot = scene.middle - ((normals @ scene.middle + biases) / np.linalg.norm(normals, axis=1))[:, None] * unit
    first, last = _clipped(foot - scene.middle, along, scene.half)
    ends = np.stack([foot + first[:, None] * along, foot + last[:, None] * along], 1)
    axis.add_collection(LineCollection(list(ends), zorder=2, **look))
    start, arrow = 0.3 * ends[:, 0] + 0.7 * ends[:, 1], _ARROW * scene.half * unit
    axis.quiver(*start.T, *arrow.T, color=look["color"], **_QUIVER)


def _clipped(foot: np.ndarray, along: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where lines `foot` + t·`along` ([units, 2]) enter and leave the square |x|, |y| <= `half`: t, [units]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (-half - foot) / along, (half - foot) / along
    return np.nanmax(np.minimum(one, other), 1), np.nanmin(np.maximum(one, other), 1)


def legend(figure: mpl_figure.Figure, labels: Mapping[str, str]) -> None:
    """Tell what the lines are, by how they look: live or dead."""
    handles = [Line2D([], [], label=label, **_LOOKS[name]) for name, label in labels.items()]
    title = "lines w·x + b = 0; arrows point to where a unit is active"
    figure.legend(handles=handles, loc="outside upper center", ncols=2, title=title)

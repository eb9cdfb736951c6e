"""Lines of the first layer's units over two-dimensional inputs, still and moving."""

import itertools

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from relubench.plots.figure import Figure, save
from relubench.plots.planes import animation, planes, planes_of

UNITS = 7
STEPS = (0, 1, 5, 20, 100)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 2)), rng.integers(0, 2, 60)


@pytest.fixture(scope="module")
def frame(inputs):
    rng = np.random.default_rng(1)
    weights, biases = rng.normal(size=(UNITS, 2)), -0.6 * rng.uniform(size=UNITS)
    rows = []
    for place, step in enumerate(STEPS):
        for unit, (w, b) in enumerate(zip(weights, (1 + 2 * place) * biases, strict=True)):
            dead = max(x @ w + b for x in inputs[0]) <= 0
            rows.append({"step": step, "unit": unit, "w0": w[0], "w1": w[1], "b": b, "dead": bool(dead)})
    return pl.DataFrame(rows)


def lines_of(axis):
    """Return the ends of the lines of live and of dead units, [lines, 2, 2] each."""
    segments = {True: np.zeros((0, 2, 2)), False: np.zeros((0, 2, 2))}
    for part in axis.collections:
        if isinstance(part, LineCollection):
            whole = part.get_linestyle()[0][1] is None
            segments[whole] = np.array(part.get_segments())
    return segments[True], segments[False]


def test_every_line_lies_on_its_units_plane_from_edge_to_edge(frame, inputs):
    figure = planes(frame, data_x=inputs[0], labels=inputs[1])
    checked = 0
    for axis, step in zip(figure.axes, STEPS, strict=True):
        rows = frame.filter(pl.col("step") == step)
        half = np.diff(axis.get_xlim())[0] / 2
        middle = np.array([np.mean(axis.get_xlim()), np.mean(axis.get_ylim())])
        for drawn, units in zip(lines_of(axis), (rows.filter(~pl.col("dead")), rows.filter("dead")), strict=True):
            for ends in drawn:
                z = units.select("w0", "w1").to_numpy() @ ends.T + units["b"].to_numpy()[:, None]
                assert np.abs(z).max(1).min() < 1e-9
                np.testing.assert_allclose(np.abs(ends - middle).max(1), half)
                checked += 1
    assert checked > 20


def test_the_title_counts_the_dead_and_the_lines_out_of_view(frame, inputs):
    figure = planes(frame, data_x=inputs[0], labels=inputs[1])
    seen = []
    for axis, step in zip(figure.axes, STEPS, strict=True):
        rows = frame.filter(pl.col("step") == step)
        beyond = UNITS - sum(len(drawn) for drawn in lines_of(axis))
        seen.append(beyond)
        dense = np.stack(np.meshgrid(*(np.linspace(*limits, 301) for limits in (axis.get_xlim(), axis.get_ylim()))), -1)
        z = dense.reshape(-1, 2) @ rows.select("w0", "w1").to_numpy().T + rows["b"].to_numpy()
        assert beyond == ((z > 0).all(0) | (z < 0).all(0)).sum()
        out = f", {beyond} out of view" if beyond else ""
        assert axis.get_title() == f"step {step}\n{rows['dead'].sum()} of {UNITS} dead{out}"
    assert seen[0] == 0 < seen[-1]


def test_arrows_point_to_where_the_unit_is_active(frame, inputs):
    axis = planes(frame, data_x=inputs[0], labels=inputs[1], count=1).axes[0]
    rows = frame.filter(pl.col("step") == STEPS[0])
    arrows = [part for part in axis.collections if hasattr(part, "U")]
    starts = np.concatenate([part.get_offsets() for part in arrows])
    ways = np.concatenate([np.stack([part.U, part.V], 1) for part in arrows])
    assert len(starts) == UNITS
    for start, way in zip(starts, ways, strict=True):
        z = rows.select(at=start[0] * pl.col("w0") + start[1] * pl.col("w1") + pl.col("b"))["at"].abs().to_numpy()
        unit = rows.row(int(z.argmin()), named=True)
        assert way[0] * unit["w0"] + way[1] * unit["w1"] > 0


def test_a_unit_without_weights_has_no_line(inputs):
    row = pl.DataFrame([{"step": 0, "unit": 0, "w0": 0.0, "w1": 0.0, "b": 1.0, "dead": False}])
    axis = planes(row, data_x=inputs[0], labels=inputs[1]).axes[0]
    assert axis.get_title() == "step 0\n0 of 1 dead, 1 out of view"


def test_a_strip_shows_so_many_steps_the_first_and_the_last_among_them(frame, inputs):
    titles = [axis.get_title() for axis in planes(frame, data_x=inputs[0], labels=inputs[1], count=3).axes]
    assert [title.splitlines()[0] for title in titles] == ["step 0", "step 5", "step 100"]


def test_measures_become_a_row_a_step_and_unit():
    rng = np.random.default_rng(2)
    kernel, bias, dead = rng.normal(size=(2, 2, UNITS)), rng.normal(size=(2, UNITS)), rng.integers(0, 2, (2, UNITS))
    rows = []
    for place, step in enumerate((0, 10)):
        values = {("plane_weights", None): kernel[place].ravel(), ("plane_bias", None): bias[place]}
        values |= {("unit_dead", 1): dead[place].astype(float), ("unit_dead", 2): np.ones(3)}
        for (metric, layer), items in values.items():
            rows += [
                {"metric": metric, "step": step, "layer": layer, "item": item, "mean": value}
                for item, value in enumerate(items)
            ]
    planes = planes_of(pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=0))
    assert planes.height == 2 * UNITS
    for place, step in enumerate((0, 10)):
        at = planes.filter(pl.col("step") == step)
        assert at["unit"].to_list() == list(range(UNITS))
        np.testing.assert_array_equal(at.select("w0", "w1").to_numpy(), kernel[place].T)
        np.testing.assert_array_equal(at["b"].to_numpy(), bias[place])
        np.testing.assert_array_equal(at["dead"].to_numpy(), dead[place] == 1)


def test_a_figure_with_an_animation_is_saved_as_a_gif_too(frame, inputs, tmp_path):
    data = {"data_x": inputs[0], "labels": inputs[1]}
    for place in ("a", "b"):
        figure = Figure("planes", planes(frame, count=2, **data), "Lines.", animation(frame, **data))
        png, _, gif, caption = save(figure, tmp_path / place)
    assert [path.name for path in (png, gif, caption)] == ["planes.png", "planes.gif", "planes.txt"]
    assert gif.read_bytes() == (tmp_path / "a" / "planes.gif").read_bytes()
    assert sorted(path.suffix for path in (tmp_path / "a").iterdir()) == [".gif", ".pdf", ".png", ".txt"]
    with Image.open(gif) as moving:
        assert moving.n_frames == len(STEPS)
        assert moving.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
        waits = []
        for place in range(moving.n_frames):
            moving.seek(place)
            waits.append(moving.info["duration"])
    dead = [set(frame.filter("dead", pl.col("step") == step)["unit"]) for step in STEPS]
    events = [one != other for one, other in itertools.pairwise([set(), *dead])]
    assert 0 < sum(events[:-1]) < len(STEPS) - 1
    assert len(set(zip(waits[:-1], events[:-1], strict=True))) == 2
    short, long = sorted(set(waits[:-1]))
    assert waits[events.index(True)] == long > 3 * short
    assert waits[-1] > 2 * long


def test_an_animation_that_fails_leaves_no_file(frame, inputs, tmp_path):
    def broken(path):
        path.write_bytes(b"GIF89a")
        raise RuntimeError("broken")

    figure = Figure("planes", planes(frame, data_x=inputs[0], labels=inputs[1], count=1), "Lines.", broken)
    with pytest.raises(RuntimeError, match="broken"):
        save(figure, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["planes.pdf", "planes.png"]

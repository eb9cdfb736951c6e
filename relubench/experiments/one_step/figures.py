"""The figures: the first step beside its prediction, what becomes of the dead, and what makes a step deadly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.one_step.metrics import OPTIMIZER, VARIANT, WORLD
from relubench.experiments.one_step.settings import CLASSES
from relubench.plots import canvas, style
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points

#: What is changed, in panels: the loss, or the inputs.
CHANGES = {"loss": ("plain", "loss_100", "loss_100_clipped"), "inputs": ("centred", "one_sign", "unlike")}
#: The rate of a large step by which claims go.
LARGE = 3.0


def _rows(frames: Frames, metric: str, **held: str) -> pl.DataFrame:
    """Return a metric's points of these levels, with titles; of one that a grid has left out all."""
    rows = frames.curves.filter(pl.col("metric") == metric)
    for factor, level in held.items():
        rows = rows.filter(pl.col(f"factor.{factor}").fill_null(level) == level)
    return frames.titled(rows)


@canvas.house_style()
def _foretold_and_measured(frames: Frames) -> list[Figure]:
    predicted, counted = (_rows(frames, name, variant="plain") for name in ("foretold", "dead_after_step"))
    counted = counted.filter(pl.col(WORLD).fill_null("digits").is_in(CLASSES))
    setting = frames.title("world")
    shown = canvas.values([counted], setting)
    if not shown:
        return []
    rates = counted["rate"].to_numpy()
    predicted = predicted.filter(pl.col("rate").is_between(rates.min() / 2, rates.max() * 2))
    figure, axes = canvas.blank(1, len(shown), height=2.6)
    for axis, world in zip(axes[0], shown, strict=True):
        _curve(axis, canvas.where(predicted, setting, world))
        _dots(axis, canvas.where(counted, setting, world))
        axis.set(title=world, xlabel=style.name("optimizer.learning_rate"), xscale="log")
    axes[0, 0].set_ylabel("dead units, layer 1")
    canvas.ordinate(axes[0, 0], pl.concat([counted, predicted]), percent=True, log=False)
    canvas.legend(figure, axes[0, 0], "point")
    wrong = _rows(frames, "wrong")["mean"].to_numpy().max()
    caption = (
        "Dead units of layer 1 after one full-batch step of plain SGD, on the curve that the oracle foretells. "
        f"{interval_note({'': counted}, over='the runs that are finite after it')} "
        f"Unit by unit, oracle and step differ in at most {wrong:.2%} of the units, in any setting, at any rate, with "
        "any loss and inputs."
    )
    return [Figure("one_step", figure, caption)]


def _curve(axis: Any, rows: pl.DataFrame) -> None:
    look = style.series(0, 2, False)
    axis.plot(rows["rate"], rows["mean"], label="foretold", color=look["color"])
    canvas.band(axis, rows["rate"].to_numpy(), canvas.interval(rows), look)


def _dots(axis: Any, rows: pl.DataFrame) -> None:
    look, interval = style.series(1, 2, False), canvas.interval(rows)
    axis.vlines(rows["rate"], interval.low, interval.high, color=look["color"], linewidth=1.2)
    axis.plot(rows["rate"], interval.mean, label="after the step", **{**look, "linestyle": "none"})


def _fates(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    fate = _rows(frames, "fate")
    if fate.is_empty():
        return []
    last = _rows(frames, "dead_train", length="many").filter(pl.col("step") == pl.col("step").max())
    last = last.drop_nulls("layer").with_columns(rate="optimizer.learning_rate")
    rows = {
        "killed by the\nfirst step": _rows(frames, "killed", length="many", variant="plain"),
        "of these, never\nactive again": fate.filter(pl.col("part") == "never active again"),
        "of these, dead\nat the end": fate.filter(pl.col("part") == "dead at the end"),
        "dead at the end,\nof all units": last,
    }
    figure = points(rows, x="rate", columns="layer", lines=frames.title("optimizer"))
    _whole_markers(figure)
    figure.supxlabel("learning rate of the first step", fontsize=8)
    never = rows["of these, never\nactive again"].filter(pl.col(OPTIMIZER).fill_null("sgd") == "sgd")
    caption = (
        f"{setting}: units that the first of many full-batch steps kills, of those alive at birth; what becomes of "
        f"them; and all units dead at the end, by layer (1 is at the input). Only the first step is large. "
        f"{interval_note(rows, over='the runs that did not diverge and had such a unit')} "
        f"{_by_layer(never.filter(pl.col('rate') == LARGE), 'are never active again')}"
    )
    return [Figure(f"fates{suffix}", figure, caption)]


def _whole_markers(figure: Any) -> None:
    """Leave room for markers at 0 and 100 %, and take the names of the axes of categories away: they say enough."""
    for axis in figure.axes:
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlabel("")


def _by_layer(rows: pl.DataFrame, what: str) -> str:
    """Say of what shares of the units that plain SGD kills at the large rate something is true."""
    shares = [f"{mean:.0%} in layer {layer}" for layer, mean in rows.sort("layer").select("layer", "mean").rows()]
    if not shares:
        return ""
    return f"Of the units that a step of plain SGD at rate {LARGE:g} kills, {', '.join(shares)} {what}."


def _far_targets(frames: Frames) -> list[Figure]:
    rows = _rows(frames, "killed_by")
    farthest = rows["target"].to_numpy().max(initial=0)
    if not farthest:
        return []
    setting = frames.title("world")
    killed = {f"{title},\nkilled units": canvas.where(rows, setting, title) for title in canvas.values([rows], setting)}
    figure = line_panels(killed, x="target", columns="layer", lines="part", symlog_x=True)
    for axis in figure.axes:
        axis.set_xlim(right=1.5 * farthest)
    for axis in figure.axes[-2:]:
        axis.set_xlabel("distance of the target")
    alone = rows.filter(pl.col("part") == "bias alone", pl.col("target") == farthest)
    caption = (
        "Units alive at birth that one full-batch step of plain SGD kills, by how far the target is moved away; the "
        "same where of all parameters only the units' biases take the step, or their weights. "
        f"{interval_note(killed, over='the runs that are finite after it')} "
        f"Where the target is {farthest:,.0f} away the biases alone kill {_range(alone)} of the units of a layer."
    )
    return [Figure("far_targets", figure, caption)]


def _range(rows: pl.DataFrame) -> str:
    """Return the least and the greatest of some shares."""
    shares = rows["mean"].to_numpy()
    return f"{shares.min():.0%} to {shares.max():.0%}"


def _deadly_rates(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    rows = _rows(frames, "deadly")
    change = pl.coalesce(pl.when(pl.col(VARIANT).is_in(names)).then(pl.lit(name)) for name, names in CHANGES.items())
    rows = rows.with_columns(change=change).drop_nulls("change")
    if rows[VARIANT].n_unique() < 2:
        return []
    deadly = {"units of layer 1 killed at\nthis rate or a lower one": rows}
    figure = line_panels(deadly, x="rate", columns="change", lines=frames.title("variant"), log_x=True)
    for axis in figure.axes:
        axis.set_xlabel(style.name("optimizer.learning_rate"))
    caption = (
        f"{setting}: the share of units that one full-batch step of plain SGD from the initial weights leaves dead at "
        "this learning rate or a lower one, as the oracle says; dead at birth included. The others no single step "
        f"kills, whatever its rate: it raises z on some input. {interval_note(deadly)} {_killable(rows)}"
    )
    return [Figure(f"deadly_rates{suffix}", figure, caption)]


def _killable(rows: pl.DataFrame) -> str:
    """Say how many units some rate kills, of each variant."""
    ends = rows.filter(pl.col("rate") == pl.col("rate").max()).select("variant", "mean").rows()
    return "Some rate kills " + ", ".join(f"{mean:.0%} ({variant})" for variant, mean in ends) + "."


def _ways(frames: Frames) -> list[Figure]:
    rows = _rows(frames, "went", variant="plain", length="one").filter(pl.col("rate") == LARGE)
    if rows.is_empty():
        return []
    went = {"share of the units\nthat the step killed": rows}
    figure = points(went, x="part", columns="layer", lines=frames.title("world"))
    _whole_markers(figure)
    caption = (
        "Which way a unit's own parameters went in the full-batch step of plain SGD that killed it, at rate "
        f"{LARGE:g}. The bias falls where the gradient from above, summed over the inputs on which the unit is active, "
        "is positive; weights lower z: on average over these inputs. "
        f"{interval_note(went, over='the runs with such a unit')} "
        f"The bias fell in {_range(rows.filter(pl.col('part') == 'bias falls'))} of them, by setting and layer."
    )
    return [Figure("ways", figure, caption)]


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what the first step did and was foretold to do; what becomes of the dead; and what makes a step deadly."""
    drawn = [*_foretold_and_measured(frames), *_far_targets(frames), *_ways(frames)]
    for suffix, title, one in frames.settings():
        drawn += [*_fates(one, suffix, title), *_deadly_rates(one, suffix, title)]
    return drawn

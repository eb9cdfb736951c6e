"""Which single steps kill a unit, is it for good, and does an exact oracle foretell it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from relubench.claims import Claim, Condition, Tables, mean_of, paired, paired_ratio
from relubench.claims.metrics import of_runs
from relubench.experiments.base import Experiment, Frames
from relubench.first_step import RATE, fates, of_fates, shares_killed, tenth_deadly_rate
from relubench.report import style
from relubench.report.figure import Figure, line_panels, runs_note
from relubench.report.plots import canvas

Where = Mapping[str, Any]
_POINT = ("variant", "data", "change", "rate")

PLAIN: Where = {
    "data.name": "digits", "data.scale": 1.0, "data.offset": 0.0, "data.target_offset": 0.0,
    "loss.reduction": "mean", "loss.scale": 1.0, "optimizer.clip_norm": None,
}  # fmt: skip
ONE_INPUT = {**PLAIN, "data.name": "interval"}
#: The columns of the grid's zip, in its order.
VARIANTS: Mapping[str, Where] = {
    "plain": PLAIN,
    "summed loss": {**PLAIN, "loss.reduction": "sum"},
    "loss × 100": {**PLAIN, "loss.scale": 100.0},
    "loss × 100, clipped": {**PLAIN, "loss.scale": 100.0, "optimizer.clip_norm": 1.0},
    "inputs × 10": {**PLAIN, "data.scale": 10.0},
    "inputs > 0": {**PLAIN, "data.offset": 1.0},
    "one input": ONE_INPUT,
    "one input, target 10 away": {**ONE_INPUT, "data.target_offset": 10.0},
}
#: Those whose first step is drawn beside its prediction.
COMPARED = ("plain", "loss × 100", "loss × 100, clipped", "inputs × 10")
#: Training examples of the digits.
EXAMPLES = 1437
#: The rate at which settings are compared: the default one.
USUAL = 0.1
#: Rates at which the oracle is asked, four a decade.
_ASKED = np.geomspace(1e-5, 1e3, 33)

#: Lines of a panel, where they are no names of variants: each data set has its plain one.
_CHANGES = {"one input": "plain", "one input, target 10 away": "target 10 away"}

_COUNTED = "Units of layer 1. Means over runs with 95 % BCa bootstrap intervals over seeds."


def _variants(tables: Tables) -> pl.DataFrame:
    """Return run_id, variant, rate and data of the runs of every variant."""
    rows = [
        of_runs(tables, "seed", where).select(
            "run_id", RATE, variant=pl.lit(label), data=pl.lit(_data(where)), change=pl.lit(_CHANGES.get(label, label))
        )
        for label, where in VARIANTS.items()
    ]
    return pl.concat(rows)


def _data(where: Where) -> str:
    return "digits: 64 inputs" if where["data.name"] == "digits" else "interval: one input"


def _folded(rows: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Return rows of curves.parquet: each metric's mean over the runs of a variant and rate, with its interval."""
    from relubench import stats

    tables = []
    for metric in metrics:
        told = rows.filter(pl.col(metric).is_finite())
        cells = told.group_by(_POINT, maintain_order=True).agg(pl.col(metric))
        low, high = stats.mean_interval([cell.to_numpy() for cell in cells[metric]], (0.0, 1.0))
        tables.append(
            cells.select(
                *_POINT, metric=pl.lit(metric), layer=pl.lit(1, pl.Int64),
                mean=pl.col(metric).list.mean(), ci_low=pl.Series(low).fill_nan(None),
                ci_high=pl.Series(high).fill_nan(None), n=pl.col(metric).list.len().cast(pl.Int64),
            )
        )  # fmt: skip
    return pl.concat(tables)


def _measured(tables: Tables) -> pl.DataFrame:
    """Return what the first step, and those after it, did to layer 1 at each rate of the grid."""
    found = fates(tables).filter(pl.col("layer") == 1)
    rows = found.join(_variants(tables), on="run_id", maintain_order="left").rename({RATE: "rate"})
    return _folded(rows, ["dead_after_step", "dead_at_end", "wrong"])


def _foretold(tables: Tables) -> pl.DataFrame:
    """Return what the oracle foretells of layer 1 at any rate. It is asked at step 0: one run a seed and variant does."""
    runs = _variants(tables).filter(pl.col(RATE) == pl.col(RATE).min().over("variant"))
    asked = shares_killed(tables.of(runs["run_id"].to_list()), _ASKED.tolist())
    return _folded(asked.join(runs, on="run_id", maintain_order="left"), ["foretold", "deadly", "bias_alone"])


def _rows(frames: Frames, metric: str, variants: Sequence[str] = tuple(VARIANTS)) -> pl.DataFrame:
    """Return a metric's points of these variants in their order."""
    rows = frames.curves.filter(pl.col("metric") == metric, pl.col("variant").is_in(variants))
    return rows.sort(pl.col("variant").cast(pl.Enum(list(VARIANTS))), "rate")


@canvas.house_style()
def _foretold_and_measured(frames: Frames) -> Figure:
    foretold, *seen = (_rows(frames, metric, COMPARED) for metric in ("foretold", "dead_after_step", "dead_at_end"))
    steps = frames.setting["train.steps"]
    figure, axes = canvas.blank(1, len(COMPARED), height=2.6)
    for axis, variant in zip(axes[0], COMPARED, strict=True):
        _curve(axis, foretold.filter(pl.col("variant") == variant), seen[0]["rate"])
        for place, label in enumerate(("after the first step", f"after {steps} steps"), start=1):
            _dots(axis, seen[place - 1].filter(pl.col("variant") == variant), label, style.series(place, 3, False))
        axis.set(title=variant, xlabel=style.name(RATE), xscale="log")
    axes[0, 0].set_ylabel("dead units, layer 1")
    canvas.ordinate(axes[0, 0], pl.concat(seen), percent=True, log=False)
    canvas.legend(figure, axes[0, 0], "point")
    wrong = _rows(frames, "wrong")["mean"].max()
    caption = (
        "Dead units of layer 1 after the first full-batch step, measured, on the curve that the oracle foretells before "
        f"it is taken, and after {steps} steps. Over all variants and rates training and oracle differ in at most "
        f"{wrong:.1%} of the units. {_COUNTED} {runs_note({'': seen[0]})}"
    )
    return Figure("one_step", figure, caption)


def _curve(axis: Any, rows: pl.DataFrame, rates: pl.Series) -> None:
    """Draw the oracle's curve over the range of the measured rates."""
    rows = rows.filter(pl.col("rate").is_between(0.5 * rates.min(), 2 * rates.max()))
    look = style.series(0, 3, False)
    axis.plot(rows["rate"], rows["mean"], label="foretold", color=look["color"])
    canvas.band(axis, rows["rate"].to_numpy(), canvas.interval(rows), look)


def _dots(axis: Any, rows: pl.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    found = canvas.interval(rows)
    axis.vlines(rows["rate"], found.low, found.high, color=look["color"], linewidth=1.2)
    axis.plot(rows["rate"], found.mean, label=label, **{**look, "linestyle": "none"})


def _deadly_rates(frames: Frames) -> Figure:
    by_bias = _rows(frames, "bias_alone").drop_nulls("ci_low")  # a share of units killed in a few runs says nothing
    rows = {"units killed at\nthis rate or less": _rows(frames, "deadly"), "bias alone\nwould kill": by_bias}
    figure = line_panels(rows, x="rate", columns="data", lines="change", log_x=True)
    for axis in figure.axes[-2:]:
        axis.set_xlabel(style.name(RATE))
    caption = (
        "Above: the share of units that one full-batch step from the initial weights leaves dead at this learning rate "
        "or a lower one (dead at birth included). The others no single step kills, whatever its rate: it moves up "
        "some example on which they are active. Below: of the units that a step at this rate kills, the share that "
        f"the move of the bias alone would kill; where runs without any leave five. {_COUNTED} {runs_note(rows)}"
    )
    return Figure("deadly_rates", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    return [_foretold_and_measured(frames), _deadly_rates(frames)]


def _at_usual(variant: str) -> Where:
    return {**VARIANTS[variant], RATE: USUAL}


def _tenth_an_example(tables: Tables) -> pl.DataFrame:
    """Return the rate at which every tenth unit is killed, times the examples where their losses are summed."""
    summed = tables.runs.select("run_id", summed=pl.col("loss.reduction") == "sum")
    factor = pl.when("summed").then(EXAMPLES).otherwise(1)
    rates = tenth_deadly_rate(tables).join(summed, on="run_id", maintain_order="left")
    return rates.select("run_id", value=pl.col("value") * factor)


_FOR_GOOD = Claim(
    id=1,
    statement="One large step can kill a unit for good",
    source="question",
    statistic="share of the units killed by the first step that are dead at the end, over all rates",
    threshold=0.9,
    conditions=tuple(
        Condition(f"layer {layer}", mean_of(of_fates(pl.col("for_good"), layer=layer), PLAIN, bounds=(0.0, 1.0)))
        for layer in (1, 2)
    ),
    note="Plain SGD: layer 1 has the same inputs for ever, so a dead unit there can never move; layer 2 does not.",
)
_BY_BIAS = Claim(
    id=18,
    statement="A large error kills through the bias alone",
    source="answer",
    statistic=f"share of the units killed by the first step that the move of the bias alone would kill, rate {USUAL}",
    threshold=0.5,
    conditions=tuple(
        Condition(variant, mean_of(of_fates(pl.col("by_bias")), _at_usual(variant), bounds=(0.0, 1.0)))
        for variant in ("loss × 100", "one input, target 10 away")
    ),
    note=(
        "The step moves z on x as far as x·x' + 1 summed over the examples x' that the unit sees, times their errors: "
        "the 1 is the bias's part, small beside many inputs."
    ),
)
_LOCAL_GRADIENT = Claim(
    id=19,
    statement="ReLU's local gradient is 0 or 1, and 0 at a tie",
    source="answer",
    kind="exact test",
    decided="holds",
    note="tests/nn/test_relu_slope.py, over all float32 numbers; leaky units take slope 1 at z = 0, other libraries ½.",
)
_AUGMENTED = Claim(
    id=20,
    statement="The bias is a weight w0 on a constant input of 1",
    source="answer",
    kind="exact test",
    decided="holds",
    note="tests/experiments/test_one_step.py: trained so, weights are the same and the same units die.",
)
_INPUTS = Claim(
    id=27,
    statement="Large inputs of one sign make one step deadlier",
    source="comment",
    statistic="rate at which one step kills a tenth of the units, over that with plain inputs",
    direction="below",
    threshold=1.0,
    smallest=0.5,
    conditions=tuple(
        Condition(variant, paired_ratio(tenth_deadly_rate, PLAIN, VARIANTS[variant]))
        for variant in ("inputs × 10", "inputs > 0")
    ),
    note="A factor of 2 counts.",
)
_SUMMED = Claim(
    id=30,
    statement="A summed loss kills at a rate n times lower",
    source="comment",
    statistic="rate at which one step kills a tenth of the units: mean loss over n × sum, and the inverse",
    threshold=0.99,
    conditions=(
        Condition("no sooner", paired_ratio(_tenth_an_example, VARIANTS["summed loss"], PLAIN)),
        Condition("no later", paired_ratio(_tenth_an_example, PLAIN, VARIANTS["summed loss"])),
    ),
    note=f"n = {EXAMPLES:,} training examples. Both ratios are 1 but for rounding.",
)
_CHAIN_RULE = Claim(
    id=34,
    statement="The chain rule gives the gradient, 0 for a dead unit",
    source="comment",
    kind="exact test",
    decided="holds",
    note="tests/experiments/test_one_step.py: formula, automatic differentiation and finite differences agree.",
)
_UPSTREAM = Claim(
    id=38,
    statement="A large upstream gradient kills; clipping prevents it",
    source="comment",
    statistic=f"share of units dead after one step with the loss × 100, less that without it or clipped, rate {USUAL}",
    smallest=0.05,
    conditions=tuple(
        Condition(
            f"against {variant}",
            paired(of_fates(pl.col("dead_after_step")), _at_usual(variant), _at_usual("loss × 100"), bounds=(0.0, 1.0)),
        )
        for variant in ("plain", "loss × 100, clipped")
    ),
    note="Clipped: the norm of the whole gradient to 1.",
)

EXPERIMENT = Experiment(
    question="Which single steps kill a unit, is it for good, and does an exact oracle foretell it?",
    figures=_figures,
    derived=(_measured, _foretold),
    claims=(_FOR_GOOD, _BY_BIAS, _LOCAL_GRADIENT, _AUGMENTED, _INPUTS, _SUMMED, _CHAIN_RULE, _UPSTREAM),
)

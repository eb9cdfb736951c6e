"""Which remedy keeps units alive, allows a higher learning rate, and ends at a better accuracy?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from relubench.claims import Claim, Condition, Effect, Tables, mean_of, paired, paired_at_best, paired_ratio
from relubench.claims.measurements import Measurement
from relubench.experiments.base import Experiment, Frames
from relubench.report import style
from relubench.report.figure import Figure, runs_note
from relubench.report.plots import forest, points

RATE, OPTIMIZER, VARIANT = "optimizer.learning_rate", "optimizer.name", "remedy"
NONE, FROZEN = "none", "re-randomise, frozen in turn"
#: What in a run's setting is a remedy, in the order of the figures.
REMEDIES: dict[str, pl.Expr] = {
    "leaky ReLU": pl.col("model.activation.name") == "leaky_relu",
    "warm-up": pl.col("optimizer.schedule.warmup_steps") > 0,
    "clipping": pl.col("optimizer.clip_norm").is_not_null(),
    "weight decay": pl.col("optimizer.weight_decay") > 0,
    "bias decay": pl.col("optimizer.bias_decay") > 0,
    "batch norm": pl.col("model.norm") == "batch",
    "layer norm": pl.col("model.norm") == "layer",
    "ReDo": pl.col("remedy.name") == "redo",
    "continual backprop": pl.col("remedy.name") == "continual_backprop",
    FROZEN: (pl.col("remedy.name") == "rerandomize") & pl.col("remedy.freeze"),
    "re-randomise, all at once": (pl.col("remedy.name") == "rerandomize") & ~pl.col("remedy.freeze"),
    "RAI": pl.col("model.init.name") == "rai",
    "positive bias": pl.col("model.init.bias") > 0,
}
#: Where remedies are compared: the grid's first rate at which a plain ReLU network loses a third of its units.
HIGH_RATE = {"sgd": 1.0, "adam": 0.1}
#: A rate is usable where the accuracy lies no further than this below the best over all rates.
USABLE = 0.02


def with_names(runs: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a column that names their remedy; several at once are joined by " + "."""
    held = [pl.when(holds).then(pl.lit(name)) for name, holds in REMEDIES.items()]
    together = pl.concat_str(held, separator=" + ", ignore_nulls=True)
    return runs.with_columns(pl.when(together == "").then(pl.lit(NONE)).otherwise(together).alias(VARIANT))


def highest_rate(tables: Tables) -> pl.DataFrame:
    """Return the metric: the highest usable rate of the runs that share a run's seed, optimiser and remedy."""
    alike = ("seed", OPTIMIZER, VARIANT)
    accuracy = pl.col("test_accuracy").fill_null(0.0)  # a diverged run is of no use
    usable = accuracy >= accuracy.max().over(alike) - USABLE
    return tables.runs.select("run_id", value=pl.when(usable).then(RATE).max().over(alike))


def _named(measure: Measurement) -> Measurement:
    """Let a measurement choose runs by the name of their remedy."""

    def effect(tables: Tables) -> Effect:
        return measure(tables._replace(runs=with_names(tables.runs)))

    return effect


def at_high_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, both at the optimiser's high rate."""
    both = {OPTIMIZER: optimizer, RATE: HIGH_RATE[optimizer]}
    return _named(paired(metric, both | {VARIANT: NONE}, both | {VARIANT: remedy}))


def at_best_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, each at its own most accurate rate."""
    return _named(paired_at_best(metric, *({OPTIMIZER: optimizer, VARIANT: name} for name in (NONE, remedy))))


def usable_rates(optimizer: str, remedy: str) -> Measurement:
    """Measure the highest usable rate with a remedy over that without one."""
    return _named(paired_ratio(highest_rate, *({OPTIMIZER: optimizer, VARIANT: name} for name in (NONE, remedy))))


def _usable_rate(optimizer: str, remedy: str) -> Measurement:
    return _named(mean_of(highest_rate, {OPTIMIZER: optimizer, VARIANT: remedy}))


#: The further rows of curves.parquet: metric -> how it is measured for an optimiser and a remedy.
DERIVED = {
    "dead_at_high_rate": lambda *cell: at_high_rate("dead_train_fraction", *cell),
    "accuracy_at_high_rate": lambda *cell: at_high_rate("test_accuracy", *cell),
    "accuracy_at_best_rate": lambda *cell: at_best_rate("test_accuracy", *cell),
    "highest_rate": _usable_rate,
}


def _remedy_rows(tables: Tables) -> pl.DataFrame:
    """Return a row for each of `DERIVED`, optimiser and remedy of the runs."""
    runs = with_names(tables.runs)
    optimizers = runs[OPTIMIZER].unique(maintain_order=True).to_list()
    found = [name for name in (NONE, *REMEDIES) if name in runs[VARIANT]]
    rows = [
        {"metric": metric, OPTIMIZER: optimizer, VARIANT: remedy, **_told(measure(optimizer, remedy)(tables))}
        for metric, measure in DERIVED.items()
        for optimizer in optimizers
        for remedy in found
        if remedy != NONE or metric == "highest_rate"
    ]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col("mean", "ci_low", "ci_high").fill_nan(None), step=None, item=None, layer=None
    )


def _told(effect: Effect) -> dict[str, float]:
    return {"mean": effect.value, "ci_low": effect.low, "ci_high": effect.high, "n": effect.n}


def _forest(frames: Frames, metric: str, label: str, favours: tuple[str, str], told: str) -> Figure:
    rows = frames.curve_of(metric)
    figure = forest(rows, label=VARIANT, x_label=label, groups=OPTIMIZER, favours=favours)
    caption = (
        f"{told} Each line is the difference of a remedy to none: means of differences paired by seed (same initial "
        "weights, but for RAI, and same batches) over the pairs in which neither run diverged, with 95 % BCa "
        f"bootstrap intervals. {_rates()}"
    )
    return Figure(metric, figure, caption)


def _rates() -> str:
    told = " and ".join(f"{rate:g} ({style.name(name)})" for name, rate in HIGH_RATE.items())
    return f"The high rate is {told}."


def _usable(frames: Frames) -> Figure:
    rows = {"highest usable rate": frames.curve_of("highest_rate")}
    figure = points(rows, x=VARIANT, lines=OPTIMIZER, percent=False, log_y=True)
    caption = (
        f"The highest rate at which a run's test accuracy lies at most {100 * USABLE:g} points below the best of its "
        "seed over all rates; a diverged run counts as accuracy 0. Means over seeds with 95 % BCa bootstrap "
        f"intervals. {runs_note(rows)}"
    )
    return Figure("usable_rate", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    accuracy, worse = "difference in test accuracy", ("worse", "better")
    return [
        _forest(
            frames, "dead_at_high_rate", "difference in dead units", ("fewer dead", "more dead"),
            "Share of units dead on the training set at a high learning rate.",
        ),
        _forest(frames, "accuracy_at_high_rate", accuracy, worse, "Test accuracy at a high learning rate."),
        _forest(
            frames, "accuracy_at_best_rate", accuracy, worse,
            "Test accuracy at each one's own best rate, chosen on half of the seeds and compared on the other half.",
        ),
        _usable(frames),
    ]  # fmt: skip


def _conditions(measure: Callable[[str, str], Measurement]) -> tuple[Condition, ...]:
    return tuple(Condition(style.name(name), measure(name, FROZEN)) for name in HIGH_RATE)


_NOTE = (
    "Every weight <= 0 of the hidden layers is drawn anew after each epoch; one layer in turn stands still. "
    "The last probe comes just before a redraw."
)
CLAIMS = (
    Claim(
        id=7,
        statement="Re-randomising with frozen layers allows higher learning rates",
        source="answer",
        statistic="highest usable rate with it over that without it, geometric mean",
        threshold=1.0,
        smallest=0.5,
        conditions=_conditions(usable_rates),
        note=_NOTE,
    ),
    Claim(
        id=7,
        statement="Re-randomising with frozen layers gives a better accuracy",
        source="answer",
        statistic="test accuracy with it less that without it, each at its own best rate",
        smallest=0.01,
        conditions=_conditions(lambda *cell: at_best_rate("test_accuracy", *cell)),
        note=_NOTE,
    ),
    Claim(
        id=7,
        statement="Re-randomising with frozen layers keeps units alive at a high rate",
        source="answer",
        statistic="dead share of units with it less that without it, at a high rate",
        direction="below",
        smallest=0.05,
        conditions=_conditions(lambda *cell: at_high_rate("dead_train_fraction", *cell)),
        note=_NOTE,
    ),
)

EXPERIMENT = Experiment(
    question="Which remedy keeps units alive, allows a higher rate, and ends at a better accuracy?",
    figures=_figures,
    derived=(_remedy_rows,),
    claims=CLAIMS,
    minutes=3.0,
)

"""Can the initial weights, or their drift in training, choke the flow of activations through a deep network?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.findings.claims import Claim, Condition, mean_of, of_measures
from relubench.plots import points, style, violins
from relubench.plots.figure import Figure, line_panels, runs_note

INIT, SCALE = "model.init.name", "model.init.scale"
OPTIMIZER, RATE = "optimizer.name", "optimizer.learning_rate"
#: The rate is proper for the first and high for the second.
OPTIMIZERS = ("sgd", "adam")
#: Weights at birth hang on the seed alone; but runs that diverge later are left out, and with Adam the fewest do.
AT_BIRTH = "adam"
#: (initialiser, its scale) of each start, in the order of the figures.
STARTS = (
    ("normal", 0.01), ("normal", 0.1), ("normal", 0.14), ("normal", 0.28),
    ("he", 1.0), ("glorot", 1.0), ("lecun", 1.0), ("orthogonal", 1.0), ("pytorch", 1.0), ("rai", 1.0),
)  # fmt: skip
#: Starts whose second moment, by their variance alone, falls more than tenfold over five layers of 100 units.
SMALL = (("normal", 0.01), ("normal", 0.1), ("pytorch", 1.0))
#: Starts that go by a layer's size: whose units training alone can kill.
BY_SIZE = (("he", 1.0), ("glorot", 1.0), ("pytorch", 1.0), ("rai", 1.0))
SHOWN_AS_VIOLINS = (("normal", 0.1), ("normal", 0.14), ("normal", 0.28), ("he", 1.0), ("pytorch", 1.0))
#: More lines than this cannot be told apart; LeCun and orthogonal weights are left to the figure without lines.
SHOWN_AS_LINES = tuple(start for start in STARTS if start[0] not in ("lecun", "orthogonal"))


def _told(init: str, scale: float) -> str:
    return f"N(0, {style.name(scale)}²)" if init == "normal" else style.name(init)


def _where(start: tuple[str, float], optimizer: str) -> dict[str, object]:
    return {INIT: start[0], SCALE: start[1], OPTIMIZER: optimizer}


def _after(start: tuple[str, float], optimizer: str) -> str:
    return f"{_told(*start)}, {style.name(optimizer)}"


_moment = pl.col("second_moment").sort_by("layer")
_drift = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")

CLAIMS = (
    Claim(
        id=33,
        statement="The initialisation can choke the flow of activations",
        source="comment",
        statistic="log10 of the mean square activation of hidden layer 6 over that of layer 1, at birth",
        direction="below",
        threshold=-2.0,
        conditions=tuple(
            Condition(
                _told(*start),
                mean_of(of_measures((_moment.last() / _moment.first()).log10(), step=0), _where(start, AT_BIRTH)),
            )
            for start in STARTS
        ),
        note="Six hidden layers of 100 ReLU units; N(0, s²) multiplies the mean square by 100 s²/2 a layer, He by 1.",
    ),
    Claim(
        id=33,
        statement="A network that begins with small weights does not learn",
        source="comment",
        statistic="test accuracy, chance being .1",
        direction="below",
        threshold=0.2,
        conditions=tuple(
            Condition(_after(start, optimizer), mean_of("test_accuracy", _where(start, optimizer)))
            for start in SMALL
            for optimizer in OPTIMIZERS
        ),
        note="At twice the accuracy of chance or more, some learning has taken place.",
    ),
    Claim(
        id=31,
        statement="Drift in training can choke it, whatever the initialisation",
        source="comment",
        statistic="dead share after training less that at birth",
        smallest=0.05,
        conditions=tuple(
            Condition(_after(start, optimizer), mean_of(_drift, _where(start, optimizer), bounds=(-1.0, 1.0)))
            for start in BY_SIZE
            for optimizer in OPTIMIZERS
        ),
        note="Rate .03: proper for SGD, ten times a proper one for Adam.",
    ),
)


def _started(rows: pl.DataFrame, shown: Sequence[tuple[str, float]]) -> pl.DataFrame:
    """Return the rows of these starts in their order, with the column `start` that names them."""
    told = {start: _told(*start) for start in shown}
    names = [told.get(start) for start in rows.select(INIT, SCALE).rows()]
    order = {name: place for place, name in enumerate(told.values())}
    named = rows.with_columns(start=pl.Series(names, dtype=pl.String)).drop_nulls("start")
    return named.sort(pl.col("start").replace_strict(order, return_dtype=pl.Int64), maintain_order=True)


def _violins(frames: Frames) -> Figure:
    born, zeros = (
        _started(frames.layers_of(metric).filter(pl.col("step") == 0, pl.col(OPTIMIZER) == AT_BIRTH), SHOWN_AS_VIOLINS)
        for metric in ("activation_quantiles", "zero_share")
    )
    figure = violins(born, columns="start", zeros=zeros)
    caption = (
        "Activations at birth, layer by layer, for five initialisations of six ReLU layers of 100 units. A violin is "
        "the density by 41 quantiles (means over seeds); the flat line at 0 is the share of zeros, told below with its "
        "95 % BCa bootstrap interval; the mark is the median with its interval. Mind the scales: each panel has its "
        f"own. {runs_note({'': born})}"
    )
    return Figure("activations", figure, caption)


def _moments(frames: Frames) -> Figure:
    panels: dict[str, pl.DataFrame] = {}
    for metric, label in (("second_moment", "mean square activation"), ("zero_share", "activations exactly 0")):
        found = _started(frames.layers_of(metric), SHOWN_AS_LINES)
        born = found.filter(pl.col("step") == 0, pl.col(OPTIMIZER) == AT_BIRTH).with_columns(panel=pl.lit("at birth"))
        ends = [found.filter(pl.col("step") > 0, pl.col(OPTIMIZER) == optimizer) for optimizer in OPTIMIZERS]
        titles = [f"after training, {style.name(optimizer)}" for optimizer in OPTIMIZERS]
        after = [rows.with_columns(panel=pl.lit(title)) for rows, title in zip(ends, titles, strict=True)]
        panels[label] = pl.concat([born, *after])
    figure = line_panels(
        panels,
        x="layer",
        columns="panel",
        lines="start",
        percent=["activations exactly 0"],
        log_y=["mean square activation"],
    )
    caption = (
        "Mean square of the activations of each layer (not drawn where it is 0: the layer is dead), and the share that "
        f"are exactly 0, at birth and after training at rate {frames.setting[RATE]:g}. "
        f"Means over the runs that did not diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(panels)}"
    )
    return Figure("moments", figure, caption)


def _ends(frames: Frames) -> Figure:
    panels = {
        "born_dead_fraction": "dead at birth", "dead_train_fraction": "dead after\ntraining",
        "test_accuracy": "test accuracy", "diverged": "diverged runs",
    }  # fmt: skip
    rows = {label: _started(frames.summary_of(metric), STARTS) for metric, label in panels.items()}
    figure = points(rows, x="start", lines=OPTIMIZER)
    figure.axes[-1].set_xlabel("initial weights")
    caption = (
        "Dead units before and after training, test accuracy and diverged runs, by initialisation; rate "
        f"{frames.setting[RATE]:g}. Means over the runs that did not diverge, with 95 % BCa bootstrap intervals over "
        "seeds; diverged: shares of runs with 95 % Clopper-Pearson intervals. "
        f"{runs_note(rows)}"
    )
    return Figure("ends", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    return [_violins(frames), _moments(frames), _ends(frames)]


EXPERIMENT = Experiment(
    question="Can the initial weights, or their drift in training, choke the flow of activations?",
    figures=_figures,
    curves=("activation_quantiles", "second_moment", "zero_share"),
    claims=CLAIMS,
    minutes=6.0,
)

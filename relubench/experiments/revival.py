"""Does a dead unit ever come back: in which layer, under which optimiser, and what brings it back?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.experiments.derived import mean_over_runs
from relubench.findings.claims import Claim, Condition, Tables, mean_of, of_layers, paired, total_of
from relubench.findings.claims.measurements import Measurement
from relubench.findings.spells import HALFWAY, REVIVALS, REVIVED_SHARE, dead_at, of_spells, spells, survival
from relubench.plots import points, survival_panels
from relubench.plots.figure import Figure, runs_note

NAME, RATE, FROZEN = "optimizer.name", "optimizer.learning_rate", "optimizer.frozen"
WEIGHT_DECAY, BIAS_DECAY = "optimizer.weight_decay", "optimizer.bias_decay"
#: The rates of conf/experiment/revival.yaml: one at which hardly a unit dies, and one at which many do.
LOW, HIGH = {"sgd": 0.1, "adam": 0.001}, {"sgd": 0.7, "momentum": 0.1, "adam": 0.03}
TOLD = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}
VARIANTS = ("low rate", "high rate", "layer 1 frozen", "1 and 2 frozen", "equal decay", "bias decay")
#: The decay of the variants that have one.
DECAY = 0.01


def _plain(name: str, rate: float, **changed: Any) -> dict[str, Any]:
    """Choose runs without decay or frozen layers, but for what is changed."""
    return {NAME: name, RATE: rate, FROZEN: [], WEIGHT_DECAY: 0.0, BIAS_DECAY: 0.0} | {
        f"optimizer.{key}": value for key, value in changed.items()
    }


def _variant(row: dict[str, Any]) -> str:
    if row[FROZEN]:
        return VARIANTS[2] if row[FROZEN] == [1] else VARIANTS[3]
    if row[BIAS_DECAY]:
        return VARIANTS[4] if row[WEIGHT_DECAY] else VARIANTS[5]
    return VARIANTS[0] if row[RATE] == LOW.get(row[NAME]) else VARIANTS[1]


def _with_variants(tables: Tables) -> Tables:
    named = pl.Series("variant", [_variant(row) for row in tables.runs.iter_rows(named=True)], pl.String)
    return tables._replace(runs=tables.runs.with_columns(named))


def _still_dead(tables: Tables) -> pl.DataFrame:
    """Return the survival of death: the share of units still dead, by optimiser, variant and layer."""
    return survival(_with_variants(tables), (NAME, "variant"), "still_dead")


def _revived(tables: Tables) -> pl.DataFrame:
    """Return the mean share of a run's dead units that come back, by optimiser, variant and layer."""
    runs = _with_variants(tables).runs.select("run_id", NAME, "variant")
    shares = spells(tables).group_by("run_id", "layer").agg(value=REVIVED_SHARE)
    shares = runs.join(shares, on="run_id", maintain_order="left")
    order = pl.col("variant").replace_strict({name: place for place, name in enumerate(VARIANTS)})
    rows = shares.sort(NAME, order, "layer", descending=[True, False, False], maintain_order=True)
    return mean_over_runs(rows, (NAME, "variant", "layer"), "revived_share")


def _moved(tables: Tables) -> pl.DataFrame:
    """Return how many units of layer 1, dead at a probe before the last, had other weights or bias at the end."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    bits = tables.measures.filter(pl.col("measure") == "plane_checksum").select("run_id", "step", "value", unit="item")
    dead = spells(tables).filter(pl.col("layer") == 1, pl.col("died") < pl.col("end"))
    then = dead.join(bits, left_on=["run_id", "unit", "died"], right_on=["run_id", "unit", "step"])
    both = then.join(bits, left_on=["run_id", "unit", "end"], right_on=["run_id", "unit", "step"], suffix="_end")
    changed = pl.col("unit").filter(pl.col("value") != pl.col("value_end"))
    return both.group_by("run_id").agg(value=changed.n_unique())


def _never(number: int, statement: str, source: str, counted: str, conditions: Iterable[Condition], note: str) -> Claim:
    """Return a claim that something never happens: an exact count, which must be 0."""
    return Claim(
        id=number, statement=statement, source=source, statistic=f"{counted}, counted", kind="exact test",
        direction="below", threshold=1, smallest=1, conditions=tuple(conditions), note=note,
    )  # fmt: skip


def _revivals(layer: int, where: dict[str, Any]) -> Measurement:
    return total_of(of_spells(REVIVALS, layer=layer, without=0), where)


def _share(where: dict[str, Any], layer: int) -> Measurement:
    return mean_of(of_spells(REVIVED_SHARE, layer=layer), where, bounds=(0, 1))


_PLAIN = {TOLD[name]: _plain(name, rate) for name, rate in HIGH.items()}
_BOTH_RATES = {f"{TOLD[name]}, rate {rate[name]:g}": _plain(name, rate[name]) for name in LOW for rate in (LOW, HIGH)}
#: (name, layer, runs in which no layer before it moves, their pairs in which all do)
_FROZEN = [
    (f"{TOLD[name]}, layer {layer}", layer, _plain(name, HIGH[name], frozen=earlier), _plain(name, HIGH[name]))
    for name in LOW
    for layer, earlier in ((2, [1]), (3, [1, 2]))
]
_EQUAL_DECAY = {TOLD[name]: _plain(name, HIGH[name], weight_decay=DECAY, bias_decay=DECAY) for name in LOW}
_BIAS_DECAY = {TOLD[name]: _plain(name, HIGH[name], bias_decay=DECAY) for name in LOW}
_LEFT_DEAD = pl.col("until").is_null().sum().cast(pl.Int64)
_RATES = "Rates: " + ", ".join(f"{TOLD[name]} {rate:g}" for name, rate in HIGH.items()) + "."
_REVIVED = "share of a run's dead units that a later probe finds active"

CLAIMS = (
    Claim(
        id=10,
        statement="A dead unit is unlikely to recover",
        source="answer",
        statistic=_REVIVED,
        direction="below",
        threshold=0.1,
        conditions=tuple(
            Condition(f"{told}, layer {layer}", _share(where, layer))
            for layer in (1, 2, 3)
            for told, where in _PLAIN.items()
        ),
        note="Unlikely: fewer than one in ten until the end of training. A unit counts from the probe that finds it "
        f"dead. The inputs of later layers move while earlier ones learn; those of layer 1 never do. {_RATES}",
    ),
    _never(
        10, "A dead unit of the first layer never comes back", "answer", "revivals in layer 1",
        (Condition(told, _revivals(1, where)) for told, where in _PLAIN.items()),
        "A law under plain SGD: its gradient is 0 for good. Momentum and Adam carry it on for some steps.",
    ),
    Claim(
        id=32,
        statement="Earlier layers that move bring units of later ones back",
        source="comment",
        statistic=f"{_REVIVED}: nothing frozen less all earlier layers frozen",
        smallest=0.05,
        conditions=tuple(
            Condition(told, paired(of_spells(REVIVED_SHARE, layer=layer), frozen, free, bounds=(0, 1)))
            for told, layer, frozen, free in _FROZEN
        ),
        note="A pair in which no unit of the layer died on one side is lost.",
    ),
    _never(
        32, "With all earlier layers frozen no dead unit comes back", "comment", "revivals in the layer after them",
        (Condition(told, _revivals(layer, frozen)) for told, layer, frozen, _ in _FROZEN),
        "The layer's inputs stand still, as those of layer 1 do. Adam's momentum may carry a unit on for some steps.",
    ),
    Claim(
        id=37,
        statement="Units that look dead on batches merely fire rarely",
        source="comment",
        statistic="share of the units inactive on a batch that are active on the training set, at the end",
        threshold=0.5,
        conditions=tuple(
            Condition(told, mean_of(of_layers(1 - pl.col("dead_train").sum() / pl.col("batch_dead").sum()), where))
            for told, where in _BOTH_RATES.items()
        ),
        note="Inactive on a batch of 64: the mean over the steps between the last two probes.",
    ),
    Claim(
        id=37,
        statement="More epochs wake dead units",
        source="comment",
        statistic="share of the units dead halfway that a later probe finds active",
        smallest=0.05,
        conditions=tuple(
            Condition(
                told,
                mean_of(of_spells(pl.col("until").is_not_null().mean(), among=dead_at(HALFWAY)), where, bounds=(0, 1)),
            )
            for told, where in _BOTH_RATES.items()
        ),
        note="As many epochs again; units of all layers.",
    ),
    Claim(
        id=37,
        statement="More epochs leave fewer units dead",
        source="comment",
        statistic="dead units at the end less those halfway, in the same run",
        direction="below",
        smallest=1,
        conditions=tuple(
            Condition(
                told, mean_of(of_spells(_LEFT_DEAD - dead_at(HALFWAY).sum().cast(pl.Int64), without=0), where)
            )
            for told, where in _BOTH_RATES.items()
        ),
        note="As many epochs again. Some units wake, others die: this is what is left.",
    ),
    _never(
        39, "A dead unit's own weights stay as they are for good", "comment",
        "units of layer 1 of whose weights or bias a bit changed after they were found dead",
        (Condition(told, total_of(_moved, where)) for told, where in _PLAIN.items()),
        "Bits are compared by a checksum, at the probe that found the unit dead and at the end.",
    ),
    _never(
        6, "Equal decay of weights and bias cannot bring layer 1 back", "answer", "revivals in layer 1",
        (Condition(told, _revivals(1, where)) for told, where in _EQUAL_DECAY.items()),
        "Under plain SGD decay shrinks a dead unit's pre-activations and keeps their signs. Adam rescales the decay of "
        "each weight by itself, so that the unit's plane turns.",
    ),
    Claim(
        id=6,
        statement="Decay of the bias alone brings layer 1 back",
        source="answer",
        statistic=f"{_REVIVED}, layer 1",
        smallest=0.05,
        conditions=tuple(Condition(told, _share(where, 1)) for told, where in _BIAS_DECAY.items()),
        note="A unit comes back so only if it is its bias that holds it down: where its weights alone suffice, it "
        "stays dead.",
    ),
)  # fmt: skip


def _survival(curves: pl.DataFrame) -> Figure:
    figure = survival_panels(curves, columns="layer", lines=NAME, label="units still dead")
    for axis in figure.axes:
        axis.set_xlabel("steps since found dead")
    rates = ", ".join(f"{TOLD[name]} {rate:g}" for name, rate in HIGH.items())
    caption = (
        "Share of units still dead so many steps after a probe found them dead, by hidden layer (1 is at the input). "
        f"Learning rates at which units die: {rates}. Kaplan-Meier over spells of death, with 95 % bootstrap "
        f"intervals that resample runs; a unit that dies again has another spell. {runs_note({'': curves})}"
    )
    return Figure("revival", figure, caption)


def _causes(shares: pl.DataFrame) -> Figure:
    rows = {"units that come back": shares}
    figure = points(rows, x="variant", columns=NAME, lines="layer")
    figure.set_figheight(3.4)
    figure.axes[0].set_ylim(-0.05, 1.05)  # whole markers at 0 and 100 %
    rates = "; ".join(f"{TOLD[name]} low {LOW[name]:g}, high {HIGH[name]:g}" for name in LOW)
    caption = (
        "Share of the units found dead that a later probe finds active again, by hidden layer. Learning rates: "
        f"{rates} (frozen layers and decays: the high one). Frozen layers never move, and are not shown; equal decay: "
        f"{DECAY:g} on weights and biases; bias decay: {DECAY:g} on biases alone. Means over the runs in which a unit "
        "of the layer died, with 95 % BCa bootstrap intervals over seeds (Clopper-Pearson where all runs are alike, "
        f"none below five runs). {runs_note(rows)}"
    )
    return Figure("what_revives", figure, caption)


def _figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell."""
    metric, variant, layer = pl.col("metric"), pl.col("variant"), pl.col("layer")
    curves = frames.curves.filter(metric == "still_dead", variant == VARIANTS[1])
    frozen = (variant == VARIANTS[2]) & (layer <= 1) | (variant == VARIANTS[3]) & (layer <= 2)
    shares = frames.curves.filter(metric == "revived_share", pl.col(NAME).is_in(list(LOW)), ~frozen)
    return [draw(rows) for draw, rows in ((_survival, curves), (_causes, shares)) if rows.height]


EXPERIMENT = Experiment(
    question="Does a dead unit ever come back, and what brings it back?",
    figures=_figures,
    derived=(_still_dead, _revived),
    claims=CLAIMS,
    minutes=7.0,
)

"""The claims about recovery."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from relubench.experiments.cases import Cases, each
from relubench.experiments.revival.cases import HIGH, LOW, OPTIMIZERS, RATES, Where, case
from relubench.findings.claims import Claim, Condition, Tables, mean_of, of_layers, paired, total_of
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import measures_of, needing
from relubench.findings.spells import HALFWAY, REVIVALS, REVIVED_SHARE, dead_at, of_spells, spells


@needing("unit_dead", "plane_checksum")
def _moved(tables: Tables) -> pl.DataFrame:
    """Return how many units of layer 1, dead at a probe before the last, had other weights or bias at the end."""
    bits = measures_of(tables, ["plane_checksum"]).select("run_id", "step", "value", unit="item")
    dead = spells(tables).filter(pl.col("layer") == 1, pl.col("died") < pl.col("end"))
    then = dead.join(bits, left_on=["run_id", "unit", "died"], right_on=["run_id", "unit", "step"])
    both = then.join(bits, left_on=["run_id", "unit", "end"], right_on=["run_id", "unit", "step"], suffix="_end")
    changed = pl.col("unit").filter(pl.col("value") != pl.col("value_end"))
    return both.group_by("run_id").agg(value=changed.n_unique())


def _never(
    number: int, statement: str, source: str, counted: str, conditions: tuple[Condition, ...], note: str
) -> Claim:
    """Return a claim that something never happens: an exact count, which must be 0."""
    return Claim(
        id=number, statement=statement, source=source, statistic=f"{counted}, counted", kind="exact test",
        direction="below", threshold=1, smallest=1, conditions=conditions, note=note,
    )  # fmt: skip


def _revivals(layer: int, where: Where) -> Measurement:
    return total_of(of_spells(REVIVALS, layer=layer, without=0), where)


def _share(where: Where, layer: int) -> Measurement:
    return mean_of(of_spells(REVIVED_SHARE, layer=layer), where, bounds=(0, 1))


def _cases(names: Iterable[str], variant: str) -> Cases:
    return {OPTIMIZERS[name]: case(name, variant) for name in names}


_PLAIN = _cases(HIGH, "high")
_BOTH_RATES = {
    f"{OPTIMIZERS[name]}, rate {rates[name]:g}": case(name, kind) for name in LOW for kind, rates in RATES.items()
}
#: (name, layer, runs in which no layer before it moves, their pairs in which all do)
_FROZEN = [
    (f"{OPTIMIZERS[name]}, layer {layer}", layer, case(name, frozen), case(name, "high"))
    for name in LOW
    for layer, frozen in ((2, "frozen_1"), (3, "frozen_2"))
]
_LEFT_DEAD = pl.col("until").is_null().sum().cast(pl.Int64)
_MORE_DEAD = of_spells(_LEFT_DEAD - dead_at(HALFWAY).sum().cast(pl.Int64), without=0)
_WAKEN = of_spells(pl.col("until").is_not_null().mean(), among=dead_at(HALFWAY))
_RARELY_ACTIVE = of_layers(1 - pl.col("dead_train").sum() / pl.col("batch_dead").sum())
_RATES = "Rates: " + ", ".join(f"{OPTIMIZERS[name]} {rate:g}" for name, rate in HIGH.items()) + "."
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
            Condition(f"{label}, layer {layer}", _share(where, layer))
            for layer in (1, 2, 3)
            for label, where in _PLAIN.items()
        ),
        note="Unlikely: fewer than one in ten until the end of training. A unit counts from the probe that finds it "
        f"dead. The inputs of later layers move while earlier ones learn; those of layer 1 never do. {_RATES}",
    ),
    _never(
        10, "A dead unit of the first layer never comes back", "answer", "revivals in layer 1",
        each(_PLAIN, lambda runs: _revivals(1, runs)),
        "A law under plain SGD: its gradient is 0 for good. Momentum and Adam carry it on for some steps.",
    ),
    Claim(
        id=32,
        statement="Earlier layers that move bring units of later ones back",
        source="comment",
        statistic=f"{_REVIVED}: nothing frozen less all earlier layers frozen",
        smallest=0.05,
        conditions=tuple(
            Condition(label, paired(of_spells(REVIVED_SHARE, layer=layer), frozen, free, bounds=(0, 1)))
            for label, layer, frozen, free in _FROZEN
        ),
        note="A pair in which no unit of the layer died on one side is lost.",
    ),
    _never(
        32, "With all earlier layers frozen no dead unit comes back", "comment", "revivals in the layer after them",
        tuple(Condition(label, _revivals(layer, frozen)) for label, layer, frozen, _ in _FROZEN),
        "The layer's inputs stand still, as those of layer 1 do. Adam's momentum may carry a unit on for some steps.",
    ),
    Claim(
        id=37,
        statement="Units that look dead on batches merely fire rarely",
        source="comment",
        statistic="share of the units inactive on a batch that are active on the training set, at the end",
        threshold=0.5,
        conditions=each(_BOTH_RATES, lambda runs: mean_of(_RARELY_ACTIVE, runs)),
        note="Inactive on a batch of 64: the mean over the steps between the last two probes.",
    ),
    Claim(
        id=37,
        statement="More epochs wake dead units",
        source="comment",
        statistic="share of the units dead halfway that a later probe finds active",
        smallest=0.05,
        conditions=each(_BOTH_RATES, lambda runs: mean_of(_WAKEN, runs, bounds=(0, 1))),
        note="As many epochs again; units of all layers.",
    ),
    Claim(
        id=37,
        statement="More epochs leave fewer units dead",
        source="comment",
        statistic="dead units at the end less those halfway, in the same run",
        direction="below",
        smallest=1,
        conditions=each(_BOTH_RATES, lambda runs: mean_of(_MORE_DEAD, runs)),
        note="As many epochs again. Some units wake, others die: this is what is left.",
    ),
    _never(
        39, "A dead unit's own weights stay as they are for good", "comment",
        "units of layer 1 of whose weights or bias a bit changed after they had died",
        each(_PLAIN, lambda runs: total_of(_moved, runs)),
        "Bits are compared by a checksum, at the probe that found the unit dead and at the end.",
    ),
    _never(
        6, "Equal decay of weights and bias cannot bring layer 1 back", "answer", "revivals in layer 1",
        each(_cases(LOW, "equal_decay"), lambda runs: _revivals(1, runs)),
        "Under plain SGD decay shrinks a dead unit's pre-activations and keeps their signs. Adam rescales the decay of "
        "each weight by itself, so that the unit's plane turns.",
    ),
    Claim(
        id=6,
        statement="Decay of the bias alone brings layer 1 back",
        source="answer",
        statistic=f"{_REVIVED}, layer 1",
        smallest=0.05,
        conditions=each(_cases(LOW, "bias_decay"), lambda runs: _share(runs, 1)),
        note="A unit comes back so only if it is its bias that holds it down: where its weights alone suffice, it "
        "stays dead.",
    ),
)  # fmt: skip

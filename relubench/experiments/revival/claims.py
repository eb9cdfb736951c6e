"""The claims about recovery."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import polars as pl

from relubench.experiments.cases import HIGH, PROPER, Cases, at, in_settings
from relubench.findings.claims import Claim, Condition, Tables, law, pooled, pooled_difference
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Metric, Where, measures_of, needing, or_zero
from relubench.findings.spells import EARLY, HALFWAY, LATE, REVIVALS, count_at, count_found, found, of_spells, spells

NAME = "revival"
NONE, FROZEN_1, FROZEN_2, LOWERED, EQUAL_DECAY, BIAS_DECAY = (
    {"factor.treatment": level} for level in ("none", "frozen_1", "frozen_2", "lowered", "equal_decay", "bias_decay")
)
AT_END, EVER, MOVED, ALL = pl.col("at_end"), pl.col("ever"), pl.col("moved"), pl.lit(True)
SGD = ("sgd",)
#: Settings with three hidden layers, and those in which rates are lowered.
THREE_LAYERS, LOWERED_IN = ("digits", "digits_wide", "fashion"), ("digits", "digits_wide")
WITH_DECAYS = ("digits", "moons")


def share(of: pl.Expr, where: Where, *, among: pl.Expr | None = None, layer: int | None = None) -> Measurement:
    """Measure the share of the units that a probe before the last found dead: those that are `of`."""
    chosen = of if among is None else of & among
    return pooled(count_found(chosen, layer=layer), count_found(among, layer=layer), where)


def _plain(rate: Where) -> Cases:
    return at(rate, NONE)


def _revivals(layer: int, where: Where) -> Measurement:
    """Measure the share of a layer's spells of death that end."""
    return pooled(of_spells(REVIVALS, layer=layer, without=0), of_spells(pl.len(), layer=layer, without=0), where)


@needing("unit_dead")
def born_alive(tables: Tables) -> pl.DataFrame:
    """Return the metric: how many units were alive at birth."""
    born = measures_of(tables, ["unit_dead"]).filter(pl.col("step") == 0)
    runs = tables.runs.filter(~pl.col("diverged")).select("run_id")
    return born.join(runs, on="run_id").group_by("run_id").agg(value=(pl.col("value") == 0).sum())


@needing("unit_dead")
def ever_died(tables: Tables) -> pl.DataFrame:
    """Return the metric: how many of the units alive at birth some later probe found dead."""
    units = spells(tables).group_by("run_id", "layer", "unit").agg(pl.col("died").first())
    counts = units.filter(pl.col("died") > 0).group_by("run_id").agg(value=pl.len())
    return or_zero(tables, counts)


def _of_layer_1(chosen: pl.Expr) -> Metric:
    """Return the metric: of the units of layer 1 that a probe before the last found dead, how many are `chosen`.

    That may name `moved`, whether a bit of its weights or bias is another at the end than when a probe found it dead,
    and `at_end`, whether it is alive then.
    """

    @needing("unit_dead", "plane_checksum")
    def values(tables: Tables) -> pl.DataFrame:
        bits = measures_of(tables, ["plane_checksum"]).select("run_id", "step", "value", unit="item")
        dead = spells(tables).filter(pl.col("layer") == 1, pl.col("died") < pl.col("end"))
        dead = dead.join(found(tables).select("run_id", "layer", "unit", "at_end"), on=["run_id", "layer", "unit"])
        at_death = dead.join(bits, left_on=["run_id", "unit", "died"], right_on=["run_id", "unit", "step"])
        both = at_death.join(
            bits, left_on=["run_id", "unit", "end"], right_on=["run_id", "unit", "step"], suffix="_end"
        )
        both = both.with_columns(moved=pl.col("value") != pl.col("value_end"))
        counts = both.group_by("run_id").agg(value=pl.col("unit").filter(chosen).n_unique())
        return or_zero(tables, counts)

    return values


MIDDLE = ~EARLY & ~LATE
#: When a unit died, as the share of the run that was over.
AGES = {"died in the first tenth": EARLY, "died later in the first half": MIDDLE, "died in the last half": LATE}
_DEAD = "share of the units that a probe found dead"
_UNLIKELY = "Unlikely: fewer than one in ten. A unit that flickers is active again, and may be dead at the end."


def _recovery(of: pl.Expr) -> tuple[Condition, ...]:
    """Measure at the high rate; beside it by layer and by age of death, and at the proper and at a lowered rate."""
    high = _plain(HIGH)
    parts = [in_settings(NAME, lambda runs: share(of, runs), high)]
    for layer in (1, 2, 3):
        settings = None if layer < 3 else THREE_LAYERS
        parts.append(
            in_settings(NAME, functools.partial(_of_layer, of, layer), high, worlds=settings,
                        label=f"layer {layer}", beside=True)
        )  # fmt: skip
    for age, among in AGES.items():
        parts.append(in_settings(NAME, functools.partial(_of_age, of, among), high, label=age, beside=True))
    parts.append(in_settings(NAME, lambda runs: share(of, runs), _plain(PROPER), label="proper rate", beside=True))
    lowered = at(HIGH, LOWERED)
    parts.append(in_settings(NAME, lambda runs: share(of, runs), lowered, label="rate lowered tenfold", beside=True))
    return tuple(itertools.chain.from_iterable(parts))


def _of_layer(of: pl.Expr, layer: int, runs: Where) -> Measurement:
    return share(of, runs, layer=layer)


def _of_age(of: pl.Expr, among: pl.Expr, runs: Where) -> Measurement:
    return share(of, runs, among=among)


def _wake(layer: int | None, runs: Where) -> Measurement:
    return pooled(count_at(HALFWAY, AT_END, layer=layer), count_at(HALFWAY, layer=layer), runs)


def _moved(of: pl.Expr, among: pl.Expr, *, label: str = "", beside: bool = False) -> tuple[Condition, ...]:
    """Measure a share of units of layer 1 found dead where optimisers remember gradients: those that are `of`."""
    counts = _of_layer_1(of & among), _of_layer_1(among)
    return in_settings(
        NAME, lambda runs: pooled(*counts, runs), at(HIGH, NONE), optimizers=("adam", "momentum"), label=label,
        beside=beside,
    )  # fmt: skip


def _unfrozen(layer: int, frozen: Where, settings: Sequence[str] | None, *, beside: bool) -> tuple[Condition, ...]:
    """Compare a layer whose earlier layers move with one whose earlier layers stand still."""

    def measure(runs: Where) -> Measurement:
        counts = count_found(AT_END, layer=layer), count_found(layer=layer)
        return pooled_difference(*counts, {**runs, **frozen}, {**runs, **NONE})

    return in_settings(NAME, measure, at(HIGH, frozen), worlds=settings, label=f"layer {layer}", beside=beside)


CLAIMS = (
    Claim(
        id=10,
        statement="A dead unit is unlikely to recover: to be alive at the end",
        source="answer 1",
        statistic=f"{_DEAD} and that are alive at the end, high rate",
        direction="below",
        threshold=0.1,
        conditions=_recovery(AT_END),
        note=_UNLIKELY,
    ),
    Claim(
        id=10,
        statement="A dead unit is unlikely to recover: to be ever active again",
        source="answer 1",
        statistic=f"{_DEAD} and a later one active, high rate",
        direction="below",
        threshold=0.1,
        conditions=_recovery(EVER),
        note=_UNLIKELY,
    ),
    law(
        id=10,
        statement="A dead unit of the first layer never comes back under plain SGD",
        source="answer 1",
        statistic="share of the spells of death in layer 1 that end",
        conditions=(
            *in_settings(NAME, lambda runs: _revivals(1, runs), at(HIGH, NONE), optimizers=SGD),
            *in_settings(NAME, lambda runs: _revivals(1, runs), at(PROPER, NONE), optimizers=SGD, label="proper rate",
                         beside=True),
        ),
        note="A law: its inputs are the data, so its slope is 0 on each for ever, and so is its gradient.",
    ),
    Claim(
        id=23,
        statement="A unit alive at birth dies by a step, more often at a large rate",
        source="answer 2",
        statistic="share of the units alive at birth that are ever dead, at the high rate less at the proper one",
        smallest=0.05,
        conditions=in_settings(
            NAME,
            lambda runs: pooled_difference(ever_died, born_alive, {**runs, **PROPER}, {**runs, **HIGH}),
            at(NONE),
            optimizers=("sgd", "adam"),
        ),
    ),
    Claim(
        id=32,
        statement="Units leave death due to updates earlier in the network",
        source="answer 3",
        statistic=f"{_DEAD} and that are alive at the end: earlier layers free less frozen, high rate",
        smallest=0.05,
        conditions=(
            *_unfrozen(2, FROZEN_1, None, beside=False),
            *_unfrozen(3, FROZEN_2, THREE_LAYERS, beside=True),
        ),
        note="The verdict goes by layer 2 under plain SGD.",
    ),
    law(
        id=32,
        statement="With all earlier layers frozen no dead unit comes back under plain SGD",
        source="answer 3",
        statistic="share of the spells of death in the layer after them that end",
        conditions=(
            *in_settings(NAME, lambda runs: _revivals(2, runs), at(HIGH, FROZEN_1), optimizers=SGD, label="layer 2"),
            *in_settings(NAME, lambda runs: _revivals(3, runs), at(HIGH, FROZEN_2), optimizers=SGD, worlds=THREE_LAYERS,
                         label="layer 3", beside=True),
        ),
        note="A law, as in layer 1: the layer's inputs stand still.",
    ),
    Claim(
        id=37,
        statement="More epochs wake dead units",
        source="answer 4",
        statistic="share of the units dead halfway that are alive at the end",
        smallest=0.05,
        conditions=(
            *in_settings(NAME, functools.partial(_wake, None), _plain(HIGH)),
            *in_settings(NAME, functools.partial(_wake, 1), _plain(HIGH), label="layer 1", beside=True),
            *in_settings(NAME, functools.partial(_wake, 2), _plain(HIGH), label="layer 2", beside=True),
            *in_settings(NAME, functools.partial(_wake, 3), _plain(HIGH), worlds=THREE_LAYERS, label="layer 3",
                         beside=True),
            *in_settings(NAME, functools.partial(_wake, None), _plain(PROPER), label="proper rate", beside=True),
        ),
        note="As many epochs again at the same rate; units of all layers.",
    ),
    law(
        id=39,
        statement="A dead unit's own weights cannot be offset: under plain SGD those of layer 1 stay as they are",
        source="answer 5",
        statistic="share of the units of layer 1 found dead of whose weights or bias a bit changed after that",
        conditions=in_settings(
            NAME, lambda runs: pooled(_of_layer_1(MOVED), _of_layer_1(ALL), runs), at(HIGH, NONE), optimizers=SGD
        ),
        note="A law. Bits are compared by a checksum, at the probe that found the unit dead and at the end.",
    ),
    Claim(
        id=39,
        statement="They are hardly offset under momentum and Adam either, which move them",
        source="answer 5",
        statistic="share of the units of layer 1 whose weights or bias moved after a probe had found them dead: those "
        "that are alive at the end",
        direction="below",
        threshold=0.1,
        conditions=(*_moved(AT_END, MOVED), *_moved(MOVED, ALL, label="moved, of all found dead", beside=True)),
        note="What the gradients were before it died moves it on, for some steps.",
    ),
    law(
        id=6,
        statement="Equal decay of weights and bias cannot bring layer 1 back under plain SGD",
        source="comment on the question",
        statistic="share of the spells of death in layer 1 that end",
        conditions=in_settings(
            NAME, lambda runs: _revivals(1, runs), at(HIGH, EQUAL_DECAY), optimizers=SGD, worlds=WITH_DECAYS
        ),
        note="A law: decay shrinks a dead unit's pre-activations and keeps their signs.",
    ),
    Claim(
        id=6,
        statement="Decay of the bias alone brings units of layer 1 back",
        source="comment on the question",
        statistic=f"{_DEAD} and that are alive at the end, layer 1: with a decay of .01 less without",
        smallest=0.05,
        conditions=in_settings(
            NAME,
            lambda runs: pooled_difference(
                count_found(AT_END, layer=1), count_found(layer=1), {**runs, **NONE}, {**runs, **BIAS_DECAY}
            ),
            at(HIGH, BIAS_DECAY),
            worlds=WITH_DECAYS,
        ),
        note="A unit comes back so only if it is its bias that holds it down: where its weights alone suffice, it "
        "stays dead.",
    ),
)  # fmt: skip

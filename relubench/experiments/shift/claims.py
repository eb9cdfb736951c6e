"""The claims about waking on other data."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import Cases, at, in_settings, of_levels
from relubench.experiments.shift.metrics import NAME, WHEN_CHANGED, woken
from relubench.findings.claims import Claim, Condition, law, pooled, pooled_difference
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Metric, Where, needing, needs_of
from relubench.findings.spells import HALFWAY, REVIVALS, count_at, of_spells
from relubench.sweeps.folders import Tables

CHANGE = "factor.change"
SAME = {CHANGE: "same"}
#: Those of the inputs, the one first by which the claims go; and of the labels.
OF_INPUTS = ("plus_1", "times_2", "permuted", "plus_03")
NEW_LABELS = ("new_labels",)


def _count(name: str) -> Metric:
    """Return the metric: how many units were dead at the end of the first task, or of these what another set wakes."""

    @needing(*needs_of(woken))
    def values(tables: Tables) -> pl.DataFrame:
        return woken(tables).group_by("run_id").agg(value=pl.col(name).sum())

    return values


def _woken_by(name: str, runs: Where) -> Measurement:
    return pooled(_count(name), _count("dead"), runs)


def _changes(levels: tuple[str, ...]) -> Cases:
    return of_levels(NAME, "change", levels)


def _revived(layer: int | None, runs: Where) -> Measurement:
    """Compare the units dead at the change that are alive at the end with those where nothing changes."""
    part, whole = (count_at(HALFWAY, among, layer=layer) for among in (pl.col("at_end"), None))
    return pooled_difference(part, whole, {**runs, **SAME}, runs)


def _revives(layer: int | None, changes: tuple[str, ...], *, beside: bool = False) -> tuple[Condition, ...]:
    return in_settings(NAME, functools.partial(_revived, layer), _changes(changes), beside=beside)


_NOTE = "Pairs share the seed and the whole first half, so the same units are dead at the change."

CLAIMS = (
    Claim(
        id=35,
        statement="A unit dead in training may be nonzero at test time",
        source="answer 4",
        statistic="share of the units dead on the training set that are active on the test set",
        conditions=in_settings(NAME, functools.partial(_woken_by, "test"), at(SAME)),
        note="May: the interval lies above 0. The test set is of the same distribution.",
    ),
    Claim(
        id=35,
        statement="A unit dead in training may be nonzero on inputs of another distribution",
        source="answer 4",
        statistic="share of the units dead on the training set that are active on the changed one, weights as they are",
        smallest=0.05,
        conditions=in_settings(NAME, functools.partial(_woken_by, "next_task"), _changes(OF_INPUTS)),
        note="The verdict goes by inputs moved by one standard deviation.",
    ),
    Claim(
        id=36,
        statement="New data in further training revive dead units",
        source="answer 4",
        statistic="share of the units dead at the change that are alive at the end, less that without a change",
        smallest=0.05,
        conditions=(*_revives(None, OF_INPUTS), *_revives(None, NEW_LABELS, beside=True)),
        note=f"Training goes on at a tenth of the rate. {_NOTE} The verdict goes by inputs moved by one standard "
        "deviation.",
    ),
    Claim(
        id=36,
        statement="New data in further training revive dead units of layer 1",
        source="answer 4",
        statistic="share of layer 1's units dead at the change that are alive at the end, less that without a change",
        smallest=0.05,
        conditions=_revives(1, OF_INPUTS),
        note=f"The first layer's inputs are the data: they wake its units only by moving. {_NOTE}",
    ),
    law(
        id=36,
        statement="New labels alone never revive layer 1 under plain SGD",
        source="answer 4",
        statistic="share of the units of layer 1 dead at the change that come back",
        conditions=in_settings(
            NAME,
            lambda runs: pooled(
                of_spells(REVIVALS, layer=1, among=WHEN_CHANGED, without=0),
                of_spells(pl.len(), layer=1, among=WHEN_CHANGED, without=0),
                runs,
            ),
            _changes(NEW_LABELS),
            optimizers=("sgd",),
        ),
        note="A law: with the same inputs the gradient stays 0, whatever the labels.",
    ),
)

"""The claims about waking on other data."""

from __future__ import annotations

from relubench.experiments.designs import titles
from relubench.experiments.shift.metrics import WAKE, WHEN_CHANGED, woken_by
from relubench.findings.claims import Claim, Condition, mean_of, paired, total_of
from relubench.findings.claims.metrics import Where
from relubench.findings.spells import REVIVALS, of_spells

OPTIMIZERS = titles("shift", "optimizer")
#: The changes by level.
CHANGES = {level: title for level, title in titles("shift", "change").items() if level != "same"}


def _at(optimizer: str, change: str) -> Where:
    return {"factor.optimizer": optimizer, "factor.change": change}


def _claim_36(statement: str, layer: int | None, note: str) -> Claim:
    """Return a claim that a change of the data wakes more dead units than going on with the same data."""
    metric = of_spells(WAKE, layer=layer, among=WHEN_CHANGED)
    return Claim(
        id=36,
        statement=statement,
        source="comment",
        statistic="share of the units dead at the change that a later probe finds active, less that without a change",
        smallest=0.05,
        conditions=tuple(
            Condition(f"{title}, {label}", paired(metric, _at(name, "same"), _at(name, change), bounds=(0, 1)))
            for change, title in CHANGES.items()
            for name, label in OPTIMIZERS.items()
        ),
        note=note,
    )


CLAIMS = (
    Claim(
        id=35,
        statement="A unit dead in training may be alive at test",
        source="comment",
        statistic="share of the units dead on the training set that are active on the other inputs",
        smallest=0.05,
        conditions=(
            *(
                Condition(f"same distribution, {label}", mean_of(woken_by("test"), _at(name, "same"), bounds=(0, 1)))
                for name, label in OPTIMIZERS.items()
            ),
            *(
                Condition(f"{title}, {label}", mean_of(woken_by("next_task"), _at(name, change), bounds=(0, 1)))
                for change, title in CHANGES.items()
                if change != "new_labels"
                for name, label in OPTIMIZERS.items()
            ),
        ),
        note="Same distribution: the test set. Else: the changed training inputs; weights as the first task left them.",
    ),
    _claim_36(
        "New data or fine-tuning revives dead units",
        None,
        "Fine-tuning: training goes on at a tenth of the first rate. Pairs share the seed and the whole first task, so "
        "the same units are dead.",
    ),
    _claim_36(
        "New data or fine-tuning revives dead units of layer 1",
        1,
        "The first layer's inputs are the data: they wake its units only by moving.",
    ),
    Claim(
        id=36,
        statement="New labels alone never revive layer 1",
        source="comment",
        statistic="revivals in layer 1 of units dead at the change, counted",
        kind="exact test",
        direction="below",
        threshold=1,
        smallest=1,
        conditions=tuple(
            Condition(
                label,
                total_of(
                    of_spells(REVIVALS, layer=1, among=WHEN_CHANGED, without=0),
                    _at(name, "new_labels"),
                ),
            )
            for name, label in OPTIMIZERS.items()
        ),
        note="A law under plain SGD: with the same inputs the gradient stays 0, whatever the labels.",
    ),
)

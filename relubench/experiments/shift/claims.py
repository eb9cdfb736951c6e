"""The claims about waking on other data."""

from __future__ import annotations

from relubench.experiments.cases import crossed, each, of_levels
from relubench.experiments.designs import titles
from relubench.experiments.shift.metrics import WAKE, WHEN_CHANGED, woken_by
from relubench.findings.claims import Claim, mean_of, paired, total_of
from relubench.findings.spells import REVIVALS, of_spells

CHANGE = "factor.change"
OPTIMIZERS = of_levels("shift", "optimizer")
#: The levels that change the data, and those of them that change the inputs.
CHANGES = [level for level in titles("shift", "change") if level != "same"]
OF_INPUTS = [level for level in CHANGES if level != "new_labels"]


def _claim_36(statement: str, layer: int | None, note: str) -> Claim:
    """Return a claim that a change of the data wakes more dead units than going on with the same data."""
    metric = of_spells(WAKE, layer=layer, among=WHEN_CHANGED)
    return Claim(
        id=36,
        statement=statement,
        source="comment",
        statistic="share of the units dead at the change that a later probe finds active, less that without a change",
        smallest=0.05,
        conditions=each(
            crossed(of_levels("shift", "change", CHANGES), OPTIMIZERS),
            lambda runs: paired(metric, {**runs, CHANGE: "same"}, runs, bounds=(0, 1)),
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
            *each(
                crossed({"same distribution": {CHANGE: "same"}}, OPTIMIZERS),
                lambda runs: mean_of(woken_by("test"), runs, bounds=(0, 1)),
            ),
            *each(
                crossed(of_levels("shift", "change", OF_INPUTS), OPTIMIZERS),
                lambda runs: mean_of(woken_by("next_task"), runs, bounds=(0, 1)),
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
        conditions=each(
            crossed(OPTIMIZERS, {"": {CHANGE: "new_labels"}}),
            lambda runs: total_of(of_spells(REVIVALS, layer=1, among=WHEN_CHANGED, without=0), runs),
        ),
        note="A law under plain SGD: with the same inputs the gradient stays 0, whatever the labels.",
    ),
)

"""What is published of networks with constant output after training, from He's initialisation and from RAI."""

from __future__ import annotations

from relubench.findings.claims import Claim, Number
from relubench.findings.claims.metrics import Where

_START = "factor.start"


def after_training(name: str, setting: str, where: Where, *, he: float, rai: float) -> Claim:
    """Return the claim of row 2 about the runs `where` on the target `name`: more than at birth, and fewer with RAI."""
    born = Number(f"{name}, He at birth", "born_collapsed", {**where, _START: "he"}, "share of runs")
    trained = {
        start: Number(f"{name}, {title}", "collapsed", {**where, _START: start}, "share of runs")
        for start, title in (("he", "He"), ("rai", "RAI"))
    }
    return Claim(
        id=2,
        kind="published",
        statement=setting,
        source="Lu et al. 2020",
        statistic="share of networks with constant output after training",
        conditions=(
            trained["he"].beside(he, rounding=5e-4, less=born),
            trained["rai"].beside(rai, rounding=5e-4, less=trained["he"], sign=-1),
        ),
        note="tried with Adam at rate .001 on batches of 128; the source may train otherwise, and longer (size=full)",
    )

"""The randomised asymmetric initialisation before any training (row 2)."""

from __future__ import annotations

from relubench.experiments.published.born.claims import CONSTANT
from relubench.findings.claims import Claim, Number
from relubench.findings.claims.published import MONTE_CARLO

#: The share with He's initialisation, of the same source.
_HE, _ = CONSTANT["w2_l10"]

CLAIMS = (
    Claim(
        id=2,
        kind="published",
        statement="1-D input, RAI, 10 affine layers, hidden width 2",
        source=MONTE_CARLO,
        statistic="share of networks with constant output at initialisation",
        conditions=(
            Number("born", "born_collapsed", {}, "share of runs").beside(0.24, rounding=0.005, less=_HE, sign=-1),
        ),
    ),
)

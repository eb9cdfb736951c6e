"""A positive initial bias in the hidden layers (row 3)."""

from __future__ import annotations

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Number
from relubench.findings.claims.published import MONTE_CARLO

_BORN = {
    level: Number(f"bias {title}", "born_collapsed", {"factor.bias": level}, "share of runs")
    for level, title in titles("published/born_biased", "bias").items()
}

CLAIMS = (
    Claim(
        id=3,
        kind="published",
        statement="1-D input, He normal, 10 affine layers, hidden width 2, one positive bias in all hidden units",
        source=MONTE_CARLO,
        statistic="share of networks with constant output at initialisation",
        conditions=(
            _BORN["zero"].beside(0.88, rounding=0.005),
            *(
                _BORN[level].beside(value, rounding=0.005, less=_BORN["zero"], sign=-1)
                for level, value in (("plus_001", 0.44), ("plus_01", 0.44), ("plus_1", 0.45))
            ),
        ),
        note="the smaller the bias, the nearer to 0 outputs bend, and the more inputs it takes to see it",
    ),
)

"""A positive initial bias in the hidden layers (row 3)."""

from __future__ import annotations

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Number
from relubench.findings.claims.published import MONTE_CARLO

_BORN = {
    level: Number(f"bias {title}", "born_collapsed", {"factor.bias": level}, "share of runs")
    for level, title in titles("published/born_biased", "bias").items()
}
#: Shares and their standard errors, of a million networks each (tests/support/born.py, seed 0).
SHARES = {
    "zero": (0.88086, 0.00032),
    "plus_001": (0.442745, 0.0005),
    "plus_01": (0.430912, 0.0005),
    "plus_1": (0.452972, 0.0005),
}

CLAIMS = (
    Claim(
        id=3,
        kind="published",
        statement="51 even inputs of [-sqrt(3), sqrt(3)], He normal, 10 affine layers of hidden width 2, one positive "
        "bias in all hidden units",
        source=MONTE_CARLO,
        statistic="share of networks with constant output at initialisation",
        conditions=tuple(
            _BORN[level].beside(share, error=error, less=1.0 if level == "zero" else _BORN["zero"], sign=-1)
            for level, (share, error) in SHARES.items()
        ),
        note="the smaller the bias, the nearer to 0 outputs bend, and the more inputs it takes to see it: so the "
        "inputs are part of the number",
    ),
)

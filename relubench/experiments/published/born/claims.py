"""Networks whose output is constant before any training (row 1)."""

from __future__ import annotations

import functools

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Number
from relubench.findings.claims.published import MONTE_CARLO

_TITLES = titles("published/born", "network")
#: Shares, and half a unit of their last digits.
CONSTANT = {
    "w2_l10": (0.880, 5e-4),
    "w2_l11": (0.910, 5e-4),
    "w3_l10": (0.580, 5e-4),
    "w3_l11": (0.627, 5e-4),
    "w5_l10": (0.130, 5e-4),
    "w5_l11": (0.156, 5e-4),
    "w10_l10": (0.0014, 5e-5),
    "w10_l11": (0.002, 5e-4),
}


def _born(label: str, network: str) -> Number:
    return Number(label, "born_collapsed", {"factor.network": network}, "share of runs")


_THREE, _FIVE, _TEN = (_born(f"width {width}", f"w{width}_l10") for width in (3, 5, 10))

_claim = functools.partial(
    Claim, id=1, kind="published", statistic="share of networks with constant output at initialisation"
)

CLAIMS = (
    _claim(
        statement="1-D input, He normal, zero bias, 10 layers of one width",
        source="Lu et al. 2020",
        conditions=(
            _THREE.beside(0.60, "~", 0.05),
            _FIVE.beside(0.10, ">"),
            _TEN.beside(0.01, "<", less=_FIVE, sign=-1),
        ),
    ),
    _claim(
        statement="1-D input, He normal, zero bias, affine layers of one hidden width",
        source=MONTE_CARLO,
        conditions=tuple(
            _born(_TITLES[network], network).beside(value, rounding=rounding)
            for network, (value, rounding) in CONSTANT.items()
        ),
    ),
)

"""Dormant units with fixed and with reshuffled labels (row 10)."""

from __future__ import annotations

import functools

import polars as pl

from relubench.findings.claims import Claim, Number, of_layers


def _dormant(label: str, level: str, step: int | None = None) -> Number:
    share = pl.col("dormant_train").sum() / pl.col("units").sum()
    return Number(label, of_layers(share, step=step), {"factor.labels": level})


_claim = functools.partial(
    Claim, id=10, kind="published", source="Sokar et al. 2023", statistic="share of .025-dormant units"
)
_START, _END = _dormant("fixed labels, start", "fixed", step=0), _dormant("fixed labels, end", "fixed")

CLAIMS = (
    _claim(
        statement="CIFAR-10, fixed labels",
        conditions=(_START.beside(0.10, "~", 0.01), _END.beside(0.02, "~", 0.01, less=_START, sign=-1)),
        note="read off a figure; needs CIFAR-10, and the source's convolutions; tried with dense layers on "
        "Fashion-MNIST",
    ),
    _claim(
        statement="CIFAR-10, labels reshuffled every 20 epochs",
        conditions=(_dormant("reshuffled labels, end", "reshuffled").beside(0.35, "~", 0.05, less=_END),),
        note="30 to 40 %; read off a figure; needs CIFAR-10, and the source's convolutions; tried with dense layers on "
        "Fashion-MNIST",
    ),
)

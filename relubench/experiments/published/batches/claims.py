"""Dead units by layer over Adam's rate and the batch size, from a notebook on MNIST (row 14)."""

from __future__ import annotations

import polars as pl

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Condition, Number, of_layers

#: By layer, as published.
_DEAD = {
    "b128_1": (0.9688, 0.9062, 0.875),
    "b128_01": (0.2812, 0.1562, 0.1875),
    "b256_5": (0.9844, 0.9688, 1.0),
    "b256_1": (0.9375, 1.0, 1.0),
    "b256_01": (0.1641, 0.0938, 0.1562),
    "b256_001": (0.0, 0.0938, 0.125),
}
#: What each is told from: the high rates from .01 of the same batch, the low ones from .1.
_REFERENCES = {
    "b128_1": "b128_01", "b128_01": "b128_1",
    "b256_5": "b256_01", "b256_1": "b256_01", "b256_01": "b256_1", "b256_001": "b256_1",
}  # fmt: skip
_TITLES = titles("published/batches", "training")


def _layer(training: str, layer: int) -> Number:
    dead = of_layers(pl.col("dead_train").sum() / pl.col("units").sum(), layer=layer)
    return Number(f"{_TITLES[training]}, layer {layer}", dead, {"factor.training": training})


def _beside(training: str, layer: int, dead: float) -> Condition:
    reference = _REFERENCES[training]
    sign = 1 if dead > _DEAD[reference][layer - 1] else -1
    return _layer(training, layer).beside(dead, rounding=5e-5, less=_layer(reference, layer), sign=sign, one_run=True)


CLAIMS = (
    Claim(
        id=14,
        kind="published",
        statement="784-128-64-32-10, ReLU, Adam, 5 epochs",
        source="notebook on MNIST, December 2025",
        statistic="share of dead units of the layer",
        conditions=tuple(
            _beside(training, layer, dead)
            for training, shares in _DEAD.items()
            for layer, dead in enumerate(shares, start=1)
        ),
        note="needs MNIST; the source has one network, and tells neither its start nor on which images it counts",
    ),
)

"""Dead units by layer of a network that Adam has trained on MNIST (row 8)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Number, of_measures

_WIDTH = 256
#: By layer, as published.
_DEAD = (0.277, 0.121, 0.356, 0.441, 0.656)


def _layer(layer: int) -> Number:
    """Return the share of a layer's units that are dead on the first 1,024 training examples."""
    dead = of_measures(pl.col("dead_on_first").filter(pl.col("item") == 10).sum() / _WIDTH, layer=layer)
    return Number(f"layer {layer}", dead, {})


CLAIMS = (
    Claim(
        id=8,
        kind="published",
        statement="784-[256]x5-10, Glorot, Adam .005, batch 128, 12 epochs",
        source="depth notebook on MNIST",
        statistic="share of units of the layer that are dead on 1,000 examples",
        conditions=tuple(
            _layer(layer).beside(
                dead,
                rounding=5e-4,
                less=_layer(layer - 1) if below else 0.0,
                sign=1 if dead > below else -1,
                one_run=True,
            )
            for layer, (dead, below) in enumerate(zip(_DEAD, (0.0, *_DEAD), strict=False), start=1)
        ),
        note="needs MNIST",
    ),
)

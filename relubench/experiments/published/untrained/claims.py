"""Dead units by layer of one deep untrained network (row 6)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Condition, Number, of_layers

#: By layer, on the source's figure.
_DEAD = (0.0, 0.0, 0.0273, 0.1055, 0.3477, 0.4688, 0.4531, 0.4766, 0.5625, 0.4375)


def _layer(layer: int) -> Number:
    return Number(f"layer {layer}", of_layers(pl.col("dead_train").sum() / pl.col("units").sum(), layer=layer), {})


def _beside(layer: int, dead: float) -> Condition:
    """The layers without any dead unit have fewer than the first one that has some, the others more than the second."""
    less, sign = (_layer(2), 1) if dead else (_layer(3), -1)
    return _layer(layer).beside(dead, rounding=5e-5, less=less, sign=sign, one_run=True)


CLAIMS = (
    Claim(
        id=6,
        kind="published",
        statement="784-[256]x5-[128]x5-10, PyTorch's default initialisation, Fashion-MNIST from -1 to 1, untrained",
        source="UvA deep learning tutorial 3",
        statistic="share of dead units of the layer on the training images",
        conditions=(
            _layer(9)._replace(label="layer 9, text").beside(0.56, ">", less=_layer(2), one_run=True),
            *(_beside(layer, dead) for layer, dead in enumerate(_DEAD, start=1)),
        ),
        note="one network, counted on 50,000 of the 60,000 training images",
    ),
)

"""Dead units by layer of one deep untrained network (row 6)."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench.experiments.published.extras import lacks_fashion_mnist, lacks_pytorch
from relubench.findings.claims import Claim, Condition, Effect, Number, Tables, of_layers
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.published import Published, Relation

#: By layer, as printed.
_DEAD = (0.0, 0.0, 0.0273, 0.1055, 0.3477, 0.4688, 0.4531, 0.4766, 0.5625, 0.4375)
#: The last but one, of which the text says: more than 56 %.
_TOLD = (9, 0.56)
_SETTING = "784-[256]x5-[128]x5-10, PyTorch's default initialisation, Fashion-MNIST from -1 to 1, untrained"
_SOURCE = "UvA deep learning tutorial 3"


def _counted(layer: int, value: float, relation: Relation = "=", rounding: float = 0.0, told: str = "") -> Condition:
    """Return the condition of the tutorial's own network, which is counted, so that nothing is left to chance."""

    def effect(tables: Tables) -> Effect:
        from relubench.experiments.published.untrained import tutorial

        share = tutorial.dead_shares()[layer - 1]
        return Effect(share, share, share, 1, lambda bound: np.nan)

    lacks = lacks_pytorch() or lacks_fashion_mnist()
    label = f"network 42, layer {layer}{told}"
    return Condition(label, Measurement(effect, (), (), lacks=lacks), Published(value, relation, rounding))


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
        statement=f"{_SETTING}: the network that PyTorch draws from seed 42, and the 50,000 images of that seed",
        source=_SOURCE,
        statistic="share of dead units of the layer on the training images, counted by relubench",
        conditions=(
            _counted(*_TOLD, ">", told=", text"),
            *(_counted(layer, dead, rounding=5e-5) for layer, dead in enumerate(_DEAD, start=1)),
        ),
        note="the very network, so it is counted and has no interval",
    ),
    Claim(
        id=6,
        kind="published",
        statement=f"{_SETTING}: networks that relubench draws, and 50,000 images",
        source=_SOURCE,
        statistic="share of dead units of the layer on the training images, over networks",
        conditions=(
            _layer(_TOLD[0])
            ._replace(label=f"layer {_TOLD[0]}, text")
            .beside(_TOLD[1], ">", less=_layer(2), one_run=True),
            *(_beside(layer, dead) for layer, dead in enumerate(_DEAD, start=1)),
        ),
        note="the source has one network, which is put beside the range in which another of ours would lie",
    ),
)

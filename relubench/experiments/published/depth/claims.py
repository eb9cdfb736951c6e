"""Silent units by layer of networks that Adam has trained on MNIST (rows 8 and 13)."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import polars as pl

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Condition, Number, of_measures

#: The source looks at the first training images: a unit is dead if none of them lifts its activation above 0.
_EXAMPLES = 1000
#: By layer, as published.
_SILENT = {
    "relu": (0.277, 0.121, 0.356, 0.441, 0.656),
    "leaky_relu": (0.2695, 0.25, 0.4492, 0.5938, 0.2734),
    "elu": (0.0391, 0.0117, 0.3203, 0.6953, 0.8203),
}
_TITLES = titles("published/depth", "activation")


def _layer(layer: int, activation: str = "relu") -> Number:
    silent = of_measures((pl.col("unit_first_positive") >= _EXAMPLES).mean(), layer=layer)
    return Number(f"{_TITLES[activation]}, layer {layer}", silent, {"factor.activation": activation})


def _by_layer() -> Iterator[Condition]:
    """ReLU, each layer against the one below."""
    for layer, (silent, below) in enumerate(zip(_SILENT["relu"], (0.0, *_SILENT["relu"]), strict=False), start=1):
        less, sign = _layer(layer - 1) if below else 0.0, 1 if silent > below else -1
        yield _layer(layer).beside(silent, rounding=5e-4, less=less, sign=sign, one_run=True)


def _by_activation(activation: str) -> Iterator[Condition]:
    """Another activation, against ReLU in each layer."""
    for layer, (silent, plain) in enumerate(zip(_SILENT[activation], _SILENT["relu"], strict=True), start=1):
        sign = 1 if silent > plain else -1
        yield _layer(layer, activation).beside(silent, rounding=5e-5, less=_layer(layer), sign=sign, one_run=True)


_claim = functools.partial(
    Claim,
    kind="published",
    source="depth notebook on MNIST",
    statistic="share of units of the layer whose activation is at most 0 on the first 1,000 training images",
)

CLAIMS = (
    _claim(
        id=8,
        statement="784-[256]x5-10, ReLU, Glorot, Adam .005, batch 128, 12 epochs",
        conditions=tuple(_by_layer()),
        note="needs MNIST: data.root=DIR with its IDX files, or a network to fetch it by",
    ),
    _claim(
        id=13,
        statement="784-[256]x5-10, leaky ReLU .01 and ELU, Glorot, Adam .005, batch 128, 12 epochs",
        conditions=(*_by_activation("leaky_relu"), *_by_activation("elu")),
        note="the source calls these units dead and concludes that both activations prevent death: by its own numbers "
        "they are silent, which a leaky unit or an ELU can be without being dead; needs MNIST",
    ),
)

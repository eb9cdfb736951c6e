"""Published numbers that ours are put beside, each with its place, and the rule that compares them.

Only a run on the source's own data and at its own size can pass or fail; for any other the rule says no more than
whether the effect that the source found has the same sign in our runs. Shares are between 0 and 1. The sources are in
docs/references.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from relubench.errors import UserError

Relation = Literal["=", "~", ">", "<"]
Outcome = Literal["pass", "fail", "same direction", "other direction", "not decided"]

#: The source of numbers that nobody published: simulations written without this code, with the same definitions.
MONTE_CARLO = "independent Monte Carlo"


class Published(NamedTuple):
    """One published number and how to compare ours with it."""

    row: int  # 1 to 10, as in the table of docs/references.md
    part: str  # which of the row's numbers; unique within row and source
    source: str
    setting: str  # network, initialisation, data, training
    statistic: str  # what the number is of
    value: float
    rounding: float  # half-width of the values that print as this one
    relation: Relation  # "=" as printed, "~" about (said so, or read off a figure), ">" more than, "<" less than
    unit: str
    exact_setting: bool  # whether relubench's default run has the source's own data and size
    reference: float | str  # what the effect is measured from: a number, or the name of one of ours in its study
    sign: int  # +1 if the source finds more than `reference`, -1 if it finds less
    one_run: bool = False  # one run of the source: ours must be the range of 99 % of runs, not that of the mean
    note: str = ""


class Estimate(NamedTuple):
    """A number from our runs. Value and ends are NaN where they could not be had."""

    value: float
    low: float  # ends of the 99 % interval, or of the range of 99 % of runs where the source has one run
    high: float
    runs: int


def compare(published: Published, ours: Estimate, effect: Estimate) -> Outcome:
    """Return how our number stands beside a published one; `effect` is ours less the published number's reference.

    At the source's own data and size ours decides: "pass" if the published relation `holds`, else "fail". Elsewhere
    the effect does: "same direction" if its whole interval lies on the side where the source finds it, "other
    direction" if on the other side, "not decided" if it reaches to both or could not be had. A row whose default was
    not run (shrunken, on other data) is passed with `exact_setting=False`. Raises UserError for a value or, where it
    decides, an interval of ours that isn't one.
    """
    if not math.isfinite(ours.value):
        raise UserError(f"value: published row {published.row} is compared with a finite number, not {ours.value}")
    if not published.exact_setting:
        return _direction(published.sign, effect)
    if not ours.low <= ours.high:
        raise UserError(f"low, high: they take the ends of an interval, not {ours.low} and {ours.high}")
    return "pass" if holds(published, ours.low, ours.high) else "fail"


def _direction(sign: int, effect: Estimate) -> Outcome:
    ends = sign * effect.low, sign * effect.high
    if min(ends) > 0:
        return "same direction"
    return "other direction" if max(ends) < 0 else "not decided"


def holds(published: Published, low99: float, high99: float) -> bool:
    """Return whether a 99 % interval agrees with a published number.

    It does if the number lies in the interval widened by its rounding ("=", "~"), or if the interval reaches to the
    right side of it (">", "<").
    """
    if published.relation == ">":
        return high99 > published.value
    if published.relation == "<":
        return low99 < published.value
    return low99 - published.rounding <= published.value <= high99 + published.rounding


_LU = "Lu et al. 2020"
_DOHARE = "Dohare et al. 2024"
_SOKAR = "Sokar et al. 2023"

#: Networks with constant output at initialisation: (width, affine layers) -> share, half a unit of its last digit.
_BORN_CONSTANT = {
    (2, 10): (0.880, 5e-4),
    (2, 11): (0.910, 5e-4),
    (3, 10): (0.580, 5e-4),
    (3, 11): (0.627, 5e-4),
    (5, 10): (0.130, 5e-4),
    (5, 11): (0.156, 5e-4),
    (10, 10): (0.0014, 5e-5),
    (10, 11): (0.002, 5e-4),
}


def _born_dead() -> Iterator[Published]:
    """Row 1: networks whose output is constant before any training."""
    template = Published(
        row=1,
        part="",
        source=_LU,
        setting="1-D input, He normal, zero bias, 10 layers of one width",
        statistic="share of networks with constant output at initialisation",
        value=math.nan,
        rounding=0.0,
        relation="=",
        unit="share",
        exact_setting=True,
        reference=0.0,
        sign=1,
    )
    yield template._replace(
        part="width 2",
        setting="10 layers of width 2, He normal, zero bias, trained on |x|, 1,000 networks",
        statistic="share of networks with constant output after training",
        value=0.90,
        relation=">",
        exact_setting=False,
        reference="width 2 at birth",
        note="counted after training, so more than are born so; the training is not documented well enough to repeat",
    )
    yield template._replace(part="width 3", value=0.60, rounding=0.05, relation="~")
    yield template._replace(part="width 5", value=0.10, relation=">")
    yield template._replace(part="width 10", value=0.01, relation="<", reference="width 5", sign=-1)
    for (width, layers), (value, rounding) in _BORN_CONSTANT.items():
        yield template._replace(
            part=f"width {width}, {layers} affine layers",
            source=MONTE_CARLO,
            setting=f"1-D input, He normal, zero bias, {layers} affine layers, hidden width {width}",
            value=value,
            rounding=rounding,
        )


def _asymmetric() -> Iterator[Published]:
    """Row 2: the randomised asymmetric initialisation, before and after training."""
    template = Published(
        row=2,
        part="born",
        source=MONTE_CARLO,
        setting="1-D input, RAI, 10 affine layers, hidden width 2",
        statistic="share of networks with constant output at initialisation",
        value=0.24,
        rounding=0.005,
        relation="=",
        unit="share",
        exact_setting=True,
        reference=_BORN_CONSTANT[2, 10][0],  # the same with He's initialisation
        sign=-1,
    )
    yield template
    narrow = "10 layers of width 2, 1,000 networks"
    trained = (
        ("x sin 5x", narrow, 0.919, 0.292),
        ("step and sine", narrow, 0.938, 0.326),
        ("two inputs, two outputs", "a target with two inputs and outputs, 1,000 networks", 0.768, 0.096),
    )
    for name, network, he, rai in trained:
        for init, value, reference, sign in (("He", he, f"{name}, He at birth", 1), ("RAI", rai, f"{name}, He", -1)):
            yield template._replace(
                part=f"{name}, {init}",
                source=_LU,
                setting=f"{network}, {init} initialisation, trained on {name}",
                statistic="share of networks with constant output after training",
                value=value,
                rounding=5e-4,
                exact_setting=False,
                reference=reference,
                sign=sign,
                note="optimiser, rate and steps unconfirmed",
            )


def _positive_bias() -> Iterator[Published]:
    """Row 3: a constant initial bias in the hidden layers."""
    for bias, value in ((0.0, 0.88), (0.01, 0.44), (0.1, 0.44), (1.0, 0.45)):
        yield Published(
            row=3,
            part=f"bias {bias:g}",
            source=MONTE_CARLO,
            setting="1-D input, He normal, 10 affine layers, hidden width 2, one positive bias in all hidden units",
            statistic="share of networks with constant output at initialisation",
            value=value,
            rounding=0.005,
            relation="=",
            unit="share",
            exact_setting=True,
            reference="bias 0" if bias else 0.0,
            sign=-1 if bias else 1,
            note="the smaller the bias, the nearer to 0 outputs bend, and the more inputs it takes to see it",
        )


def _signal() -> Iterator[Published]:
    """Rows 4 and 5: how the second moment of the activations moves and spreads over the layers."""
    gain = Published(
        row=4,
        part="",
        source="initialisation post shown in the answers",
        setting="linear 784 to 100, then 5 x 100 ReLU, weights N(0, sigma), zero bias",
        statistic="expected second moment of a ReLU layer's activations over that of its inputs",
        value=math.nan,
        rounding=0.005,
        relation="=",
        unit="ratio",
        exact_setting=True,
        reference=1.0,
        sign=-1,
        note="100 sigma^2 / 2, whatever the inputs",
    )
    yield gain._replace(part="sigma .10", value=0.5)
    yield gain._replace(part="sigma .14", value=0.98)
    yield gain._replace(part="sigma .28", value=3.92, sign=1)
    yield gain._replace(
        row=5,
        part="n = 100, 20 layers",
        source="Hanin & Rolnick 2018",
        setting="20 ReLU layers of width 100, He Gaussian, zero bias, one input",
        statistic="E[M^2] / E[M]^2 of the mean square M of the last hidden activations",
        value=2.65,
        sign=1,
        note="(1 + 5/100)^20",
    )


def _untrained_images() -> Iterator[Published]:
    """Row 6: dead units by layer of one deep untrained network."""
    template = Published(
        row=6,
        part="layer 9, text",
        source="UvA deep learning tutorial 3",
        setting="784-[256]x5-[128]x5-10, PyTorch's default initialisation, Fashion-MNIST scaled to -1 ... 1, untrained",
        statistic="share of dead units of the layer on the training images",
        value=0.56,
        rounding=0.0,
        relation=">",
        unit="share",
        exact_setting=False,
        reference="layer 2",
        sign=1,
        one_run=True,
        note="one network, counted on 50,000 of the 60,000 training images",
    )
    yield template
    dead = (0.0, 0.0, 0.0273, 0.1055, 0.3477, 0.4688, 0.4531, 0.4766, 0.5625, 0.4375)
    for layer, value in enumerate(dead, start=1):
        printed = template._replace(part=f"layer {layer}", value=value, rounding=5e-5, relation="=")
        # the layers without any have fewer than the first one that has some
        yield printed if value else printed._replace(reference="layer 3", sign=-1)


def _rates_and_depth() -> Iterator[Published]:
    """Rows 7 and 8: two studies on the web, whose data or details are not at hand."""
    study = Published(
        row=7,
        part="rate 1e-3",
        source="GitHub study of the 40 %",
        setting="8 inputs, 2 x 64 ReLU, He, Adam, batch 256",
        statistic="share of dead units after training",
        value=0.003,
        rounding=5e-4,
        relation="=",
        unit="share",
        exact_setting=False,
        reference="rate 1e-2",
        sign=-1,
        note="data and steps unconfirmed",
    )
    yield study
    for rate, value, lower in (("1e-2", 0.10, "1e-3"), ("3e-2", 0.32, "1e-2"), ("1e-1", 0.48, "3e-2")):
        yield study._replace(part=f"rate {rate}", value=value, rounding=0.005, reference=f"rate {lower}", sign=1)
    dead = (0.277, 0.121, 0.356, 0.441, 0.656)
    for layer, (value, below) in enumerate(zip(dead, (0.0, *dead), strict=False), start=1):
        yield study._replace(
            row=8,
            part=f"layer {layer}",
            source="depth notebook on MNIST",
            setting="784-[256]x5-10, Glorot, Adam .005, batch 128, 12 epochs",
            statistic="share of units of the layer that are dead on 1,000 examples",
            value=value,
            reference=f"layer {layer - 1}" if layer > 1 else 0.0,
            sign=1 if value > below else -1,
            one_run=True,
            note="needs MNIST",
        )


def _plasticity() -> Iterator[Published]:
    """Rows 9 and 10: dead and dormant units when the task changes."""
    dead = Published(
        row=9,
        part="SGD",
        source=_DOHARE,
        setting="online permuted MNIST, 784-[2000]x3-10, SGD .01, batch 1, 800 tasks of 60,000",
        statistic="share of units that are zero on 2,000 images of the next task, after the last",
        value=0.25,
        rounding=0.005,
        relation="=",
        unit="share",
        exact_setting=False,
        reference="SGD at step 0",
        sign=1,
        note="said to be up to a quarter; needs MNIST, and far more steps than a default run",
    )
    yield dead
    yield dead._replace(
        part="Adam",
        setting="the same with Adam",
        value=0.60,
        rounding=0.05,
        relation="~",
        reference="Adam at step 0",
        note="read off a figure",
    )
    yield dead._replace(
        part="continual backpropagation",
        setting="the same with continual backpropagation",
        value=0.0,
        rounding=0.01,
        relation="~",
        reference="SGD",
        sign=-1,
        note="'almost zero'; below plain SGD's share",
    )
    rising = dead._replace(
        statistic="mean squared error of the last tenth of the run less that of the first tenth",
        value=0.0,
        rounding=0.0,
        relation=">",
        unit="squared error",
        reference=0.0,
        note="the source shows curves over 100 runs; the difference of tenths is our way to put them in a number",
    )
    for activation, rates in (
        ("ReLU", (".01", ".003", ".001")),
        *((name, (".01",)) for name in ("leaky ReLU", "ELU", "Swish", "tanh", "sigmoid")),
    ):
        for rate in rates:
            yield rising._replace(
                part=f"slowly-changing regression, {activation}, rate {rate}",
                setting=f"20 bits, 15 slow, 100 target units with beta .7, 5 {activation} units, batch 1, SGD {rate}",
            )
    dormant = dead._replace(
        row=10,
        part="fixed labels, start",
        source=_SOKAR,
        setting="CIFAR-10, fixed labels",
        statistic="share of .025-dormant units",
        value=0.10,
        rounding=0.01,
        relation="~",
        reference=0.0,
        note="read off a figure; needs CIFAR-10",
    )
    yield dormant
    yield dormant._replace(part="fixed labels, end", value=0.02, reference="fixed labels, start", sign=-1)
    yield dormant._replace(
        part="reshuffled labels, end",
        setting="CIFAR-10, labels reshuffled every 20 epochs",
        value=0.35,
        rounding=0.05,
        reference="fixed labels, end",
        note="30 to 40 %; read off a figure; needs CIFAR-10",
    )


PUBLISHED: tuple[Published, ...] = (
    *_born_dead(),
    *_asymmetric(),
    *_positive_bias(),
    *_signal(),
    *_untrained_images(),
    *_rates_and_depth(),
    *_plasticity(),
)

"""Dead units of networks that learn one permutation of the pixels after another (row 9)."""

from __future__ import annotations

from relubench.findings.claims import Claim, Condition, Number

_SETTING = "online permuted MNIST, 784-[2000]x3-10, {}, batch 1, 800 tasks of 60,000"


def _dead(label: str, algorithm: str, metric: str = "dead_train_fraction") -> Number:
    return Number(label, metric, {"factor.algorithm": algorithm})


def _claim(algorithm: str, condition: Condition, note: str) -> Claim:
    return Claim(
        id=9,
        kind="published",
        statement=_SETTING.format(algorithm),
        source="Dohare et al. 2024",
        statistic="share of units that are zero on 2,000 images of the next task, after the last",
        conditions=(condition,),
        note=note,
    )


_SGD, _ADAM = _dead("SGD", "sgd"), _dead("Adam", "adam")
_SGD_BORN, _ADAM_BORN = (
    _dead(f"{number.label} at step 0", algorithm, "born_dead_fraction")
    for number, algorithm in ((_SGD, "sgd"), (_ADAM, "adam"))
)

CLAIMS = (
    _claim(
        "SGD .01",
        _SGD.beside(0.25, rounding=0.005, less=_SGD_BORN),
        "said to be up to a quarter; needs MNIST, and far more steps than a default run",
    ),
    _claim("Adam", _ADAM.beside(0.60, "~", 0.05, less=_ADAM_BORN), "read off a figure"),
    _claim(
        "continual backpropagation",
        _dead("continual backpropagation", "continual_backprop").beside(0.0, "~", 0.01, less=_SGD, sign=-1),
        "'almost zero'; below plain SGD's share",
    ),
)

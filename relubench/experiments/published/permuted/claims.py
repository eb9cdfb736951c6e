"""Dead units of networks that learn one permutation of the pixels after another (rows 9, 15 and 16)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Condition, Number, of_measures, of_units
from relubench.findings.claims.metrics import Metric

_SETTING = "online permuted MNIST, 784-[2000]x3-10, {}, batch 1, 800 tasks of 60,000"
_OURS = "the definition on the runs of row 9"
_TITLES = {"sgd": "SGD", "adam": "Adam", "continual_backprop": "continual backpropagation"}


def _dead(algorithm: str, metric: Metric = "dead_train_fraction", label: str = "") -> Number:
    return Number(_TITLES[algorithm] + label, metric, {"factor.algorithm": algorithm})


def _claim(setting: str, condition: Condition, note: str) -> Claim:
    return Claim(
        id=9,
        kind="published",
        statement=_SETTING.format(setting),
        source="Dohare et al. 2024",
        statistic="share of units that are zero on 2,000 images of the next task, after the last",
        conditions=(condition,),
        note=note,
    )


_SGD_BORN, _ADAM_BORN = (_dead(algorithm, "born_dead_fraction", " at step 0") for algorithm in ("sgd", "adam"))
#: Of a run's units the share that were active on none of the last 1,000 examples trained on.
_SILENT_EXAMPLES = (pl.col("train.steps") - 1 - pl.col("last_active")) * pl.col("train.batch_size")
_SILENT = of_units((_SILENT_EXAMPLES >= 1000).mean())


def _fires_on_less_than(share: float) -> Metric:
    return of_measures((pl.col("unit_firing_rate") < share).mean())


def _beside_dead(metric: Metric) -> tuple[Condition, ...]:
    """Each algorithm by another definition, against the share that is dead on the whole training set."""
    return tuple(
        _dead(algorithm, metric).beside(None, less=_dead(algorithm, label=", dead on the training set"))
        for algorithm in _TITLES
    )


CLAIMS = (
    _claim(
        "SGD .01",
        _dead("sgd").beside(0.25, rounding=0.005, less=_SGD_BORN),
        "said to be up to a quarter; needs MNIST, and 48 million steps of batch 1; tried with a network twenty times "
        "narrower and batches of 16 at a rate of .1",
    ),
    _claim("Adam", _dead("adam").beside(0.60, "~", 0.05, less=_ADAM_BORN), "read off a figure"),
    _claim(
        "continual backpropagation",
        _dead("continual_backprop").beside(0.0, "~", 0.01, less=_dead("sgd"), sign=-1),
        "'almost zero'; below plain SGD's share",
    ),
    Claim(
        id=15,
        kind="published",
        statement=f"dead: silent for 1,000 examples in a row; {_OURS}",
        source="Farias & Jozefiak 2025",
        statistic="share of units that were active on none of the last 1,000 examples trained on",
        conditions=_beside_dead(_SILENT),
        note="the source shows curves over the tasks of permuted MNIST, and tells no number",
    ),
    Claim(
        id=16,
        kind="published",
        statement=f"dormant: fires on less than 1 % of the examples; {_OURS}",
        source="Dohare et al. 2024",
        statistic="share of units that are active on less than 1 % of the training set",
        conditions=_beside_dead(_fires_on_less_than(0.01)),
        note="the source uses it on CIFAR-100 and shows curves; whatever is dead is so by this definition, too",
    ),
    Claim(
        id=16,
        kind="published",
        statement=f"frozen: zero on more than 95 % of the examples; {_OURS}",
        source="Joudaki et al. 2025",
        statistic="share of units that are zero on more than 95 % of the training set",
        conditions=_beside_dead(_fires_on_less_than(0.05)),
        note="the source shows curves; whatever is dead is so by this definition, too",
    ),
)

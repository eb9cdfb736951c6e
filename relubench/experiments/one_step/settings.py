"""What the claims about single steps have in common: which runs, and conditions by layer."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable

from relubench.experiments.cases import Cases, in_settings
from relubench.findings.claims import Condition
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where

NAME, VARIANT, STEP = "one_step", "factor.variant", "factor.step"
PLAIN = {VARIANT: "plain"}
#: Runs of one step, at a usual rate or a large one, and those that go on after a large one.
ONE, MANY = {"factor.length": "one"}, {"factor.length": "many"}
USUAL, LARGE = {**ONE, STEP: "usual"}, {**ONE, STEP: "sgd_3"}
SGD = ("sgd",)
#: Settings whose targets are classes; those in which training goes on, and those with real-valued targets.
CLASSES = ("digits", "digits_wide", "fashion", "moons")
TO_THE_END, REGRESSIONS = ("digits", "moons"), ("interval", "teacher")
#: What is measured of the units of a layer (None: of all), in these runs.
ByLayer = Callable[[int | None, Where], Measurement]


def by_layer(
    measure: ByLayer,
    cases: Cases,
    *,
    worlds: Iterable[str],
    optimizers: Iterable[str] = SGD,
    layers: Iterable[int] = (1, 2, 3),
) -> tuple[Condition, ...]:
    """Return the conditions of all layers together; beside them, in the first case, those of each.

    The third layer is there in settings of classes other than moons.
    """
    worlds, optimizers = tuple(worlds), tuple(optimizers)
    parts = [in_settings(NAME, functools.partial(measure, None), cases, worlds=worlds, optimizers=optimizers)]
    first = dict(itertools.islice(cases.items(), 1))
    for layer in layers:
        deep = worlds if layer < 3 else tuple(world for world in worlds if world in CLASSES and world != "moons")
        of_layer = functools.partial(measure, layer)
        parts.append(
            in_settings(
                NAME, of_layer, first, worlds=deep, optimizers=optimizers, label=f"layer {layer}", beside=True
            )
        )  # fmt: skip
    return tuple(itertools.chain.from_iterable(parts))

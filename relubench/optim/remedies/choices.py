"""The remedies by name, and keys that several of them read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench.config import knob
from relubench.lazy import optax
from relubench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    #: (the optimiser, and by name: layers, initialize, key, its own keys) -> the optimiser with the remedy
    Remedy = Callable[..., optax.GradientTransformationExtraArgs]

REMEDIES: Registry[Remedy] = Registry("remedy.name")

PERIOD = knob(100, "steps between resets", low=1)


@REMEDIES.register("none")
def none(inner: optax.GradientTransformation, **_: Any) -> optax.GradientTransformationExtraArgs:
    """Return the optimiser as it is."""
    return optax.with_extra_args_support(inner)

"""Packages that take long to import, imported when they are first used: whoever only declares names starts at once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    import optax
    import polars as pl
    from jax import lax
    from scipy import special
    from scipy import stats as scipy_stats
else:

    class _Lazy:
        """Stands for a module until one of its names is asked for."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            value = getattr(importlib.import_module(self._name), attribute)
            setattr(self, attribute, value)
            return value

    jax, jnp, lax, optax, pl = map(_Lazy, ("jax", "jax.numpy", "jax.lax", "optax", "polars"))
    scipy_stats, special = map(_Lazy, ("scipy.stats", "scipy.special"))

__all__ = ["jax", "jnp", "lax", "optax", "pl", "scipy_stats", "special"]

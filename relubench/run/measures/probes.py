"""What every run records of its network at each probe: the columns of probes."""

from __future__ import annotations

import itertools
import operator

import jax
import jax.numpy as jnp
from jax import Array

from relubench import units
from relubench.run.recorder import Context, column

for _set, _number in itertools.product(("train", "test"), ("loss", "accuracy")):
    column("probes", f"{_set}_{_number}")(operator.attrgetter(f"{_set}.{_number}"))


@column("probes")
def collapsed(context: Context) -> Array:
    """Return whether the output is the same for every training input."""
    return units.collapsed(context.train.min_output, context.train.max_output)


@column("probes")
def max_abs_param(context: Context) -> Array:
    """Return the largest finite magnitude of a parameter."""
    leaves = jax.tree.leaves(context.state.params)
    return jnp.max(jnp.stack([jnp.max(jnp.where(jnp.isfinite(p), jnp.abs(p), 0)) for p in leaves]))

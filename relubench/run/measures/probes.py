"""What every run records of its network at each probe: the columns of probes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from relubench import units
from relubench.run.recorder import Context, column


@column("probes")
def train_loss(context: Context) -> Array:
    """Return the mean loss of a training example, before `loss.scale`."""
    return context.train.loss


@column("probes")
def test_loss(context: Context) -> Array:
    """Return the mean loss of a test example, before `loss.scale`."""
    return context.test.loss


@column("probes")
def train_accuracy(context: Context) -> Array:
    """Return the share of the training examples that are classified correctly; NaN for real-valued targets."""
    return context.train.accuracy


@column("probes")
def test_accuracy(context: Context) -> Array:
    """Return the share of the test examples that are classified correctly; NaN for real-valued targets."""
    return context.test.accuracy


@column("probes")
def collapsed(context: Context) -> Array:
    """Return whether the output is the same for every training input."""
    return units.collapsed(context.train.min_output, context.train.max_output)


@column("probes")
def max_abs_param(context: Context) -> Array:
    """Return the largest finite magnitude of a parameter."""
    leaves = jax.tree.leaves(context.state.params)
    return jnp.max(jnp.stack([jnp.max(jnp.where(jnp.isfinite(p), jnp.abs(p), 0)) for p in leaves]))

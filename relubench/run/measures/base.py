"""What a measure is: something that a probe tells beside its counts, when `probe.measures` names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from relubench import nn, units
from relubench.config import Setting
from relubench.data import streams
from relubench.registry import Registry
from relubench.run.evaluate import Evaluation, over_training_set
from relubench.run.state import Arrays, Network, RunState


class Context(NamedTuple):
    """A run at a probe, its weights held still."""

    setting: Setting
    network: Network
    data: Arrays
    state: RunState
    step: Array
    train: Evaluation
    test: Evaluation

    def over_training_set(self, part: Callable[[Array, Array, Array], Any]) -> Any:
        """Return `part`(inputs, labels, rows) of every block of the training set, stacked."""
        return over_training_set(self.setting, self.data, self.state.view, part)

    def whole_training_set(self) -> tuple[Array, Array]:
        """Return (inputs, labels) of the training set in one block."""
        return streams.examples(self.setting, self.data, self.state.view, jnp.arange(self.data.train_examples))

    def dead(self, params: Any) -> tuple[Array, ...]:
        """Return which hidden units are dead on the training set with these parameters: [units] bool a layer."""

        def part(x: Array, labels: Array, rows: Array) -> list[Array]:
            forward, _ = self.network(params, self.state.buffers, x, train=False)
            return [jnp.any(slope != 0, tuple(range(slope.ndim - 1))) for _, _, slope in forward.hidden]

        return tuple(~jnp.any(active, 0) for active in self.over_training_set(part))

    def dead_now(self) -> tuple[Array, ...]:
        """Return which hidden units are dead on the training set: [units] bool a layer."""
        return tuple(units.dead(stats) for stats in self.train.hidden)


class AtProbe(NamedTuple):
    """A measure taken at the probes alone."""

    probe: Callable[[Context], Any]  # -> an array for the whole network, or a tuple of arrays, one a hidden layer


class OverSteps(NamedTuple):
    """A measure taken at every training step: a probe tells its mean over the steps since the last one."""

    step: Callable[[nn.Forward, Array, Array], Array]  # (forward pass, its loss, labels) -> scalar


MEASURES: Registry[AtProbe | OverSteps] = Registry("probe.measures")


def at_probe(name: str) -> Callable[[Callable[[Context], Any]], Callable[[Context], Any]]:
    """Return a decorator that registers a function of the context as a measure."""

    def add(probe: Callable[[Context], Any]) -> Callable[[Context], Any]:
        MEASURES.register(name)(AtProbe(probe))
        return probe

    return add


def start_sums(setting: Setting, dtype: Any) -> tuple[Array, ...]:
    """Return the sums of a run's measures over steps before its first step."""
    return tuple(jnp.zeros((), dtype) for _ in _over_steps(setting))


def add_step(setting: Setting, sums: tuple[Array, ...], forward: nn.Forward, loss: Array, labels: Array) -> Any:
    """Return the sums after one more training step."""
    forward = lax.stop_gradient(forward)
    return tuple(
        total + measure.step(forward, loss, labels) for total, measure in zip(sums, _over_steps(setting), strict=True)
    )


def take(context: Context, before: Array) -> tuple[Any, ...]:
    """Return what each of `probe.measures` finds; `before` is the step of the last probe.

    Means over steps are NaN at step 0, which no step precedes.
    """
    sums = iter(context.state.sums)
    steps = (context.step - before).astype(context.data.x.dtype)
    found = []
    for name in context.setting.probe.measures:
        measure = MEASURES[name]
        found.append(measure.probe(context) if isinstance(measure, AtProbe) else next(sums) / steps)
    return tuple(found)


def _over_steps(setting: Setting) -> list[OverSteps]:
    chosen = [MEASURES[name] for name in setting.probe.measures]
    return [measure for measure in chosen if isinstance(measure, OverSteps)]

"""What the probes of a run record: one mechanism for the columns of every table and for `probe.measures`.

A *measure* is a function of a `Context`, a run at a probe with its weights held still. Those of a table are taken by
every run; those of `MEASURES` where `probe.measures` names them. Room for what they return comes from its shape.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from relubench import nn, units
from relubench.config import Setting
from relubench.data import streams
from relubench.errors import UserError
from relubench.nn.networks import Network
from relubench.registry import Registry
from relubench.run.evaluate import Evaluation, over_training_set
from relubench.run.state import Arrays, RunState, born


@dataclasses.dataclass(frozen=True, eq=False)
class Context:
    """A run at a probe, its weights held still. What several measures ask for is computed, and compiled, once."""

    setting: Setting
    network: Network
    data: Arrays
    state: RunState
    step: Array
    before: Array  # the step of the last probe; that of this one at step 0
    train: Evaluation
    test: Evaluation

    def affine_layers(self) -> list[tuple[Array, Array]]:
        """Return (kernel [..., in, out], bias [out]) of every affine layer in order from the input."""
        return self.network.structure.affine_layers(self.state.params)

    def incoming(self) -> list[tuple[Array, Array]]:
        """Return the (kernel, bias) that each hidden layer's pre-activations come from; who asks needs `weights`."""
        layers = self.affine_layers()
        return [layers[place] for place in self.network.structure.incoming()]

    @functools.cached_property
    def params_at_birth(self) -> Any:
        """The run's parameters before its first step."""
        return born(self.setting, self.data)[0]

    def layers_at_birth(self) -> list[tuple[Array, Array]]:
        """Return (kernel, bias) of every affine layer before the first step."""
        return self.network.structure.affine_layers(self.params_at_birth)

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

    @functools.cached_property
    def dead_at_birth(self) -> tuple[Array, ...]:
        """Which hidden units are dead on the training set with the parameters of birth: [units] bool a layer."""
        return self.dead(self.params_at_birth)

    def dead_now(self) -> tuple[Array, ...]:
        """Return which hidden units are dead on the training set: [units] bool a layer."""
        return tuple(units.dead(stats) for stats in self.train.hidden)

    def died_step(self) -> tuple[Array, ...]:
        """Return the first probe of each unit's present spell of death, -1 while it is alive: int32 [units] a layer."""
        return tuple(
            jnp.where(dead, jnp.where(since < 0, self.step, since), -1)
            for dead, since in zip(self.dead_now(), self.state.died_step, strict=True)
        )


#: A function of the context. Of a measure of the network it returns an array; of the layers, or of their units, a
#: sequence of arrays, one a hidden layer.
Take = Callable[[Context], Any]
Taken = TypeVar("Taken", bound=Callable[..., Any])

#: The measures that every run takes, by the table and column that they fill: scalars of `probes`, a scalar a layer of
#: `layers`, [units] a layer of `units`, of which the last probe's count.
TABLES: dict[str, dict[str, Take]] = {"probes": {}, "layers": {}, "units": {}}


class AtProbe(NamedTuple):
    """A measure that is taken at the probes alone."""

    take: Take
    needs: Callable[[nn.Structure], str]  # what it lacks of a network, in words; "" for nothing


class OverSteps(NamedTuple):
    """A measure that is taken at every training step: a probe records its mean over the steps since the last one."""

    step: Callable[[nn.Forward, Array, Array], Array]  # (forward pass, its loss, labels) -> scalar


#: The measures that `probe.measures` names. One of the network returns an array, one of the layers a tuple of arrays.
MEASURES: Registry[AtProbe | OverSteps] = Registry("probe.measures")


def column(table: str, name: str = "") -> Callable[[Taken], Taken]:
    """Return a decorator that files a function of the context as what a table's column (of its name) is made from."""

    def add(take: Taken) -> Taken:
        TABLES[table][name or take.__name__] = take
        return take

    return add


def at_probe(name: str, needs: Callable[[nn.Structure], str] = lambda structure: "") -> Callable[[Taken], Taken]:
    """Return a decorator that registers a function of the context as a measure that can be asked for.

    `needs` says what it lacks of a network, such as `plane`; one that lacks something is refused.
    """

    def add(take: Taken) -> Taken:
        MEASURES.register(name)(AtProbe(take, needs))
        return take

    return add


def over_steps(name: str) -> Callable[[Taken], Taken]:
    """Return a decorator that registers a function of (forward pass, its loss, labels) as a measure over steps."""

    def add(step: Taken) -> Taken:
        MEASURES.register(name)(OverSteps(step))
        return step

    return add


def plane(structure: nn.Structure) -> str:
    """What a measure lacks that takes the pre-activations of layer 1 for planes x·W + b over the network's inputs."""
    if structure.hidden and structure.hidden[0].plane:
        return ""
    return "a first layer whose pre-activations are planes in the inputs, as of model.name=mlp with model.norm=none"


def first_layer(structure: nn.Structure) -> str:
    """What a measure lacks that reads the weights of layer 1."""
    return weights(structure._replace(hidden=structure.hidden[:1])) if structure.hidden else "a hidden layer"


def weights(structure: nn.Structure) -> str:
    """What a measure lacks that reads the weights of every unit."""
    lacks = next((hidden.lacks for hidden in structure.hidden if hidden.incoming is None), "")
    return lacks and f"units whose weights are known ({lacks})"


def between(structure: nn.Structure) -> str:
    """What a measure lacks that reads the weights before and after every unit."""
    lacks = next((hidden.lacks for hidden in structure.hidden if hidden.lacks), "")
    return lacks and f"units that stand between affine layers alone ({lacks})"


class Records(NamedTuple):
    """What the probes of a run have recorded so far."""

    probes: dict[str, Array]  # of the network: [probes]
    layers: dict[str, Array]  # [probes, hidden layers]
    units: dict[str, tuple[Array, ...]]  # of the last probe: [units] of each hidden layer
    measures: tuple[Any, ...]  # those of `probe.measures`: [probes, ...], or a tuple of such arrays, one a hidden layer


def room(example: Records, probes: int) -> Records:
    """Return room for the records of so many probes; `example` has the shapes of one's."""
    rows = jax.tree.map(lambda one: jnp.zeros((probes, *one.shape), one.dtype), example._replace(units={}))
    return rows._replace(units=jax.tree.map(jnp.zeros_like, example.units))


def put(records: Records, index: Array, taken: Records) -> Records:
    """Return the records with what the probe number `index` has taken."""
    kept, new = records._replace(units={}), taken._replace(units={})
    rows = jax.tree.map(lambda all_, row: all_.at[index].set(row), kept, new)
    return rows._replace(units=taken.units)


def take(context: Context) -> Records:
    """Take every measure of a run at a probe."""
    layers = {name: measure(context) for name, measure in TABLES["layers"].items()}
    return Records(
        probes={name: measure(context) for name, measure in TABLES["probes"].items()},
        layers={name: jnp.stack(cells) if cells else jnp.zeros(0, jnp.int32) for name, cells in layers.items()},
        units={name: tuple(measure(context)) for name, measure in TABLES["units"].items()},
        measures=tuple(_asked(context)),
    )


def _asked(context: Context) -> list[Any]:
    """Return what each of `probe.measures` takes. Means over steps are NaN at step 0, which no step precedes."""
    sums = iter(context.state.sums)
    steps = (context.step - context.before).astype(context.data.x.dtype)
    taken = []
    for name in context.setting.probe.measures:
        measure = MEASURES[name]
        if isinstance(measure, OverSteps):
            taken.append(next(sums) / steps)
            continue
        lacking = measure.needs(context.network.structure)
        if lacking:
            raise UserError(f"probe.measures={name}: it takes {lacking}")
        taken.append(measure.take(context))
    return taken


def start_sums(setting: Setting, dtype: Any) -> tuple[Array, ...]:
    """Return the sums of a run's measures over steps before its first step."""
    return tuple(jnp.zeros((), dtype) for _ in _over_steps(setting))


def add_step(setting: Setting, sums: tuple[Array, ...], forward: nn.Forward, loss: Array, labels: Array) -> Any:
    """Return the sums after one more training step."""
    forward = lax.stop_gradient(forward)
    return tuple(
        total + measure.step(forward, loss, labels) for total, measure in zip(sums, _over_steps(setting), strict=True)
    )


def _over_steps(setting: Setting) -> list[OverSteps]:
    chosen = [MEASURES[name] for name in setting.probe.measures]
    return [measure for measure in chosen if isinstance(measure, OverSteps)]

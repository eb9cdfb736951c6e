"""What a run consists of: its setting and data as pytrees, its network, what is recorded, and its state at step 0.

A `Setting` is a JAX pytree here: its knobs are the leaves (traced scalars), everything else is its static structure,
so that two settings share a compiled program exactly if their structures are equal.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from relubench import config, nn, units
from relubench.config import Setting
from relubench.errors import UserError
from relubench.nn import networks
from relubench.nn.networks import Network

#: Where `probe.count` is not given: one probe for so many steps, from the fewest to the most.
STEPS_A_PROBE, PROBES = 100, (5, 20)


def _register(schema: type, prefix: str) -> None:
    """Make a class of the schema a pytree: knobs and groups are its children, the rest is structure."""

    def is_child(name: str) -> bool:
        key = config.KEYS.get(prefix + name)
        return key is None or key.kind == "knob"

    def flatten(group: Any) -> tuple[list[Any], Hashable]:
        values = vars(group) | group.own if hasattr(group, "own") else dict(vars(group))
        values.pop("own", None)
        children = {name: value for name, value in values.items() if is_child(name)}
        kept = {name: value for name, value in values.items() if name not in children and _is_of_setting(prefix + name)}
        return list(children.values()), (tuple(children), tuple(kept.items()))

    def unflatten(structure: Any, children: Iterable[Any]) -> Any:
        names, kept = structure
        group, leaves = schema(), dict(kept) | dict(zip(names, children, strict=True))
        for name, value in leaves.items():
            config.put(group, name, value)
        return group

    jax.tree_util.register_pytree_node(schema, flatten, unflatten)


def _is_of_setting(name: str) -> bool:
    return name in config.SETTING_KEYS


for _schema, _prefix in config.PREFIXES.items():
    _register(_schema, _prefix)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["x", "y"],
    meta_fields=["train_examples", "outputs", "image_shape"],
)
@dataclasses.dataclass(frozen=True)
class Arrays:
    """The data set as the program takes it: as arguments, never as constants."""

    x: Array  # [examples, features] float: the training set, then the test set
    y: Array  # [examples] int32 classes, or [examples, outputs] float targets
    train_examples: int
    outputs: int
    image_shape: tuple[int, int, int] | None


class RunState(NamedTuple):
    """A run between two steps: all that the next one needs, and all that has been recorded."""

    params: Any  # trained parameters
    buffers: Any  # running statistics and constants
    opt_state: Any
    epoch_words: Array  # uint32 [rounds]: what this epoch's order of the training set is made from
    view: Any  # what the stream's present task makes of the examples
    counters: tuple[units.Counter, ...]  # one a hidden layer
    died_step: tuple[Array, ...]  # int32 [units] a hidden layer: first probe of the present spell of death; -1: alive
    diverged_step: Array  # int32: first step with a non-finite number; -1 for none
    sums: tuple[Array, ...]  # of the measures that are taken at every step: since the last probe
    records: Any  # recorder.Records: what the probes have recorded


def named_key(seed: ArrayLike, name: str) -> Array:
    """Return the run's random key for one purpose: the same whatever else is drawn, so that settings pair."""
    return jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), zlib.crc32(name.encode()))


def probe_steps(train: config.Train, probe: config.Probe) -> np.ndarray:
    """Return the steps of the exact counts: the first is 0, the last the end, in between log-spaced or even."""
    count = probe.count
    if count is None:  # a probe takes as long as some 15 steps of batch 64
        count = int(np.clip(train.steps // STEPS_A_PROBE, *PROBES))
    if probe.spacing == "linear":
        spaced = np.linspace(0, train.steps, count)
    else:
        spaced = np.append(0, np.geomspace(1, max(train.steps, 1), count - 1))
        spaced[-1] = train.steps  # two probes: the first and the last
    return np.unique(np.clip(np.round(spaced), 0, train.steps).astype(np.int32))


def batch_size(train: config.Train, examples: int) -> int:
    """Return the examples per update; a batch larger than the training set is refused."""
    if train.batch_size is not None and train.batch_size > examples:
        raise UserError(
            f"train.batch_size={train.batch_size}: the training set has {examples} examples (null: full batch)"
        )
    return train.batch_size or examples


def _builder(setting: Setting, data: Arrays) -> Callable[[Array], Any]:
    def build(key: Array) -> Any:
        features = data.x.shape[1]
        return nn.build(setting.model, key, features=features, image_shape=data.image_shape, outputs=data.outputs)

    return build


def born(setting: Setting, data: Arrays) -> tuple[Any, Any]:
    """Return the run's (parameters, running statistics and constants) before its first step."""
    return networks.born(setting.model.name, _builder(setting, data), named_key(setting.seed, "weights"), data.x.dtype)


def make_network(setting: Setting, data: Arrays) -> Network:
    """Return the network of a setting without its weights."""
    rows = batch_size(setting.train, data.train_examples)
    x = jax.ShapeDtypeStruct((rows, data.x.shape[1]), jax.dtypes.canonicalize_dtype(data.x.dtype))
    return networks.network(setting.model, _builder(setting, data), x, data.outputs)


def first_non_finite(diverged_step: Array, finite: Array, step: Array) -> Array:
    """Return the step of the first non-finite number, -1 for none: `step` where this is it."""
    return jnp.where((diverged_step < 0) & ~finite, step, diverged_step)

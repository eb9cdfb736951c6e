"""One run as one pure function: initial weights, updates with the counter inside, exact probes.

`advance` takes a run from one step to another; it is what the engine vectorises and compiles. A `Setting` is
a JAX pytree here: its knobs are the leaves (traced scalars), everything else is its static structure, so that
two settings share a compiled program exactly if their structures are equal.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax
from jax.typing import ArrayLike

from relubench import config, nn, units
from relubench.config import Setting
from relubench.errors import UserError
from relubench.optim import make_optimizer

#: Examples that a probe passes through the network at once: small enough for a processor's cache.
PROBE_BLOCK = 256


def _register(schema: type) -> None:
    """Make the dataclass a pytree: knobs and nested dataclasses are children, the rest is structure."""
    hints = typing.get_type_hints(schema)
    fields = [f for f in dataclasses.fields(schema) if f.metadata.get("kind") != "outside"]
    children = [f.name for f in fields if f.metadata.get("kind") == "knob" or dataclasses.is_dataclass(hints[f.name])]
    structure = [f.name for f in fields if f.name not in children]
    left_out = [f.name for f in dataclasses.fields(schema) if f not in fields]
    jax.tree_util.register_dataclass(schema, children, structure, drop_fields=left_out)


for _schema in (
    config.Data, config.Activation, config.Init, config.Model, config.Schedule, config.Optimizer,
    config.Loss, config.Train, config.Probe, config.Engine, Setting,
):  # fmt: skip
    _register(_schema)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["x", "y"],
    meta_fields=["train_examples", "outputs", "image_shape"],
)
@dataclasses.dataclass(frozen=True)
class Arrays:
    """The data set as the program takes it: as arguments, never as constants."""

    x: Array  # [examples, features] float: the training set, then the test set
    y: Array  # [examples] int32
    train_examples: int
    outputs: int
    image_shape: tuple[int, int, int] | None


class LayerCounts(NamedTuple):
    """Numbers of units at the probes, int32 [probes, hidden layers]; `batch_dead` is a sum over the steps between."""

    dead_train: Array
    dead_test: Array
    silent_train: Array
    saturated_train: Array
    dormant_train: Array
    linear_train: Array
    constant_train: Array
    batch_dead: Array
    deaths: Array
    revivals: Array


class ProbeRecord(NamedTuple):
    """What the probes have found so far; every field starts with an axis [probes]."""

    train_loss: Array  # mean over the set of the unscaled loss of an example
    test_loss: Array
    train_accuracy: Array
    test_accuracy: Array
    finite: Array  # bool: parameters, losses and every pre-activation on both sets
    collapsed: Array  # bool: the output is the same for every training input
    max_abs_param: Array  # largest finite magnitude of a parameter
    layers: LayerCounts


class UnitRecord(NamedTuple):
    """What the last probe has found of one layer's units; each field is [units]."""

    dead_train: Array  # bool
    died_step: Array  # int32: first probe of the current dead spell; -1 for an alive unit
    margin: Array  # -max z / |w| on the training set: how far the decision plane lies beyond the last input
    bias: Array
    weight_norm: Array


class RunState(NamedTuple):
    """A run between two steps: all that the next one needs, and all that has been recorded."""

    params: Any  # nnx.State of trained parameters
    buffers: Any  # nnx.State of running statistics
    opt_state: Any
    order: Array  # int32 [train examples]: this epoch's order of the training set
    counters: tuple[units.Counter, ...]  # one a hidden layer
    unit_records: tuple[UnitRecord, ...]
    diverged_step: Array  # int32: first step with a non-finite number; -1 for none
    probes: ProbeRecord


def named_key(seed: ArrayLike, name: str) -> Array:
    """Return the run's random key for one purpose: the same whatever else is drawn, so that settings pair."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def probe_steps(train: config.Train, probe: config.Probe) -> np.ndarray:
    """Return the steps of the exact counts: the first is 0, the last the end, in between log-spaced or even."""
    if probe.spacing == "linear":
        spaced = np.linspace(0, train.steps, probe.count)
    else:
        spaced = np.append(0, np.geomspace(1, max(train.steps, 1), probe.count - 1))
        spaced[-1] = train.steps  # two probes: the first and the last
    return np.unique(np.clip(np.round(spaced), 0, train.steps).astype(np.int32))


def batch_size(train: config.Train, examples: int) -> int:
    """Return the examples per update; a batch larger than the training set is refused."""
    if train.batch_size is not None and train.batch_size > examples:
        raise UserError(
            f"train.batch_size={train.batch_size}: the training set has {examples} examples (null: full batch)"
        )
    return train.batch_size or examples


class _Model(NamedTuple):
    """The network of a setting without its weights."""

    graphdef: Any

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[nn.Forward, Any]:
        """Return the forward pass and the running statistics after it."""
        model = nnx.merge(self.graphdef, params, buffers, copy=True)
        forward = model(x, train=train)
        return forward, _split(model)[1]


def _split(model: nnx.Module) -> tuple[Any, Any]:
    """Return a network's (trained parameters, running statistics and constants)."""
    parts: Any = nnx.split(model, nnx.Param, ...)
    return parts[1], parts[2]


def _build(setting: Setting, data: Arrays) -> nnx.Module:
    return nn.build(
        setting.model,
        named_key(setting.seed, "weights"),
        features=data.x.shape[1],
        image_shape=data.image_shape,
        outputs=data.outputs,
    )


def _inputs(setting: Setting, x: Array) -> Array:
    return x * setting.data.scale + setting.data.offset


def init_state(setting: Setting, data: Arrays) -> RunState:
    """Return the run at step 0, before its first probe."""
    params, buffers = _split(_build(setting, data))
    optimizer = make_optimizer(setting.optimizer, setting.train.steps)
    widths = [bias.shape[0] for _, bias in nn.affine_layers(params)[:-1]]
    probes = len(probe_steps(setting.train, setting.probe))
    return RunState(
        params=params,
        buffers=buffers,
        opt_state=optimizer.init(params),
        order=jnp.arange(data.train_examples, dtype=jnp.int32),
        counters=tuple(units.new_counter(width) for width in widths),
        unit_records=tuple(_new_unit_record(width) for width in widths),
        diverged_step=jnp.full((), -1, jnp.int32),
        probes=_new_probe_record(probes, len(widths)),
    )


def _new_unit_record(width: int) -> UnitRecord:
    zeros = jnp.zeros(width)
    return UnitRecord(jnp.zeros(width, bool), jnp.full(width, -1, jnp.int32), zeros, zeros, zeros)


def _new_probe_record(probes: int, layers: int) -> ProbeRecord:
    number, flag = jnp.zeros(probes), jnp.zeros(probes, bool)
    counts = jnp.zeros((probes, layers), jnp.int32)
    return ProbeRecord(
        number, number, number, number, flag, flag, number, LayerCounts(*[counts] * len(LayerCounts._fields))
    )


def advance(setting: Setting, data: Arrays, first: Array, last: Array, state: RunState) -> RunState:
    """Return the run after step `last`, given its `state` at step `first` (ignored where `first` is 0).

    Probes due in (first, last], and the one at step 0 where the run begins, are recorded on the way. The
    bits do not depend on how a run is cut into calls: `first` and `last` are traced, the program is the same.
    """
    with jax.default_matmul_precision(MATMUL_PRECISION[setting.engine.precision]):
        model = _Model(nnx.graphdef(nnx.eval_shape(lambda: _build(setting, data))))
        stops = probe_steps(setting.train, setting.probe)
        starts = np.append(0, stops[:-1])
        state = lax.cond(first == 0, lambda old: init_state(setting, data), lambda old: old, state)

        def interval(state: RunState, probe: tuple[Array, Array, Array]) -> tuple[RunState, None]:
            index, start, stop = probe
            step = functools.partial(_step, setting, model, data)
            state = lax.fori_loop(jnp.maximum(start, first), jnp.minimum(stop, last), step, state)
            due = (stop <= last) & ((stop > first) | (first == 0))
            record = functools.partial(_probe, setting, model, data, index, stop)
            return lax.cond(due, record, lambda same: same, state), None

        intervals = (np.arange(len(stops), dtype=np.int32), starts.astype(np.int32), stops)
        return lax.scan(interval, state, jax.tree.map(jnp.asarray, intervals))[0]


#: JAX's names for the precision of products; its own default would be TF32 or bfloat16 passes on accelerators.
MATMUL_PRECISION = {"float32": "highest", "float64": "highest", "tf32": "TF32_TF32_F32", "bfloat16": "BF16_BF16_F32"}


def _step(setting: Setting, model: _Model, data: Arrays, step: Array, state: RunState) -> RunState:
    """One update, and one count from the forward pass that its gradient needs anyway."""
    size = batch_size(setting.train, data.train_examples)
    epoch_steps = data.train_examples // size
    order = _epoch_order(setting, epoch_steps, step, state.order)
    rows = lax.dynamic_slice(order, ((step % epoch_steps) * size,), (size,))
    x, labels = _inputs(setting, data.x[rows]), data.y[rows]

    def objective(params: Any) -> tuple[Array, tuple[nn.Forward, Any]]:
        forward, buffers = model(params, state.buffers, x, train=True)
        losses = nn.LOSSES[setting.loss.name](forward.output, labels)
        total = jnp.mean(losses) if setting.loss.reduction == "mean" else jnp.sum(losses)
        return total * setting.loss.scale, (forward, buffers)

    (loss, (forward, buffers)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    optimizer = make_optimizer(setting.optimizer, setting.train.steps)
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    finite, counters = _count(forward, loss, state.counters, step, epoch_steps)
    return state._replace(
        params=optax.apply_updates(state.params, updates),
        buffers=buffers,
        opt_state=opt_state,
        order=order,
        counters=counters,
        diverged_step=_first_non_finite(state.diverged_step, finite, step),
    )


def _epoch_order(setting: Setting, epoch_steps: int, step: Array, order: Array) -> Array:
    """Return a fresh permutation of the training set at the first step of an epoch, else `order`."""
    if setting.train.batch_size is None:
        return order

    def shuffle() -> Array:
        key = jax.random.fold_in(named_key(setting.seed, "batches"), step // epoch_steps)
        return jax.random.permutation(key, order.shape[0]).astype(order.dtype)

    return lax.cond(step % epoch_steps == 0, shuffle, lambda: order)


def _count(
    forward: nn.Forward, loss: Array, counters: tuple[units.Counter, ...], step: Array, epoch_steps: int
) -> tuple[Array, tuple[units.Counter, ...]]:
    finite = jnp.isfinite(loss) & jnp.all(jnp.isfinite(forward.output))
    counted = []
    for layer, counter in zip(forward.hidden, counters, strict=True):
        active, layer_finite = units.batch_flags(layer.z, layer.slope)
        finite &= layer_finite
        counted.append(units.count(counter, active, step, epoch_steps))
    return finite, tuple(counted)


def _first_non_finite(diverged_step: Array, finite: Array, step: Array) -> Array:
    return jnp.where((diverged_step < 0) & ~finite, step, diverged_step)


class _Evaluation(NamedTuple):
    """A forward pass over a whole set with the weights held still."""

    hidden: tuple[units.UnitStats, ...]
    loss: Array
    accuracy: Array
    min_output: Array  # [outputs]
    max_output: Array


def _blocks(data: Arrays) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (rows, weights [blocks, examples of a block], blocks of the training set); the rest are the test set's.

    Blocks are equally large; a set's last one repeats its last example with weight 0.
    """
    examples = data.train_examples
    size = -(-examples // -(-examples // PROBE_BLOCK))
    sets = [np.arange(examples), np.arange(examples, data.x.shape[0])]
    padded = [np.pad(rows, (0, -len(rows) % size), "edge") for rows in sets]
    weights = [np.arange(len(rows)) < len(ours) for rows, ours in zip(padded, sets, strict=True)]
    return np.concatenate(padded).reshape(-1, size), np.concatenate(weights).reshape(-1, size), len(padded[0]) // size


def _evaluate(setting: Setting, model: _Model, data: Arrays, state: RunState) -> tuple[_Evaluation, _Evaluation]:
    """Return the evaluations of the training and of the test set, block by block through one compiled loop."""
    rows, weights, train_blocks = _blocks(data)

    def part(block: tuple[Array, Array]) -> _Evaluation:
        rows, weights = block
        weights, labels = weights.astype(data.x.dtype), data.y[rows]
        forward, _ = model(state.params, state.buffers, _inputs(setting, data.x[rows]), train=False)
        losses = nn.LOSSES[setting.loss.name](forward.output, labels)
        correct = (jnp.argmax(forward.output, -1) == labels).astype(data.x.dtype)
        return _Evaluation(
            hidden=tuple(units.observe(z, h, slope, weights) for z, h, slope in forward.hidden),
            loss=jnp.sum(losses * weights),
            accuracy=jnp.sum(correct * weights),
            min_output=jnp.min(forward.output, 0),
            max_output=jnp.max(forward.output, 0),
        )

    parts = lax.map(part, (jnp.asarray(rows), jnp.asarray(weights)))
    train = _merge(jax.tree.map(lambda a: a[:train_blocks], parts), data.train_examples)
    return train, _merge(jax.tree.map(lambda a: a[train_blocks:], parts), data.x.shape[0] - data.train_examples)


def _merge(parts: _Evaluation, examples: int) -> _Evaluation:
    return _Evaluation(
        hidden=tuple(units.merge(stats) for stats in parts.hidden),
        loss=jnp.sum(parts.loss) / examples,
        accuracy=jnp.sum(parts.accuracy) / examples,
        min_output=jnp.min(parts.min_output, 0),
        max_output=jnp.max(parts.max_output, 0),
    )


def _is_finite(evaluation: _Evaluation) -> Array:
    extremes = [(stats.min_z, stats.max_z) for stats in evaluation.hidden]
    return units.isfinite_tree((extremes, evaluation.loss, evaluation.min_output, evaluation.max_output))


def _probe(setting: Setting, model: _Model, data: Arrays, index: Array, step: Array, state: RunState) -> RunState:
    """Record an exact count on both sets."""
    train, test = _evaluate(setting, model, data, state)
    finite = units.isfinite_tree(state.params) & _is_finite(train) & _is_finite(test)
    dead = [units.dead(stats) for stats in train.hidden]
    was_dead = [record.dead_train for record in state.unit_records]
    layers = _layer_counts(setting, train, test, state.counters, was_dead, index)
    row = ProbeRecord(
        train_loss=train.loss,
        test_loss=test.loss,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        finite=finite,
        collapsed=units.collapsed(train.min_output, train.max_output),
        max_abs_param=_max_abs_param(state.params),
        layers=layers,
    )
    affine = nn.affine_layers(state.params)
    return state._replace(
        probes=jax.tree.map(lambda rows, new: rows.at[index].set(new.astype(rows.dtype)), state.probes, row),
        counters=tuple(c._replace(batch_dead=jnp.zeros_like(c.batch_dead)) for c in state.counters),
        unit_records=tuple(
            _unit_record(record, is_dead, stats.max_z, kernel, bias, step)
            for record, is_dead, stats, (kernel, bias) in zip(
                state.unit_records, dead, train.hidden, affine[:-1], strict=True
            )
        ),
        diverged_step=_first_non_finite(state.diverged_step, finite, step),
    )


def _layer_counts(
    setting: Setting, train: _Evaluation, test: _Evaluation, counters: tuple[units.Counter, ...],
    was_dead: list[Array], index: Array,
) -> LayerCounts:  # fmt: skip
    """One probe's row of numbers of units, each [hidden layers]."""
    piecewise = nn.ACTIVATIONS[setting.model.activation.name].piecewise_linear
    later = index > 0  # the first probe finds units born dead, not deaths
    rows = []
    for ours, theirs, counter, before in zip(train.hidden, test.hidden, counters, was_dead, strict=True):
        is_dead = units.dead(ours)
        rows.append(
            LayerCounts(
                dead_train=jnp.sum(is_dead),
                dead_test=jnp.sum(units.dead(theirs)),
                silent_train=jnp.sum(units.silent(ours)),
                saturated_train=jnp.sum(units.saturated(ours)),
                dormant_train=jnp.sum(units.dormant(ours, setting.probe.tau)),
                linear_train=jnp.sum(units.linear(ours)) if piecewise else jnp.full((), -1),
                constant_train=jnp.sum(units.constant(ours)),
                batch_dead=counter.batch_dead,
                deaths=jnp.sum(is_dead & ~before & later),
                revivals=jnp.sum(~is_dead & before & later),
            )
        )
    return jax.tree.map(lambda *cells: jnp.stack(cells), *rows) if rows else LayerCounts(*[jnp.zeros(0)] * 10)


def _unit_record(
    record: UnitRecord, is_dead: Array, max_z: Array, kernel: Array, bias: Array, step: Array
) -> UnitRecord:
    norm = jnp.sqrt(jnp.sum(jnp.square(kernel), tuple(range(kernel.ndim - 1))))
    newly = is_dead & (record.died_step < 0)
    return UnitRecord(
        dead_train=is_dead,
        died_step=jnp.where(is_dead, jnp.where(newly, step, record.died_step), -1),
        margin=-max_z / norm,
        bias=bias,
        weight_norm=norm,
    )


def _max_abs_param(params: Any) -> Array:
    largest = [jnp.max(jnp.where(jnp.isfinite(p), jnp.abs(p), 0)) for p in jax.tree.leaves(params)]
    return jnp.max(jnp.stack(largest))

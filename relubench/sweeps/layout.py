"""How groups of runs lie on a machine, and what they cost: known before anything is compiled."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from relubench import config, memory, nn
from relubench.data import Dataset, are_classes, split_of
from relubench.errors import UserError, shown
from relubench.nn.networks import Network
from relubench.run.evaluate import BLOCK
from relubench.run.loop import ARITHMETIC, init_state
from relubench.run.state import Arrays, RunState, batch_size, make_network, probe_steps
from relubench.sweeps.grid import NOT_IN_ID, Grid, Group
from relubench.sweeps.machine import Machine, check_precision, pinned

#: Memory that the states of one device's blocks may take, in bytes, and the most blocks a device holds.
STATE_BYTES = {"cpu": 64 << 20}
DEFAULT_STATE_BYTES = 4 << 30
MOST_BLOCKS = 256
#: A call into a compiled program should take about this long, so that progress and Ctrl-C are prompt.
CALL_SECONDS = 2.0
#: A first guess of a device's rate, replaced by the measured one after the first call.
GUESSED_FLOPS = {"cpu": 4e10}
DEFAULT_GUESSED_FLOPS = 2e12
#: Seconds that a step of one block takes however small its products are.
STEP_OVERHEAD = 1e-4


@dataclass(frozen=True)
class Layout:
    """How a group of runs will lie on the machine and what it costs: known before anything is compiled."""

    grid: Grid  # of all groups
    group: Group
    datasets: tuple[Dataset, ...]  # of each split that the seeds share out
    machine: Machine
    state: RunState  # shapes of one run's state
    structure: nn.Structure  # what the network reports of its layers
    width: int  # runs of a block, vectorised together: by the static setting alone, as bits depend on it
    capacity: int  # blocks per device
    step_flops: float  # per run
    probe_flops: float  # per run

    @functools.cached_property
    def setting(self) -> config.Setting:
        """The first run's setting: its static fields are those of every run of the group."""
        return config.build_setting(self.grid.setting(int(self.group.rows[0])))

    @functools.cached_property
    def probes(self) -> np.ndarray:
        """The steps of the probes."""
        return probe_steps(self.setting.train, self.setting.probe)

    @functools.cached_property
    def origin(self) -> dict[str, dict[str, str]]:
        """What the group's bits depend on besides its settings: entries, and for some a scope.

        An entry is the same, or should be, for all runs; one with a scope for all runs of that scope: the digest of
        a source's examples for those that name the same, that of the numbers made of them for those that make them in
        the same way, the width for those of the same program.
        """
        static = {key: str(value) for key, value in self.group.static.items()}
        data = {key: value for key, value in static.items() if key.startswith("data.") and "stream" not in key}
        source = {key: value for key, value in data.items() if key not in ("data.normalize", "data.test_fraction")}
        return {
            "fingerprint": {
                **self.machine.fingerprint,
                "arithmetic": str(ARITHMETIC),
                "width": str(self.width),
                "data": _of_all(data.source_digest for data in self.datasets),
                "inputs": _of_all(data.digest for data in self.datasets),
            },
            "scopes": {name: _short_digest(of) for name, of in (("data", source), ("inputs", data), ("width", static))},
        }

    @functools.cached_property
    def splits(self) -> np.ndarray:
        """Which split of the data each run takes: int32 [runs of the group]."""
        return split_of(self.group.knobs["seed"], len(self.datasets)).astype(np.int32)

    def places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (block, lane) of each of these runs (positions in the group); those of a block share their split."""
        splits = self.splits[rows]
        order = np.argsort(splits, kind="stable")
        runs = np.bincount(splits, minlength=len(self.datasets))
        first, rank = np.cumsum(runs) - runs, np.empty(len(rows), np.int64)
        rank[order] = np.arange(len(rows)) - np.repeat(first, runs)
        blocks = -(-runs // self.width)
        return (np.cumsum(blocks) - blocks)[splits] + rank // self.width, rank % self.width

    @property
    def checkpoint_origin(self) -> str:
        """What a saved state must have come from to be gone on with: fingerprint, what no id tells, and shapes."""
        beside = {key: self.group.static[key] for key in sorted(NOT_IN_ID)}
        shapes = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(self.state)]
        return f"{self.origin['fingerprint']} {beside} {shapes}"

    @property
    def slots(self) -> int:
        """Places for a run's state that the program has, those of idle devices included."""
        return self.machine.partitions * self.capacity * self.width

    @property
    def state_bytes(self) -> int:
        """Memory of the states that the program holds at once."""
        return self.slots * _bytes(self.state)

    def seconds(self, steps: int, probes: int, blocks: int, rate: float) -> float:
        """Return the time that a device of so many FLOP/s takes for so many steps and probes of its blocks."""
        flops = steps * self.step_flops + probes * self.probe_flops
        return blocks * (self.width * flops / rate + steps * STEP_OVERHEAD)

    @property
    def guessed_rate(self) -> float:
        """A first guess of a device's FLOP/s."""
        return GUESSED_FLOPS.get(self.machine.platform, DEFAULT_GUESSED_FLOPS)

    def segment_steps(self, blocks: int, rate: float) -> int:
        """Return how many steps of so many blocks a device should take in one call."""
        return max(1, int(2 * CALL_SECONDS / self.seconds(1, 0, blocks, rate)))

    def chunk_blocks(self, rate: float) -> int:
        """Return how many blocks to train together so that whole runs fit one call, as far as they can."""
        block_seconds = self.seconds(self.setting.train.steps, len(self.probes), 1, rate)
        return int(np.clip(CALL_SECONDS / block_seconds, 1, self.capacity)) * self.machine.devices


class Estimate(NamedTuple):
    """What a training will take."""

    groups: int
    chunks: int
    chunk_runs: int  # of the largest chunk
    state_bytes: int  # of the largest group
    seconds: float  # inside compiled programs


def lay_out(grid: Grid, load: Callable[[config.Data], tuple[Dataset, ...]], machine: Machine) -> list[Layout]:
    """Return the layout of each group; what cannot be trained is refused here, before anything is.

    `load` returns the data sets of a data configuration, one a split.
    """
    return [_layout(grid, group, load, machine) for group in grid.groups()]


def _layout(grid: Grid, group: Group, load: Callable[[config.Data], tuple[Dataset, ...]], machine: Machine) -> Layout:
    check_precision(group.static["engine.precision"], machine)
    datasets = load(config.build_setting(group.static).data)
    with pinned(group.static["engine.precision"]):
        arrays = _arrays(datasets[0], group.static["engine.precision"], _shape)
        setting = group_setting(group, slice(0, 1), arrays.x.dtype)
        batch = batch_size(setting.train, arrays.train_examples)
        one = jax.tree.map(lambda a: jax.ShapeDtypeStruct((), a.dtype), setting)
        network = make_network(config.build_setting(grid.setting(int(group.rows[0]))), arrays)
        state = jax.eval_shape(functools.partial(init_state, network=network), one, arrays)
        affine = jax.eval_shape(network.structure.affine_layers, state.params)
        width = machine.width(_layer_bytes(network, arrays, state, batch))
    budget = STATE_BYTES.get(machine.platform, DEFAULT_STATE_BYTES)
    kernels = [kernel.shape for kernel, _ in affine] or [leaf.shape for leaf in jax.tree.leaves(state.params)]
    _require_probes(setting, state)
    _require_layers(group, network.structure)
    layout = Layout(
        grid=grid,
        group=group,
        datasets=datasets,
        machine=machine,
        state=state,
        structure=network.structure,
        width=width,
        capacity=int(np.clip(budget // (_bytes(state) * width), 1, MOST_BLOCKS)),
        step_flops=step_flops(kernels, batch),
        probe_flops=2.0 * sum(map(math.prod, kernels)) * arrays.x.shape[0],
    )
    _require_memory(layout, arrays, max(batch, min(BLOCK, arrays.x.shape[0])))
    return layout


def _layer_bytes(network: Network, arrays: Arrays, state: RunState, batch: int) -> int:
    """Return the memory of the largest layer's pre-activations, or of the inputs, of one run on a batch."""
    inputs = jax.ShapeDtypeStruct((batch, *arrays.x.shape[1:]), arrays.x.dtype)

    def forward(params: Any, buffers: Any, x: Array) -> nn.Forward:
        return network(params, buffers, x, train=True)[0]

    shapes = jax.eval_shape(forward, state.params, state.buffers, inputs)
    return max(map(_bytes, (inputs, shapes.output, *(layer.z for layer in shapes.hidden))))


def _require_probes(setting: config.Setting, state: RunState) -> None:
    """Refuse probes so far apart that the units counted between two of them are more than the counter holds."""
    steps = probe_steps(setting.train, setting.probe)
    between = int(np.diff(steps, prepend=0).max())
    widest = max((counter.last_active.shape[0] for counter in state.counters), default=0)
    if between * widest > config.MOST:
        raise UserError(
            f"probe.count={setting.probe.count or len(steps)}: {between:,} steps between two probes of layers of "
            f"{widest:,} units are more than are counted ({config.MOST:,}); it takes more probes, or "
            "probe.spacing=linear"
        )


def _require_layers(group: Group, structure: nn.Structure) -> None:
    """Refuse what acts on affine layers where a network multiplies parameters that are none: it would miss them."""
    if not structure.unread:
        return
    neutral = {"optimizer.weight_decay": 0.0, "optimizer.bias_decay": 0.0, "optimizer.bias_rate": 1.0}
    acting = [key for key, value in neutral.items() if np.any(group.knobs[key] != value)]
    acting += ["optimizer.frozen"] if group.static["optimizer.frozen"] else []
    acting += ["remedy.name"] if group.static["remedy.name"] in _OF_LAYERS else []
    if acting:
        name = group.static["model.name"]
        raise UserError(
            f"{acting[0]}: it would miss parameters of model.name={name}, which at {structure.unread[0]} multiplies "
            "some that are no dense layer or convolution as they stand, or that are used more than once"
        )


#: Remedies that act on all affine layers, wherever the units are.
_OF_LAYERS = {"l2_init", "shrink_and_perturb", "selective_weight_resets"}


def _require_memory(layout: Layout, arrays: Arrays, examples: int) -> None:
    """Refuse a group that the machine's memory does not hold, by what its program takes at the very least.

    That is the states, the data on each device, and for a block of runs the gradients, the steps, and z, h and slope
    of every unit on the `examples` that pass through the network at once.
    """
    setting, machine, shapes = layout.setting, layout.machine, layout.state
    params = _bytes(shapes.params)
    units = sum(counter.last_active.shape[0] for counter in shapes.counters)
    working = layout.width * (2 * params + 3 * examples * units * arrays.x.dtype.itemsize)
    needed = layout.state_bytes + machine.partitions * (working + len(layout.datasets) * _bytes((arrays.x, arrays.y)))
    memory.require(
        f"{_size(setting)} in blocks of engine.width={layout.width} runs",
        needed,
        machine.memory(),
        hint="it takes a smaller network, engine.width, train.batch_size or probe.count",
    )


def _size(setting: config.Setting) -> str:
    """Return what makes a network large, in words."""
    name = setting.model.name
    is_sized = name in config.KEYS["model.widths"].readers
    return f"model.widths={shown(list(setting.model.widths))}" if is_sized else f"model.name={name}"


def _of_all(digests: Iterable[str]) -> str:
    """Return the digest of several, which is that of a single one."""
    return functools.reduce(lambda one, other: _short_digest({one: other}), digests)


def _short_digest(values: Mapping[str, str]) -> str:
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def _bytes(tree: Any) -> int:
    """Return the memory that a tree of arrays takes, or would take if it is of shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def estimate(layouts: Sequence[Layout]) -> Estimate:
    """Return what training these groups will take, by a guess of the machine's rate."""
    chunks, largest, seconds = 0, 0, 0.0
    for layout in layouts:
        runs, size = len(layout.group.rows), layout.chunk_blocks(layout.guessed_rate)
        blocks = int(layout.places(np.arange(runs))[0].max()) + 1
        chunks, largest = chunks + -(-blocks // size), max(largest, min(size * layout.width, runs))
        rounds = -(-blocks // layout.machine.devices)
        seconds += layout.seconds(layout.setting.train.steps, len(layout.probes), rounds, layout.guessed_rate)
    memory = max((layout.state_bytes for layout in layouts), default=0)
    return Estimate(len(layouts), chunks, largest, memory, seconds)


def split_arrays(datasets: Sequence[Dataset], precision: str) -> Arrays:
    """Return the data sets of all splits in the precision of the runs: x and y begin with an axis [splits]."""
    every = [_arrays(data, precision, lambda arrays, dtype: np.concatenate(arrays).astype(dtype)) for data in datasets]
    return jax.tree.map(lambda *arrays: jnp.asarray(np.stack(arrays)), *every)


def _arrays(data: Dataset, precision: str, made_of: Callable[[Sequence[np.ndarray], Any], Any]) -> Arrays:
    """Return the data set in the precision of the runs; classes stay whole numbers.

    `made_of` makes one array of those for training and for testing, of a given type.
    """
    dtype: Any = np.float64 if precision == "float64" else np.float32
    x = made_of((data.x_train, data.x_test), dtype)
    y = made_of((data.y_train, data.y_test), np.int32 if are_classes(data.y_train) else dtype)
    return Arrays(x, y, len(data.x_train), data.outputs, data.image_shape)


def _shape(arrays: Sequence[np.ndarray], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((sum(map(len, arrays)), *arrays[0].shape[1:]), dtype)


def group_setting(group: Group, rows: np.ndarray | slice, dtype: Any) -> config.Setting:
    """Return the setting of the group's `rows` (positions in the group): each knob an array [runs]."""
    values: dict[str, Any] = dict(group.static)
    for name, column in group.knobs.items():
        kind = dtype if config.SETTING_KEYS[name].type is float else np.int32
        values[name] = np.asarray(column[rows], kind)
    return config.build_setting(values)


def step_flops(shapes: list[tuple[int, ...]], batch: int) -> float:
    """Return the floating-point operations of one update of dense layers with these kernel shapes.

    6 an example and weight (forward, gradient of the weights, gradient of the inputs), but no gradient of the
    inputs of layer 1. A convolution counts as its kernel at one position: an underestimate.
    """
    sizes = [math.prod(shape) for shape in shapes]
    return batch * (6.0 * sum(sizes) - 2.0 * sizes[0])

"""Many runs at once: compiles a group of runs, places fixed-width blocks of them on the devices, calls by call.

Each device holds a fixed number of blocks, each block a fixed number of runs that are vectorised together, and
a traced number says how many of the blocks to train. So one compiled program serves any number of runs, and a
run's bits depend neither on its neighbours nor on how many there are.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from relubench import config, train
from relubench.data import Dataset
from relubench.errors import UserError
from relubench.grid import Grid, Group

#: Runs vectorised together on one device: on a CPU, wider blocks fall out of the cache.
WIDTHS = {"cpu": 8}
DEFAULT_WIDTH = 256
#: Memory that the states of one device's blocks may take, in bytes, and the most blocks a device holds.
STATE_BYTES = {"cpu": 64 << 20}
DEFAULT_STATE_BYTES = 4 << 30
MOST_BLOCKS = 256
#: A call into a compiled program should take about this long, so that progress and Ctrl-C are prompt.
CALL_SECONDS = 3.0
#: Long runs are saved to disk this often.
CHECKPOINT_SECONDS = 60.0
#: A first guess of a device's rate, replaced by the measured one after the first call.
GUESSED_FLOPS = {"cpu": 3e10}
DEFAULT_GUESSED_FLOPS = 2e12


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def processor_type() -> str:
    """Return a name of the processor's kind that changes where compiled code may differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
    flags = hashlib.sha256(facts.get("flags", facts.get("Features", "")).encode()).hexdigest()[:8]
    return f"{facts.get('model name', platform.machine())} {flags}"


def prepare() -> None:
    """Set JAX up, before its first array: one host device per core, and compiled programs kept on disk."""
    jax.config.update("jax_num_cpu_devices", usable_cores())
    if not jax.config.jax_compilation_cache_dir:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        kind = hashlib.sha256(processor_type().encode()).hexdigest()[:12]
        jax.config.update("jax_compilation_cache_dir", str(base / "relubench" / "xla" / kind))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@dataclass(frozen=True)
class Machine:
    """The devices that train, and the width of their blocks."""

    mesh: Mesh
    width: int

    @property
    def platform(self) -> str:
        """The backend's name: cpu, gpu or tpu."""
        return self.mesh.devices.flat[0].platform

    @property
    def devices(self) -> int:
        """The number of devices."""
        return self.mesh.devices.size

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a run's bits may depend on besides its setting."""
        device = self.mesh.devices.flat[0]
        return {
            "backend": self.platform,
            "processor": processor_type() if self.platform == "cpu" else device.device_kind,
            "jax": jax.__version__,
            "width": str(self.width),
        }


def make_machine(engine: config.Engine) -> Machine:
    """Return the machine that the configuration asks for."""
    found = jax.devices()
    wanted = engine.devices or len(found)
    if wanted > len(found):
        raise UserError(f"engine.devices={wanted}: there are {len(found)} devices ({found[0].platform})")
    kind = found[0].platform
    mesh = Mesh(np.array(found[:wanted]), ("runs",), axis_types=(AxisType.Auto,))
    return Machine(mesh, engine.width or WIDTHS.get(kind, DEFAULT_WIDTH))


def check_precision(precision: str, machine: Machine) -> None:
    """Refuse a precision that the backend would silently replace by another one."""
    if machine.platform == "cpu" and precision in ("tf32", "bfloat16"):
        raise UserError(f"engine.precision={precision}: a CPU takes float32 or float64")


class Checkpoints(Protocol):
    """Where the states of long runs are kept between calls."""

    def find(self, run_ids: np.ndarray) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield (run ids, step, leaves of their states) of each checkpoint that lies within `run_ids`."""

    def save(self, run_ids: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Keep the states of these runs at `step`."""

    def clear(self, run_ids: np.ndarray) -> None:
        """Forget the states of these runs."""


@dataclass(frozen=True)
class Trained:
    """Runs trained to the end, on the host: every array starts with an axis [runs]."""

    grid: Grid  # the runs' settings
    setting: config.Setting  # of the group: its static fields are those of every run
    steps: np.ndarray  # [probes]
    state: train.RunState
    seconds: float  # inside compiled programs


@dataclass
class Clock:
    """Where the time of a training went."""

    compiled: float = 0.0  # inside compiled programs
    compiling: float = 0.0  # tracing, lowering, compiling or loading from the cache
    run_steps: int = 0
    calls: int = 0


@dataclass
class _Plan:
    """One group's compiled program and what is needed to call it."""

    setting: config.Setting
    arrays: train.Arrays
    machine: Machine
    capacity: int  # blocks per device
    flops: float  # per run and step
    program: Callable[..., train.RunState]
    state: train.RunState = field(repr=False)
    rate: float = 0.0  # measured FLOP/s of one device


def device_arrays(data: Dataset, precision: str) -> train.Arrays:
    """Return the data set in the precision of the runs."""
    dtype = np.float64 if precision == "float64" else np.float32
    return train.Arrays(
        x=jnp.asarray(np.concatenate([data.x_train, data.x_test]), dtype),
        y=jnp.asarray(np.concatenate([data.y_train, data.y_test])),
        train_examples=len(data.x_train),
        outputs=data.outputs,
        image_shape=data.image_shape,
    )


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


def _block_loop(setting: Any, arrays: Any, blocks: Any, first: Any, last: Any, state: Any) -> Any:
    """Train this device's first `blocks[0]` blocks; settings and states are [blocks, width, ...]."""

    def one(index: Array, state: Any) -> Any:
        inputs, block = jax.tree.map(lambda a: a[index], (setting, state))
        block = jax.vmap(train.advance, in_axes=(0, None, None, None, 0))(inputs, arrays, first, last, block)
        return jax.tree.map(lambda all_, new: all_.at[index].set(new), state, block)

    return lax.fori_loop(0, blocks[0], one, state)


@functools.cache
def _jitted(mesh: Mesh) -> Any:
    runs, shared = PartitionSpec("runs"), PartitionSpec()
    mapped = jax.shard_map(
        _block_loop,
        mesh=mesh,
        in_specs=(runs, shared, runs, shared, shared, runs),
        out_specs=runs,
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=5)


def _prepare_group(group: Group, arrays: train.Arrays, machine: Machine) -> _Plan:
    template = group_setting(group, slice(0, 1), arrays.x.dtype)
    one = jax.tree.map(lambda a: jax.ShapeDtypeStruct((), a.dtype), template)
    train.batch_size(template.train, arrays.train_examples)
    shape = jax.eval_shape(train.init_state, one, arrays)
    run_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shape))
    budget = STATE_BYTES.get(machine.platform, DEFAULT_STATE_BYTES)
    capacity = int(np.clip(budget // (run_bytes * machine.width), 1, MOST_BLOCKS))
    lead = (machine.devices * capacity, machine.width)
    sharding = NamedSharding(machine.mesh, PartitionSpec("runs"))
    zeros = jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape, leaf.dtype), shape)
    state = jax.device_put(zeros, sharding)
    settings = jax.tree.map(lambda a: jax.ShapeDtypeStruct(lead, a.dtype), template)
    blocks = jax.ShapeDtypeStruct((machine.devices,), np.int32)
    scalar = jax.ShapeDtypeStruct((), np.int32)
    lowered = _jitted(machine.mesh).lower(settings, arrays, blocks, scalar, scalar, state)
    kernels = [kernel.shape for kernel, _ in train.nn.affine_layers(shape.params)]
    batch = train.batch_size(template.train, arrays.train_examples)
    flops = step_flops(kernels, batch)
    return _Plan(template, arrays, machine, capacity, flops, lowered.compile(), state)


def _placement(runs: int, machine: Machine, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (position of each run among [devices x capacity x width] slots, blocks to train on each device)."""
    width, devices = machine.width, machine.devices
    block, lane = np.divmod(np.arange(runs), width)
    round_, device = np.divmod(block, devices)
    slots = (device * capacity + round_) * width + lane
    total = -(-runs // width)
    blocks = (total + devices - 1 - np.arange(devices)) // devices
    return slots, blocks.astype(np.int32)


class _Chunk:
    """Some runs of a group on their way from their first step to their last."""

    def __init__(self, plan: _Plan, group: Group, rows: np.ndarray) -> None:
        self.plan, self.rows = plan, rows
        self.slots, self.blocks = _placement(len(rows), plan.machine, plan.capacity)
        setting = group_setting(group, rows, plan.arrays.x.dtype)
        self.setting = jax.tree.map(self._spread, setting)
        self.step = 0

    def _spread(self, values: np.ndarray) -> np.ndarray:
        machine = self.plan.machine
        lanes = np.full((machine.devices * self.plan.capacity * machine.width,), values[0], values.dtype)
        lanes[self.slots] = values
        return lanes.reshape(-1, machine.width)

    def advance(self, last: int) -> float:
        """Train to step `last`; return the seconds it took."""
        plan, start = self.plan, time.perf_counter()
        plan.state = plan.program(
            self.setting, plan.arrays, self.blocks, np.int32(self.step), np.int32(last), plan.state
        )
        jax.block_until_ready(plan.state)
        self.step = last
        return time.perf_counter() - start

    def fetch(self, tree: Any) -> Any:
        """Return the runs' part of a tree of state arrays, on the host: [runs, ...]."""
        return jax.tree.map(lambda a: np.asarray(a).reshape(-1, *a.shape[2:])[self.slots], tree)

    def restore(self, step: int, leaves: list[np.ndarray]) -> None:
        """Put saved states back."""
        state, treedef = jax.tree.flatten(self.plan.state)
        placed = []
        for now, saved in zip(state, leaves, strict=True):
            lanes = np.array(now).reshape(-1, *now.shape[2:])
            lanes[self.slots] = saved
            placed.append(jax.device_put(lanes.reshape(now.shape), now.sharding))
        self.plan.state, self.step = jax.tree.unflatten(treedef, placed), step


def _chunk_size(plan: _Plan) -> int:
    """Return how many runs to train together so that a whole run fits one call, as far as it can."""
    rate = plan.rate or GUESSED_FLOPS.get(plan.machine.platform, DEFAULT_GUESSED_FLOPS)
    block_seconds = plan.flops * max(plan.setting.train.steps, 1) * plan.machine.width / rate
    blocks = int(np.clip(CALL_SECONDS / block_seconds, 1, plan.capacity))
    return blocks * plan.machine.width * plan.machine.devices


def _segment(plan: _Plan, chunk: _Chunk) -> int:
    """Return the step to which the next call should train the chunk."""
    rate = plan.rate or GUESSED_FLOPS.get(plan.machine.platform, DEFAULT_GUESSED_FLOPS)
    step_seconds = plan.flops * plan.machine.width * int(chunk.blocks.max()) / rate
    steps = max(1, int(2 * CALL_SECONDS / step_seconds))
    return min(plan.setting.train.steps, chunk.step + steps)


def _run_chunk(
    plan: _Plan, chunk: _Chunk, run_ids: np.ndarray, clock: Clock, checkpoints: Checkpoints | None,
    progress: Callable[[int], None],
) -> float:  # fmt: skip
    """Train the chunk to its end, saving it from time to time; return the seconds inside compiled programs."""
    saved, spent, steps = time.monotonic(), 0.0, plan.setting.train.steps
    while True:
        before, last = chunk.step, _segment(plan, chunk)
        seconds = chunk.advance(last)
        done = (last - before) * len(chunk.rows)
        if done:
            blocks_work = plan.flops * (last - before) * int(chunk.blocks.max()) * plan.machine.width
            plan.rate = blocks_work / seconds
        clock.compiled, clock.run_steps, clock.calls = clock.compiled + seconds, clock.run_steps + done, clock.calls + 1
        spent += seconds
        progress(done)
        if chunk.step >= steps:
            return spent
        if checkpoints is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoints.save(run_ids, chunk.step, jax.tree.leaves(chunk.fetch(plan.state)))
            saved = time.monotonic()


def train_grid(
    grid: Grid,
    load: Callable[[config.Data], Dataset],
    machine: Machine,
    *,
    checkpoints: Checkpoints | None = None,
    progress: Callable[[int], None] = lambda run_steps: None,
    clock: Clock | None = None,
) -> Iterator[Trained]:
    """Train every run of the grid, group by group; yield the finished runs of each chunk.

    `load` returns the data set of a data configuration; `progress` is told the run-steps after each call.
    """
    clock = clock or Clock()
    for group in grid.groups():
        precision = group.static["engine.precision"]
        check_precision(precision, machine)
        with jax.enable_x64(precision == "float64"):
            start = time.perf_counter()
            setting = config.build_setting(group.static)
            plan = _prepare_group(group, device_arrays(load(setting.data), precision), machine)
            clock.compiling += time.perf_counter() - start
            yield from _train_group(plan, group, grid, checkpoints, progress, clock)


def _train_group(
    plan: _Plan, group: Group, grid: Grid, checkpoints: Checkpoints | None,
    progress: Callable[[int], None], clock: Clock,
) -> Iterator[Trained]:  # fmt: skip
    steps = train.probe_steps(plan.setting.train, plan.setting.probe)
    for chunk in _chunks(plan, group, grid, checkpoints):
        runs = grid.take(group.rows[chunk.rows])
        seconds = _run_chunk(plan, chunk, runs.run_ids(), clock, checkpoints, progress)
        yield Trained(runs, plan.setting, steps, chunk.fetch(plan.state), seconds)
        if checkpoints is not None:
            checkpoints.clear(runs.run_ids())


def _chunks(plan: _Plan, group: Group, grid: Grid, checkpoints: Checkpoints | None) -> Iterator[_Chunk]:
    """Yield the group's runs in chunks: first those that a checkpoint holds, then the rest in order."""
    left = np.arange(len(group.rows))
    if checkpoints is not None:
        ids = grid.take(group.rows).run_ids()
        position: Mapping[Any, int] = {id_: place for place, id_ in enumerate(ids.tolist())}
        for saved_ids, step, leaves in checkpoints.find(ids):
            rows = np.array([position[id_] for id_ in saved_ids.tolist()])
            if len(rows) > plan.machine.devices * plan.capacity * plan.machine.width:
                continue
            chunk = _Chunk(plan, group, rows)
            chunk.restore(step, leaves)
            left = np.setdiff1d(left, rows)
            yield chunk
    while len(left):
        size = _chunk_size(plan)
        rows, left = left[:size], left[size:]
        yield _Chunk(plan, group, rows)

"""Many runs at once: compiles a group of runs, places fixed-width blocks of them on the devices, calls by call.

Each device holds a fixed number of blocks, each block a fixed number of runs that are vectorised together, and
a traced number says how many of the blocks to train. So one compiled program serves any number of runs, and a
run's bits depend neither on its neighbours nor on how many there are.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

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
GUESSED_FLOPS = {"cpu": 4e10}
DEFAULT_GUESSED_FLOPS = 2e12
#: Seconds that a step of one block takes however small its products are.
STEP_OVERHEAD = 1e-4


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
    with contextlib.suppress(RuntimeError):  # a caller of the library has used JAX already: its devices serve
        jax.config.update("jax_num_cpu_devices", usable_cores())
    if not jax.config.values["jax_compilation_cache_dir"]:
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

    def find(self, run_ids: np.ndarray, origin: str) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield (run ids, step, leaves of their states) of each checkpoint of `origin` that lies within `run_ids`."""

    def save(self, run_ids: np.ndarray, origin: str, step: int, leaves: list[np.ndarray]) -> None:
        """Keep the states of these runs at `step`; only the same `origin` may go on from them."""

    def clear(self, run_ids: np.ndarray) -> None:
        """Forget the states of these runs."""


@dataclass(frozen=True)
class Trained:
    """Runs trained to the end, on the host: every array starts with an axis [runs]."""

    grid: Grid  # the runs' settings
    setting: config.Setting  # of the group: its static fields are those of every run
    steps: np.ndarray  # [probes]
    state: Any  # train.RunState of NumPy arrays
    seconds: float  # inside compiled programs


@dataclass
class Clock:
    """Where the time of a training went."""

    compiled: float = 0.0  # inside compiled programs
    compiling: float = 0.0  # waiting for a program that is traced, compiled or loaded from the cache
    run_steps: int = 0


@dataclass(frozen=True)
class Layout:
    """How a group of runs will lie on the machine and what it costs: known before anything is compiled."""

    grid: Grid  # of all groups
    group: Group
    data: Dataset
    machine: Machine
    state: train.RunState  # shapes of one run's state
    capacity: int  # blocks per device
    step_flops: float  # per run
    probe_flops: float  # per run

    @property
    def setting(self) -> config.Setting:
        """The first run's setting: its static fields are those of every run of the group."""
        return config.build_setting(self.grid.setting(int(self.group.rows[0])))

    @property
    def probes(self) -> np.ndarray:
        """The steps of the probes."""
        return train.probe_steps(self.setting.train, self.setting.probe)

    @property
    def origin(self) -> str:
        """What a saved state must have come from to be gone on with: this machine, and states of this shape."""
        shapes = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(self.state)]
        return f"{self.machine.fingerprint} {shapes}"

    @property
    def state_bytes(self) -> int:
        """Memory of the states that all devices hold at once."""
        one = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(self.state))
        return one * self.machine.devices * self.capacity * self.machine.width

    def seconds(self, steps: int, probes: int, blocks: int, rate: float) -> float:
        """Return the time that a device of so many FLOP/s takes for so many steps and probes of its blocks."""
        flops = steps * self.step_flops + probes * self.probe_flops
        return blocks * (self.machine.width * flops / rate + steps * STEP_OVERHEAD)

    @property
    def guessed_rate(self) -> float:
        """A first guess of a device's FLOP/s."""
        return GUESSED_FLOPS.get(self.machine.platform, DEFAULT_GUESSED_FLOPS)

    def chunk_runs(self, rate: float) -> int:
        """Return how many runs to train together so that whole runs fit one call, as far as they can."""
        block_seconds = self.seconds(self.setting.train.steps, len(self.probes), 1, rate)
        blocks = int(np.clip(CALL_SECONDS / block_seconds, 1, self.capacity))
        return blocks * self.machine.width * self.machine.devices


class Estimate(NamedTuple):
    """What a training will take."""

    groups: int
    chunks: int
    chunk_runs: int  # of the largest chunk
    state_bytes: int  # of the largest group
    seconds: float  # inside compiled programs


class _Compiled(NamedTuple):
    """One group's compiled program."""

    layout: Layout
    arrays: train.Arrays
    call: Callable[..., train.RunState]
    state: Any  # shapes and placement of all states


@dataclass
class _Program:
    """One group's compiled program, and the states it works on."""

    layout: Layout
    arrays: train.Arrays
    call: Callable[..., train.RunState]
    state: train.RunState = field(repr=False)
    rate: float  # FLOP/s of one device: guessed, then measured


def _dtype(precision: str) -> Any:
    return np.float64 if precision == "float64" else np.float32


def _arrays(data: Dataset, x: Any, y: Any) -> train.Arrays:
    return train.Arrays(x, y, len(data.x_train), data.outputs, data.image_shape)


def device_arrays(data: Dataset, precision: str) -> train.Arrays:
    """Return the data set in the precision of the runs."""
    x = jnp.asarray(np.concatenate([data.x_train, data.x_test]), _dtype(precision))
    return _arrays(data, x, jnp.asarray(np.concatenate([data.y_train, data.y_test])))


def _array_shapes(data: Dataset, precision: str) -> train.Arrays:
    examples = len(data.x_train) + len(data.x_test)
    x = jax.ShapeDtypeStruct((examples, data.x_train.shape[1]), _dtype(precision))
    return _arrays(data, x, jax.ShapeDtypeStruct((examples,), np.int32))


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


def _precise(group: Group) -> Any:
    """A context in which JAX keeps float64 where the group asks for it."""
    return jax.enable_x64(group.static["engine.precision"] == "float64")


def plan(grid: Grid, load: Callable[[config.Data], Dataset], machine: Machine) -> list[Layout]:
    """Return the layout of each group; what cannot be trained is refused here, before anything is.

    `load` returns the data set of a data configuration.
    """
    return [_layout(grid, group, load, machine) for group in grid.groups()]


def _layout(grid: Grid, group: Group, load: Callable[[config.Data], Dataset], machine: Machine) -> Layout:
    check_precision(group.static["engine.precision"], machine)
    data = load(config.build_setting(group.static).data)
    with _precise(group):
        arrays = _array_shapes(data, group.static["engine.precision"])
        setting = group_setting(group, slice(0, 1), arrays.x.dtype)
        batch = train.batch_size(setting.train, arrays.train_examples)
        train.nn.LOSSES[setting.loss.name]
        state = jax.eval_shape(
            train.init_state, jax.tree.map(lambda a: jax.ShapeDtypeStruct((), a.dtype), setting), arrays
        )
    run_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    budget = STATE_BYTES.get(machine.platform, DEFAULT_STATE_BYTES)
    kernels = [kernel.shape for kernel, _ in train.nn.affine_layers(state.params)]
    return Layout(
        grid=grid,
        group=group,
        data=data,
        machine=machine,
        state=state,
        capacity=int(np.clip(budget // (run_bytes * machine.width), 1, MOST_BLOCKS)),
        step_flops=step_flops(kernels, batch),
        probe_flops=2.0 * sum(map(math.prod, kernels)) * arrays.x.shape[0],
    )


def estimate(layouts: Sequence[Layout]) -> Estimate:
    """Return what training these groups will take, by a guess of the machine's rate."""
    sizes = [min(layout.chunk_runs(layout.guessed_rate), len(layout.group.rows)) for layout in layouts]
    chunks = [-(-len(layout.group.rows) // size) for layout, size in zip(layouts, sizes, strict=True)]
    seconds = 0.0
    for layout in layouts:
        blocks = -(-len(layout.group.rows) // (layout.machine.width * layout.machine.devices))
        seconds += layout.seconds(layout.setting.train.steps, len(layout.probes), blocks, layout.guessed_rate)
    memory = max((layout.state_bytes for layout in layouts), default=0)
    return Estimate(len(layouts), sum(chunks), max(sizes, default=0), memory, seconds)


def _compile(layout: Layout) -> _Compiled:
    """Trace and compile a group's program, or load it from the cache."""
    with _precise(layout.group):
        machine = layout.machine
        arrays = device_arrays(layout.data, layout.group.static["engine.precision"])
        lead = (machine.devices * layout.capacity, machine.width)
        sharding = NamedSharding(machine.mesh, PartitionSpec("runs"))
        state = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(lead + leaf.shape, leaf.dtype, sharding=sharding), layout.state
        )
        knobs = group_setting(layout.group, slice(0, 1), arrays.x.dtype)
        settings = jax.tree.map(lambda a: jax.ShapeDtypeStruct(lead, a.dtype), knobs)
        blocks = jax.ShapeDtypeStruct((machine.devices,), np.int32)
        scalar = jax.ShapeDtypeStruct((), np.int32)
        lowered = _jitted(machine.mesh).lower(settings, arrays, blocks, scalar, scalar, state)
        return _Compiled(layout, arrays, lowered.compile(), state)


def _allot(compiled: _Compiled) -> _Program:
    """Give a compiled program the memory of its states."""
    zeros = jax.tree.map(lambda s: jax.device_put(np.zeros(s.shape, s.dtype), s.sharding), compiled.state)
    return _Program(compiled.layout, compiled.arrays, compiled.call, zeros, compiled.layout.guessed_rate)


def _compiled_ahead(layouts: Sequence[Layout], clock: Clock) -> Iterator[_Compiled]:
    """Yield each group's compiled program; the next group's is compiled while this one trains."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            futures = [pool.submit(_compile, layout) for layout in layouts[:1]]
            for place in range(len(layouts)):
                start = time.perf_counter()
                compiled = futures.pop().result()
                clock.compiling += time.perf_counter() - start
                futures = [pool.submit(_compile, layout) for layout in layouts[place + 1 : place + 2]]
                yield compiled
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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

    def __init__(self, program: _Program, rows: np.ndarray) -> None:
        layout = program.layout
        self.program, self.machine = program, layout.machine
        self.runs = layout.grid.take(layout.group.rows[rows])
        self.run_ids = self.runs.run_ids()
        self.lanes = layout.machine.devices * layout.capacity * layout.machine.width
        self.slots, self.blocks = _placement(len(rows), layout.machine, layout.capacity)
        self.setting = jax.tree.map(self._spread, group_setting(layout.group, rows, program.arrays.x.dtype))
        self.step = 0

    def _spread(self, values: np.ndarray) -> np.ndarray:
        lanes = np.full(self.lanes, values[0], values.dtype)
        lanes[self.slots] = values
        return lanes.reshape(-1, self.machine.width)

    def advance(self, last: int) -> float:
        """Train to step `last`; return the seconds it took."""
        program, start = self.program, time.perf_counter()
        steps = np.int32(self.step), np.int32(last)
        program.state, self.step = program.call(self.setting, program.arrays, self.blocks, *steps, program.state), last
        jax.block_until_ready(program.state)
        return time.perf_counter() - start

    def segment(self) -> int:
        """Return the step to which the next call should train."""
        layout, blocks = self.program.layout, int(self.blocks.max())
        step_seconds = layout.seconds(1, 0, blocks, self.program.rate)
        return min(layout.setting.train.steps, self.step + max(1, int(2 * CALL_SECONDS / step_seconds)))

    def fetch(self) -> Any:
        """Return the runs' states (train.RunState) on the host, as NumPy arrays [runs, ...]."""
        return jax.tree.map(lambda a: np.asarray(a).reshape(-1, *a.shape[2:])[self.slots], self.program.state)

    def save(self, checkpoints: Checkpoints) -> None:
        """Keep the states, unless a call that was cut off has consumed them."""
        leaves = jax.tree.leaves(self.program.state)
        if self.step > 0 and not any(leaf.is_deleted() for leaf in leaves):
            checkpoints.save(self.run_ids, self.program.layout.origin, self.step, jax.tree.leaves(self.fetch()))

    def restore(self, step: int, leaves: list[np.ndarray]) -> None:
        """Put saved states back."""
        state, treedef = jax.tree.flatten(self.program.state)
        placed = []
        for now, saved in zip(state, leaves, strict=True):
            lanes = np.array(now).reshape(-1, *now.shape[2:])
            lanes[self.slots] = saved
            placed.append(jax.device_put(lanes.reshape(now.shape), now.sharding))
        self.program.state, self.step = jax.tree.unflatten(treedef, placed), step


def train_grid(
    layouts: Sequence[Layout],
    *,
    checkpoints: Checkpoints | None = None,
    progress: Callable[[int], None] = lambda run_steps: None,
    clock: Clock | None = None,
) -> Iterator[Trained]:
    """Train every run, group by group; yield the finished runs of each chunk.

    `progress` is told the run-steps after each call.
    """
    clock = clock or Clock()
    for compiled in _compiled_ahead(layouts, clock):
        layout = compiled.layout
        with _precise(layout.group):
            for chunk in _chunks(_allot(compiled), checkpoints):
                seconds = _run_chunk(chunk, clock, checkpoints, progress)
                yield Trained(chunk.runs, layout.setting, layout.probes, chunk.fetch(), seconds)
                if checkpoints is not None:
                    checkpoints.clear(chunk.run_ids)


def _chunks(program: _Program, checkpoints: Checkpoints | None) -> Iterator[_Chunk]:
    """Yield the group's runs in chunks: first those that a checkpoint holds, then the rest in order."""
    layout = program.layout
    left = np.arange(len(layout.group.rows))
    if checkpoints is not None:
        ids = layout.grid.take(layout.group.rows).run_ids()
        position: Mapping[Any, int] = {id_: place for place, id_ in enumerate(ids.tolist())}
        for saved_ids, step, leaves in checkpoints.find(ids, layout.origin):
            rows = np.array([position[id_] for id_ in saved_ids.tolist()])
            if len(rows) > layout.machine.devices * layout.capacity * layout.machine.width:
                continue
            chunk = _Chunk(program, rows)
            chunk.restore(step, leaves)
            left = np.setdiff1d(left, rows)
            yield chunk
    while len(left):
        size = layout.chunk_runs(program.rate)
        rows, left = left[:size], left[size:]
        yield _Chunk(program, rows)


def _run_chunk(chunk: _Chunk, clock: Clock, checkpoints: Checkpoints | None, progress: Callable[[int], None]) -> float:
    """Train the chunk to its end, saving it from time to time; return the seconds inside compiled programs."""
    saved, spent, layout = time.monotonic(), 0.0, chunk.program.layout
    try:
        while True:
            before = chunk.step
            seconds = chunk.advance(chunk.segment())
            _note_rate(chunk, before, seconds)
            done = (chunk.step - before) * len(chunk.runs)
            clock.compiled, clock.run_steps = clock.compiled + seconds, clock.run_steps + done
            spent += seconds
            progress(done)
            if chunk.step >= layout.setting.train.steps:
                return spent
            if checkpoints is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                chunk.save(checkpoints)
                saved = time.monotonic()
    except KeyboardInterrupt:
        if checkpoints is not None:
            chunk.save(checkpoints)
        raise


def _note_rate(chunk: _Chunk, before: int, seconds: float) -> None:
    """Replace the guess of a device's rate by what a call has shown."""
    layout, blocks = chunk.program.layout, int(chunk.blocks.max())
    probes = np.count_nonzero((layout.probes > before) & (layout.probes <= chunk.step))
    flops = (chunk.step - before) * layout.step_flops + probes * layout.probe_flops
    overhead = blocks * (chunk.step - before) * STEP_OVERHEAD
    if flops:
        chunk.program.rate = blocks * layout.machine.width * flops / max(seconds - overhead, 0.1 * seconds)

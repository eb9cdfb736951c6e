"""Many runs at once: compiles a group of runs, places fixed-width blocks of them on the devices, calls by call.

Each device holds a fixed number of blocks, each block a fixed number of runs that are vectorised together, and
a traced number says how many of the blocks to train. So one compiled program serves any number of runs, and a
run's bits depend neither on its neighbours nor on how many there are.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from relubench.run import loop
from relubench.run.state import Arrays, RunState
from relubench.sweeps.grid import Grid
from relubench.sweeps.layout import STEP_OVERHEAD, Layout, group_setting, split_arrays
from relubench.sweeps.machine import Machine, pinned

if TYPE_CHECKING:
    from relubench.sweeps.folders import Folder
    from relubench.sweeps.programs import Store

#: Long runs are saved to disk this often.
CHECKPOINT_SECONDS = 60.0
#: How often the wait for a compilation is interrupted to report progress.
POLL_SECONDS = 0.1
#: Compiled programs that a process keeps loaded, to be used again. Each takes about a thousand mappings of memory, of
#: which Linux grants 65,530: a process with more ends in a segmentation fault.
MOST_PROGRAMS = 8


@dataclass(frozen=True)
class Trained:
    """Runs trained to the end, on the host: every array starts with an axis [runs]."""

    grid: Grid  # the runs' settings
    layout: Layout  # of their group
    state: Any  # RunState of NumPy arrays
    seconds: float  # inside compiled programs

    @property
    def probes(self) -> np.ndarray:
        """The steps of the probes."""
        return self.layout.probes


@dataclass
class Clock:
    """Where the time of a training went."""

    compiled: float = 0.0  # inside compiled programs
    compiling: float = 0.0  # waiting for a program that is traced, compiled or loaded from the cache
    run_steps: int = 0


def train_grid(
    layouts: Sequence[Layout],
    *,
    checkpoints: Folder | None = None,
    programs: Store | None = None,
    progress: Callable[[int], None] = lambda run_steps: None,
    clock: Clock | None = None,
    hurried: Callable[[], bool] = lambda: False,
) -> Iterator[Trained]:
    """Train every run, group by group; yield the finished runs of each chunk.

    `progress` takes the run-steps of each call, and 0 from time to time while a program is compiled; it stops
    the training by raising `KeyboardInterrupt`, upon which states are saved. They are saved after every call where
    `hurried` says so.
    """
    clock = clock or Clock()
    for program in _compiled_ahead(layouts, programs, clock, progress):
        layout = program.layout
        with pinned(layout.setting.engine.precision):
            program.allot()
            for chunk in _chunks(program, checkpoints):
                seconds = _run_chunk(chunk, clock, checkpoints, progress, hurried)
                yield Trained(chunk.runs, layout, chunk.fetch(), seconds)
                if checkpoints is not None:
                    checkpoints.clear(chunk.run_ids)


@dataclass
class Program:
    """One group's compiled program, and the states it works on."""

    layout: Layout
    arrays: Arrays  # of every split
    call: Callable[..., RunState]
    shapes: Any  # shapes and placement of all states
    rate: float  # FLOP/s of one device: guessed, then measured
    state: RunState = field(init=False, repr=False)

    def allot(self) -> None:
        """Give the program the memory of its states: not before its group's turn, as they may fill the device."""
        self.state = jax.tree.map(lambda s: jax.device_put(np.zeros(s.shape, s.dtype), s.sharding), self.shapes)


def _compiled_ahead(
    layouts: Sequence[Layout], programs: Store | None, clock: Clock, progress: Callable[[int], None]
) -> Iterator[Program]:
    """Yield each group's program; the next group's is compiled while this one trains."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        futures = [pool.submit(compile_group, layout, programs) for layout in layouts[:1]]
        for place in range(len(layouts)):
            start = time.perf_counter()
            while not wait(futures, timeout=POLL_SECONDS).done:
                progress(0)
            program = futures.pop().result()
            clock.compiling += time.perf_counter() - start
            futures = [pool.submit(compile_group, layout, programs) for layout in layouts[place + 1 : place + 2]]
            yield program
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a compilation cannot be stopped: whoever interrupts it ends


def compile_group(layout: Layout, programs: Store | None = None) -> Program:
    """Return a group's program: traced, and compiled or loaded from JAX's cache; or kept in `programs`, if they are."""
    with pinned(layout.setting.engine.precision):
        function, arguments = traceable(layout)

        def lower() -> Any:
            return function.lower(*arguments)

        call = programs.program(layout, arguments, lower) if programs else lower().compile()
        return Program(layout, arguments[1], call, arguments[-1], layout.guessed_rate)


def traceable(layout: Layout) -> tuple[Any, tuple[Any, ...]]:
    """Return the jitted function of a group's program, and what it is called with: the data, else shapes alone."""
    machine = layout.machine
    arrays = split_arrays(layout.datasets, layout.group.static["engine.precision"])
    lead = (machine.partitions * layout.capacity, layout.width)
    sharding = NamedSharding(machine.mesh, PartitionSpec("runs"))
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(lead + leaf.shape, leaf.dtype, sharding=sharding), layout.state
    )
    knobs = group_setting(layout.group, slice(0, 1), arrays.x.dtype)
    settings = jax.tree.map(lambda a: jax.ShapeDtypeStruct(lead, a.dtype), knobs)
    splits = jax.ShapeDtypeStruct(lead[:1], np.int32)
    blocks = jax.ShapeDtypeStruct((machine.partitions,), np.int32)
    scalar = jax.ShapeDtypeStruct((), np.int32)
    arguments = (settings, arrays, splits, blocks, scalar, scalar, state)
    return jitted(machine.mesh, _signature(arguments)), arguments


def _block_loop(setting: Any, arrays: Any, splits: Any, blocks: Any, first: Any, last: Any, state: Any) -> Any:
    """Train this device's first `blocks[0]` blocks; settings and states are [blocks, width, ...], splits [blocks]."""

    def one(index: Array, state: Any) -> Any:
        inputs, block = jax.tree.map(lambda a: a[index], (setting, state))
        data = jax.tree.map(lambda a: a[splits[index] if len(a) > 1 else 0], arrays)  # of a single one no copy is made
        block = jax.vmap(loop.advance, in_axes=(0, None, None, None, 0))(inputs, data, first, last, block)
        return jax.tree.map(lambda all_, new: all_.at[index].set(new), state, block)

    return lax.fori_loop(0, blocks[0], one, state)


def _signature(arguments: Any) -> Hashable:
    """Return what distinguishes one program from another: the structure of its arguments, their shapes and dtypes."""
    leaves, structure = jax.tree.flatten(arguments)
    return structure, tuple((leaf.shape, np.dtype(leaf.dtype)) for leaf in leaves)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def jitted(mesh: Mesh, signature: Hashable) -> Any:
    """Return a function of its own for each program: JAX keeps what it compiled for as long as the function lives."""
    runs, shared = PartitionSpec("runs"), PartitionSpec()
    mapped = jax.shard_map(
        _block_loop,
        mesh=mesh,
        in_specs=(runs, shared, runs, runs, shared, shared, runs),
        out_specs=runs,
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=6)


def placement(
    block: np.ndarray, lane: np.ndarray, machine: Machine, width: int, capacity: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (each run's slot of [partitions x capacity x width], blocks to train on each partition).

    Blocks, numbered from 0, go to one device after another.
    """
    round_, device = np.divmod(block, machine.devices)
    slots = (device * capacity + round_) * width + lane
    blocks = np.zeros(machine.partitions, np.int32)
    total = int(block.max(initial=-1)) + 1
    blocks[: machine.devices] = (total + machine.devices - 1 - np.arange(machine.devices)) // machine.devices
    return slots, blocks


class Chunk:
    """Some runs of a group on their way from their first step to their last."""

    def __init__(self, program: Program, rows: np.ndarray) -> None:
        layout = program.layout
        self.program = program
        self.runs = layout.grid.take(layout.group.rows[rows])
        self.run_ids = self.runs.run_ids()
        places = layout.places(rows)
        self.slots, self.blocks = placement(*places, layout.machine, layout.width, layout.capacity)
        self.splits = np.zeros(layout.machine.partitions * layout.capacity, np.int32)
        self.splits[self.slots // layout.width] = layout.splits[rows]
        self.setting = jax.tree.map(self._spread, group_setting(layout.group, rows, program.arrays.x.dtype))
        self.step = 0

    def _spread(self, values: np.ndarray) -> np.ndarray:
        lanes = np.full(self.program.layout.slots, values[0], values.dtype)
        lanes[self.slots] = values
        return lanes.reshape(-1, self.program.layout.width)

    def advance(self, last: int) -> float:
        """Train to step `last`; return the seconds it took."""
        program, start = self.program, time.perf_counter()
        steps = np.int32(self.step), np.int32(last)
        arguments = (self.setting, program.arrays, self.splits, self.blocks, *steps)
        program.state, self.step = program.call(*arguments, program.state), last
        jax.block_until_ready(program.state)
        return time.perf_counter() - start

    def segment(self) -> int:
        """Return the step to which the next call should train."""
        layout = self.program.layout
        steps = layout.segment_steps(int(self.blocks.max()), self.program.rate)
        return min(layout.setting.train.steps, self.step + steps)

    def fetch(self) -> Any:
        """Return the runs' states (RunState) on the host, as NumPy arrays [runs, ...]."""
        return jax.tree.map(
            lambda a: np.asarray(a).reshape(self.program.layout.slots, *a.shape[2:])[self.slots], self.program.state
        )

    def save(self, checkpoints: Folder) -> None:
        """Keep the states, unless a call that was cut off has consumed them."""
        leaves = jax.tree.leaves(self.program.state)
        if self.step > 0 and not any(leaf.is_deleted() for leaf in leaves):
            checkpoints.save(
                self.run_ids, self.program.layout.checkpoint_origin, self.step, jax.tree.leaves(self.fetch())
            )

    def restore(self, step: int, leaves: list[np.ndarray]) -> None:
        """Put saved states back."""
        state, treedef = jax.tree.flatten(self.program.state)
        placed = []
        for now, saved in zip(state, leaves, strict=True):
            lanes = np.array(now).reshape(self.program.layout.slots, *now.shape[2:])
            lanes[self.slots] = saved
            placed.append(jax.device_put(lanes.reshape(now.shape), now.sharding))
        self.program.state, self.step = jax.tree.unflatten(treedef, placed), step


def _chunks(program: Program, checkpoints: Folder | None) -> Iterator[Chunk]:
    """Yield the group's runs in chunks: first those that checkpoints hold, then the rest in order."""
    layout = program.layout
    left = np.arange(len(layout.group.rows))
    if checkpoints is not None:
        ids = layout.grid.take(layout.group.rows).run_ids()
        position: Mapping[Any, int] = {id_: place for place, id_ in enumerate(ids.tolist())}
        for saved_ids, step, leaves in checkpoints.find(ids, layout.checkpoint_origin):
            rows = np.array([position[id_] for id_ in saved_ids.tolist()])
            left, held = np.setdiff1d(left, rows), np.arange(len(rows))
            while len(held):  # they may come from a machine with room for more
                fits = layout.places(rows[held])[0] < layout.machine.devices * layout.capacity
                now, held = held[fits], held[~fits]
                chunk = Chunk(program, rows[now])
                chunk.restore(step, [leaf[now] for leaf in leaves])
                yield chunk
    while len(left):
        is_next = layout.places(left)[0] < layout.chunk_blocks(program.rate)
        rows, left = left[is_next], left[~is_next]
        yield Chunk(program, rows)


def _run_chunk(
    chunk: Chunk,
    clock: Clock,
    checkpoints: Folder | None,
    progress: Callable[[int], None],
    hurried: Callable[[], bool],
) -> float:
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
            if chunk.step >= layout.setting.train.steps:
                progress(done)
                return spent
            if checkpoints is not None and (time.monotonic() - saved > CHECKPOINT_SECONDS or hurried()):
                chunk.save(checkpoints)
                saved = time.monotonic()
            progress(done)
    except KeyboardInterrupt:
        if checkpoints is not None:
            chunk.save(checkpoints)
        raise


def _note_rate(chunk: Chunk, before: int, seconds: float) -> None:
    """Replace the guess of a device's rate by what a call has shown."""
    layout, blocks = chunk.program.layout, int(chunk.blocks.max())
    probes = np.count_nonzero((layout.probes > before) & (layout.probes <= chunk.step))
    flops = (chunk.step - before) * layout.step_flops + probes * layout.probe_flops
    overhead = blocks * (chunk.step - before) * STEP_OVERHEAD
    if flops:
        chunk.program.rate = blocks * layout.width * flops / max(seconds - overhead, 0.1 * seconds)

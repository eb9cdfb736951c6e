"""The devices that train: how many, how wide their blocks are, and what a run's bits depend on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import jaxlib
import numpy as np
from jax.sharding import AxisType, Mesh

from relubench import config, memory
from relubench.errors import UserError

#: Runs vectorised together on an accelerator.
DEFAULT_WIDTH = 256
#: On a CPU a block's arrays of one layer should lie in a core's cache. Of more runs than the most nothing is gained; a
#: run alone is no stack of matrices, and XLA turns products of single ones around.
CACHE_BYTES = {"cpu": 128 << 10}
FEWEST_RUNS, MOST_RUNS = 2, 16
#: A program for one device takes another way through XLA than one for several: it is not partitioned, so that it is
#: simplified once less, and Adam's quotients round otherwise. So every program is one for two devices at least; where
#: one is to train, the other has nothing to do. Only a CPU can be split so.
FEWEST_PARTITIONS = {"cpu": 2}
#: XLA flags that say where to write, what to print and how to share work out, and leave every number as it is.
HARMLESS_XLA_FLAGS = (
    "--xla_force_host_platform_device_count",
    "--xla_dump",
    "--xla_hlo_graph",
    "--xla_gpu_cuda_data_dir",
)
#: Environment variables that libraries below JAX read, and that change how products are computed.
NUMERIC_VARIABLES = ("NVIDIA_TF32_OVERRIDE", "LIBTPU_INIT_ARGS", "ONEDNN_", "DNNL_", "TF_CUDNN", "TF_DETERMINISTIC")
#: Settings of JAX that change numbers and cannot be pinned for a while: by name, with the values that they have when
#: nobody has touched them.
NUMERIC_SETTINGS: dict[str, tuple[object, ...]] = {
    "jax_random_seed_offset": (0,),
    "jax_accurate_erf_inv": (False,),
    "jax_use_direct_linearize": (True,),
    "jax_use_hlo_logistic_lowering": (None,),
    "jax_disable_most_optimizations": (False,),
    "jax_optimization_level": ("UNKNOWN",),
    "jax_exec_time_optimization_effort": (0.0,),
    "jax_memory_fitting_level": ("O2",),
    "jax_memory_fitting_effort": (0.0,),
    "jax_compiler_enable_remat_pass": (True,),
    "jax_use_shardy_partitioner": (True,),
    "jax_threefry_gpu_kernel_lowering": (False,),
}


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def processor_type() -> str:
    """Return a name of the processor's kind that changes where compiled code may differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
    flags = hashlib.sha256(facts.get("flags", facts.get("Features", "")).encode()).hexdigest()[:8]
    return f"{facts.get('model name', platform.machine())} {flags}"


def prepare() -> None:
    """Set JAX up, before its first array: one host device per core, and compiled programs kept on disk."""
    devices = max(usable_cores(), FEWEST_PARTITIONS["cpu"], jax.config.values["jax_num_cpu_devices"])
    with contextlib.suppress(RuntimeError):  # a caller of the library has used JAX already: its devices serve
        jax.config.update("jax_num_cpu_devices", devices)
    if not jax.config.values["jax_compilation_cache_dir"]:
        kind = hashlib.sha256(processor_type().encode()).hexdigest()[:12]
        with contextlib.suppress(RuntimeError):  # a user without a home: programs are compiled at each start
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            jax.config.update("jax_compilation_cache_dir", str(base / "relubench" / "xla" / kind))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    with contextlib.suppress(ImportError):  # JAX's inside has changed: its own cache serves
        from relubench.sweeps import compile_cache

        compile_cache.seal()


@contextlib.contextmanager
def pinned(precision: str) -> Iterator[None]:
    """Give JAX, in this thread and for a while, the settings that numbers and counts depend on.

    `precision` is `engine.precision`. Divergence is counted by relubench itself, so that a NaN is no error.
    """
    with contextlib.ExitStack() as stack:
        for context in (
            jax.enable_x64(precision == "float64"),
            jax.threefry_partitionable(True),
            jax.default_prng_impl("threefry2x32"),
            jax.numpy_dtype_promotion("standard"),
            jax.softmax_custom_jvp(False),
            jax.disable_jit(False),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.transfer_guard("allow"),
        ):
            stack.enter_context(context)
        yield


def numeric_flags() -> str:
    """Return what the environment asks of XLA, JAX and the libraries below that may change numbers, in one line."""
    options = _xla_flags()
    options += [f"{name}={value}" for name, value in os.environ.items() if name.startswith(NUMERIC_VARIABLES)]
    for name, untouched in NUMERIC_SETTINGS.items():
        value = jax.config.values.get(name, untouched[0])
        if value not in untouched:
            options.append(f"{name}={value}")
    return " ".join(sorted(options))


def _xla_flags() -> list[str]:
    """Return `XLA_FLAGS` without the harmless ones: of a flag that is given twice the last counts."""
    text = os.environ.get("XLA_FLAGS", "")
    if text.strip() and not text.strip().startswith("-"):  # the name of a file that holds them
        with contextlib.suppress(OSError):
            text = Path(text.strip()).read_text(encoding="utf-8", errors="replace")
    try:
        words = shlex.split(text)
    except ValueError:  # a quote without an end: XLA itself splits at spaces
        words = text.split()
    flags = dict(word.partition("=")[::2] for word in words)
    return [f"{name}={value or 'true'}" for name, value in flags.items() if not name.startswith(HARMLESS_XLA_FLAGS)]


@dataclass(frozen=True)
class Machine:
    """The devices that train."""

    mesh: Mesh
    devices: int  # the first ones of the mesh; the others idle
    asked_width: int | None = None  # of their blocks; None: chosen for each program

    @property
    def platform(self) -> str:
        """The backend's name: cpu, gpu or tpu."""
        return self.mesh.devices.flat[0].platform

    @property
    def partitions(self) -> int:
        """The number of devices that a program is compiled for."""
        return self.mesh.devices.size

    def width(self, layer_bytes: int) -> int:
        """Return how many runs to vectorise together, whose largest layer takes so many bytes on a batch."""
        if self.asked_width is not None:
            return self.asked_width
        if self.platform not in CACHE_BYTES:
            return DEFAULT_WIDTH
        fitting = min(max(CACHE_BYTES[self.platform] // layer_bytes, FEWEST_RUNS), MOST_RUNS)
        return 1 << (fitting.bit_length() - 1)

    def memory(self) -> int:
        """Return the bytes that all devices of the mesh have between them, or on a CPU those that are free."""
        if self.platform == "cpu":
            return memory.available()
        stats = self.mesh.devices.flat[0].memory_stats() or {}
        return self.partitions * stats.get("bytes_limit", 2**63 - 1)

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a run's bits may depend on besides its setting and its data."""
        device = self.mesh.devices.flat[0]
        return {
            "backend": self.platform,
            "processor": processor_type() if self.platform == "cpu" else device.device_kind,
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
            "flags": numeric_flags(),
        }


def make_machine(engine: config.Engine) -> Machine:
    """Return the machine that the configuration asks for."""
    try:
        devices = jax.local_devices()  # of several processes each has its own share of the runs
    except (RuntimeError, AssertionError) as error:  # the platform that JAX is to use isn't there
        reason = next(iter(str(error).splitlines()), "none of that platform")
        raise UserError(f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS')}: JAX finds no device ({reason})") from error
    kind = devices[0].platform
    wanted = engine.devices or (min(len(devices), usable_cores()) if kind == "cpu" else len(devices))
    if wanted > len(devices):
        raise UserError(f"engine.devices={wanted}: there are {len(devices)} devices ({kind})")
    partitions = max(wanted, FEWEST_PARTITIONS.get(kind, 1))
    if partitions > len(devices):
        warnings.warn(
            "JAX was in use, with one CPU device, before relubench could set it up: bits may differ from those of "
            "other runs; set JAX_NUM_CPU_DEVICES=2, or call relubench before the first array is made",
            stacklevel=2,
        )
    mesh = Mesh(np.array(devices[:partitions]), ("runs",), axis_types=(AxisType.Auto,))
    return Machine(mesh, wanted, engine.width)


def check_precision(precision: str, machine: Machine) -> None:
    """Refuse a precision that the backend would silently replace by another one."""
    if machine.platform == "cpu" and precision in ("tf32", "bfloat16"):
        raise UserError(f"engine.precision={precision}: a CPU takes float32 or float64")

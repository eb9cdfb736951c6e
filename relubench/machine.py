"""The devices that train: how many, how wide their blocks are, and what a run's bits depend on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from relubench import config
from relubench.errors import UserError

#: Runs vectorised together on one device: on a CPU, wider blocks fall out of the cache.
WIDTHS = {"cpu": 8}
DEFAULT_WIDTH = 256


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

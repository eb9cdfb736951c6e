"""What this process may still take of the machine's memory, and the refusal of what needs more."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from relubench.errors import UserError

#: Files in which a container's limit stands and what it uses of it: of version 2 and version 1 of Linux's cgroups.
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available() -> int:
    """Return the bytes of main memory that are free, or can be made so; within a container, of its limit."""
    free = [_free_of_machine()]
    for limit, used in _CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # no such cgroup, or "max"
            free.append(int(Path(limit).read_text(encoding="utf-8")) - int(Path(used).read_text(encoding="utf-8")))
    return max(0, min(free))


def _free_of_machine() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):  # no Linux: all that there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63 - 1


def require(what: str, needed: float, there: int | None = None, *, hint: str) -> None:
    """Refuse `what` where it needs more bytes than are `there` (by default in main memory); `hint`: what to change."""
    there = available() if there is None else there
    if needed > there:
        raise UserError(f"{what}: it needs {shown(needed)} of memory, there are {shown(there)}; {hint}")


def shown(size: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB" if size < 1e6 else f"{size:.1e} TiB"

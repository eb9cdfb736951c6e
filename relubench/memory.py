"""What this process may still take of the machine's memory, and the refusal of what needs more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from relubench.errors import UserError


class Hierarchy(NamedTuple):
    """Where Linux describes control groups, which containers and batch systems limit."""

    root: Path
    limit: str  # names of files
    used: str
    pages: tuple[str, ...]  # in memory.stat: what of that is pages of files, which make way


VERSION_2 = Hierarchy(Path("/sys/fs/cgroup"), "memory.max", "memory.current", ("inactive_file", "active_file"))
VERSION_1 = Hierarchy(
    Path("/sys/fs/cgroup/memory"),
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)


def available() -> int:
    """Return the bytes of main memory that are free, or can be made so; within a container or job, of its limit."""
    free = [_free_of_machine()]
    for tree, group in control_groups():
        for folder in (tree.root / group, *(tree.root / group).parents):
            if folder.is_relative_to(tree.root):
                with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
                    taken = _number(folder / tree.used) - sum(_statistics(folder).get(name, 0) for name in tree.pages)
                    free.append(_number(folder / tree.limit) - taken)
    return max(0, min(free))


def control_groups() -> Iterator[tuple[Hierarchy, str]]:
    """Yield each hierarchy that limits memory, and the process's group in it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                yield VERSION_1 if controllers else VERSION_2, group.lstrip("/")


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))


def _statistics(folder: Path) -> dict[str, int]:
    lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
    return {name: int(value) for name, value in (line.split() for line in lines)}


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

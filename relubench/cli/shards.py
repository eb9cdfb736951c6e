"""Which share of a sweep a process trains: as said, or `auto`, as its cluster tells it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from relubench.errors import UserError, shown

_TAKES = "it takes i/n with i from 0 to n - 1, such as 0/4; or auto, or auto/n, in a job of a cluster"


def read(text: str | None, environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Return (index, count) of a share, None for the whole.

    `auto` takes both from a Slurm array, the tasks of a Slurm step, or the processes of `jax.distributed`; `auto/n`
    takes the index alone, from 0, so that single tasks of an array can be submitted again; it may then also be that of
    an indexed job of Kubernetes.
    """
    if text is None:
        return None
    if text == "auto":
        return _place(text, environment)
    match = re.fullmatch(r"(auto|[0-9]{1,18})/([0-9]{1,18})", text)
    if match is None:
        raise UserError(f"shard={shown(text)}: {_TAKES}")
    index, count = _index(text, environment) if match[1] == "auto" else int(match[1]), int(match[2])
    if not index < count:
        own = f"; this is number {index}" if match[1] == "auto" else ""
        raise UserError(f"shard={shown(text)}: {_TAKES}{own}")
    return index, count


def _place(text: str, environment: Mapping[str, str]) -> tuple[int, int]:
    """Return (index, count) as the cluster tells them."""
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, step = (_number(environment, f"SLURM_ARRAY_TASK_{name}", 0) for name in ("MIN", "STEP"))
        place, rest = divmod(_number(environment, "SLURM_ARRAY_TASK_ID") - first, max(step, 1))
        count = _number(environment, "SLURM_ARRAY_TASK_COUNT")
        if rest or place >= count:
            raise UserError(
                f"shard={text}: the tasks of this Slurm array have gaps; it takes shard=auto/n, tasks from 0"
            )
        return place, count
    if _number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1:
        return _number(environment, "SLURM_PROCID"), _number(environment, "SLURM_STEP_NUM_TASKS")
    if "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized():
        return sys.modules["jax"].process_index(), sys.modules["jax"].process_count()
    if "JOB_COMPLETION_INDEX" in environment:
        raise UserError(
            f"shard={text}: Kubernetes tells its jobs no count; it takes shard=auto/n, n as spec.completions"
        )
    raise UserError(f"shard={text}: this is no job of a Slurm array or step, nor of jax.distributed; {_TAKES}")


def _index(text: str, environment: Mapping[str, str]) -> int:
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"):
        if name in environment:
            return _number(environment, name)
    try:
        return _place(text, environment)[0]
    except UserError:
        raise UserError(f"shard={text}: no cluster tells this process its number; {_TAKES}") from None


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise UserError(f"shard: the environment has {name}={shown(text)}; it takes a whole number")
    return int(text)

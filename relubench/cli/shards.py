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

    `auto` takes both from a Slurm array, the tasks of a Slurm step (or both: each element of the array has as many
    shares as tasks), or the processes of `jax.distributed`; `auto/n` takes the index alone, from 0, so that single
    tasks of an array can be submitted again; it may then also be that of an indexed job of Kubernetes.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(auto|[0-9]{1,18})/([0-9]{1,18})", text)
    if text == "auto":
        index, count = _place(environment)
    elif match is None:
        raise UserError(f"shard={shown(text)}: {_TAKES}")
    else:
        index, count = _index(environment) if match[1] == "auto" else int(match[1]), int(match[2])
    if not index < count:
        own = f"; this is number {index}" if text.startswith("auto") else ""
        raise UserError(f"shard={shown(text)}: {_TAKES}{own}")
    return index, count


def _place(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return (index, count) of this process as the cluster tells them."""
    task, tasks = _task(environment)
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, last = (_number(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("MIN", "MAX"))
        step, count = (_number(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("STEP", "COUNT"))
        if last - first != (count - 1) * step:
            raise UserError("shard=auto: the tasks of this Slurm array have gaps; it takes shard=auto/n, tasks from 0")
        return (_number(environment, "SLURM_ARRAY_TASK_ID") - first) // step * tasks + task, count * tasks
    if tasks > 1:
        return task, tasks
    return _process() or _alone(environment)


def _task(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return (number, count) of the tasks that `srun` has started this process with."""
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS", 1)
    return (_number(environment, "SLURM_PROCID") if tasks > 1 else 0), tasks


def _process() -> tuple[int, int] | None:
    """Return (number, count) of the processes of `jax.distributed`, None where there are none."""
    if "jax" not in sys.modules or not sys.modules["jax"].distributed.is_initialized():
        return None
    from relubench.sweeps import machine

    machine.prepare()  # to ask for the number starts JAX
    return sys.modules["jax"].process_index(), sys.modules["jax"].process_count()


def _alone(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return the whole for a Slurm job of a single task; refuse what is none, or one process of several."""
    if "JOB_COMPLETION_INDEX" in environment:
        raise UserError("shard=auto: Kubernetes tells its jobs no count; it takes shard=auto/n, n as spec.completions")
    if "SLURM_JOB_ID" not in environment:
        raise UserError(f"shard=auto: this is no job of a Slurm array or step, nor of jax.distributed; {_TAKES}")
    tasks = _number(environment, "SLURM_NTASKS", 1)
    if tasks > 1 and "SLURM_STEP_NUM_TASKS" not in environment:
        raise UserError(f"shard=auto: this Slurm job has {tasks} tasks, and starts one process; start it with srun")
    return 0, 1


def _index(environment: Mapping[str, str]) -> int:
    task, tasks = _task(environment)
    if "SLURM_ARRAY_TASK_ID" in environment:
        return _number(environment, "SLURM_ARRAY_TASK_ID") * tasks + task
    if "JOB_COMPLETION_INDEX" in environment:
        return _number(environment, "JOB_COMPLETION_INDEX")
    process = (task, tasks) if tasks > 1 else _process()
    if process is None:
        raise UserError(f"shard=auto/n: no cluster tells this process its number; {_TAKES}")
    return process[0]


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise UserError(f"shard: the environment has {name}={shown(text)}; it takes a whole number")
    return int(text)

"""Shares of a sweep: said, and told by a cluster's environment."""

import pytest

from relubench.cli import shards
from relubench.errors import UserError


def array(tasks, task, step=1):
    """Return what Slurm tells a task of an array of these."""
    told = {"COUNT": len(tasks), "MIN": min(tasks), "MAX": max(tasks), "STEP": step, "ID": task}
    return {"SLURM_JOB_ID": "9"} | {f"SLURM_ARRAY_TASK_{name}": str(number) for name, number in told.items()}


FOUR, EVERY_THIRD = (0, 1, 2, 3), (5, 8, 11, 14)
JOB, STEP = {"SLURM_JOB_ID": "9"}, {"SLURM_JOB_ID": "9", "SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "1"}
NO_SHARES = ("4/4", "a", "1", "1/", "/4", "auto/", "auto4", "²/4", "0/0", "-1/2", "")


@pytest.mark.parametrize(
    ("text", "environment", "share"),
    [
        (None, {}, None),
        ("0/4", {}, (0, 4)),
        ("3/4", array(FOUR, 0), (3, 4)),
        ("auto", array(FOUR, 2), (2, 4)),
        ("auto", array((0,), 0), (0, 1)),
        ("auto", array(EVERY_THIRD, 11, step=3), (2, 4)),
        ("auto", STEP | array(FOUR, 2), (7, 12)),
        ("auto/8", array(FOUR, 6), (6, 8)),
        ("auto/12", STEP | array((2,), 2), (7, 12)),
        ("auto", STEP, (1, 3)),
        ("auto", JOB, (0, 1)),
        ("auto", JOB | {"SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "1"}, (0, 1)),
        ("auto/5", STEP, (1, 5)),
        ("auto/5", {"JOB_COMPLETION_INDEX": "4"}, (4, 5)),
    ],
)
def test_a_share_is_read(text, environment, share):
    assert shards.read(text, environment) == share


@pytest.mark.parametrize(
    ("text", "environment", "told"),
    [
        ("auto", {}, "no job of a Slurm array"),
        ("auto/4", {}, "no cluster tells"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "auto/n, n as spec.completions"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "2"}, "this is number 2"),
        ("auto", STEP | {"SLURM_PROCID": "3"}, "this is number 3"),
        *(("auto", array((0, 2, 3), task), "have gaps") for task in (0, 2, 3)),
        *(("auto", array((1, 3), task), "have gaps") for task in (1, 3)),
        ("auto/4", JOB, "no cluster tells"),
        ("auto", JOB | {"SLURM_NTASKS": "2"}, "has 2 tasks, and starts one process; start it with srun"),
        ("auto", array(FOUR, 0) | {"SLURM_ARRAY_TASK_ID": "x"}, "SLURM_ARRAY_TASK_ID='x'"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1"}, "SLURM_ARRAY_TASK_MIN=''"),
        *((text, {}, "it takes i/n") for text in NO_SHARES),
    ],
)
def test_what_is_no_share_is_refused(text, environment, told):
    with pytest.raises(UserError, match="shard") as refused:
        shards.read(text, environment)
    assert told in str(refused.value)


@pytest.mark.parametrize("shard", ["auto", "auto/4", "0/2,auto"])
def test_jobs_of_a_launcher_are_counted_by_nobody(relubench, shard):
    status, _, error = relubench("-m", "experiment=custom", f"shard={shard}", "hydra/launcher=submitit_local")
    assert (status, len(error.splitlines())) == (2, 1)
    assert error.endswith("starts a job for each value, and counts them all; it takes shard=0/4,1/4,2/4,3/4\n")

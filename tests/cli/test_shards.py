"""Shares of a sweep: said, and told by a cluster's environment."""

import pytest

from relubench.cli import shards
from relubench.errors import UserError

ARRAY = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_STEP": "1"}
EVERY_THIRD = ARRAY | {"SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_STEP": "3"}
NO_SHARES = ("4/4", "a", "1", "1/", "/4", "auto/", "auto4", "²/4", "0/0", "-1/2", "")


@pytest.mark.parametrize(
    ("text", "environment", "share"),
    [
        (None, {}, None),
        ("0/4", {}, (0, 4)),
        ("3/4", ARRAY | {"SLURM_ARRAY_TASK_ID": "0"}, (3, 4)),
        ("auto", ARRAY | {"SLURM_ARRAY_TASK_ID": "2"}, (2, 4)),
        ("auto", EVERY_THIRD | {"SLURM_ARRAY_TASK_ID": "11"}, (2, 4)),
        ("auto/8", ARRAY | {"SLURM_ARRAY_TASK_ID": "6"}, (6, 8)),
        ("auto", {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "1"}, (1, 3)),
        ("auto/5", {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "1"}, (1, 5)),
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
        ("auto", ARRAY | {"SLURM_ARRAY_TASK_ID": "7"}, "have gaps"),
        ("auto", ARRAY | {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_STEP": "2"}, "have gaps"),
        ("auto", ARRAY | {"SLURM_ARRAY_TASK_ID": "x"}, "SLURM_ARRAY_TASK_ID='x'"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1"}, "SLURM_ARRAY_TASK_COUNT=''"),
        *((text, {}, "it takes i/n") for text in NO_SHARES),
    ],
)
def test_what_is_no_share_is_refused(text, environment, told):
    with pytest.raises(UserError, match="shard") as refused:
        shards.read(text, environment)
    assert told in str(refused.value)

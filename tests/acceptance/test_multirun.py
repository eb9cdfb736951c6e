"""Hydra's multiruns: the exit status of their jobs, wherever a launcher runs them."""

import pytest
from hydra.core.utils import JobReturn, JobStatus

from relubench.cli import sweeper


def test_the_exit_status_is_that_of_the_worst_job_and_of_no_other_command(relubench):
    status, planned, error = relubench("plan", "-m", "experiment=custom", "shard=2/2,0/2")
    assert status == 2
    assert planned.startswith("runs")
    assert error.startswith("relubench: shard='2/2'")
    assert relubench("plan", "-m", "experiment=custom", "shard=0/2,1/2")[0] == 0


@pytest.mark.parametrize("statuses", [[0, 0], [1, 0], [0, 130]])
def test_jobs_in_other_processes_count(relubench, monkeypatch, statuses):
    jobs = [JobReturn(status=JobStatus.COMPLETED, _return_value=status) for status in statuses]
    monkeypatch.setattr(sweeper.BasicSweeper, "sweep", lambda self, arguments: [jobs])
    assert relubench("plan", "-m", "experiment=custom", "shard=0/2,1/2")[0] == max(statuses)


def test_a_pattern_stands_for_all_names_that_fit_it_on_shelves_too(relubench):
    status, planned, _ = relubench("plan", "-m", "experiment=glob(published/born*, exclude=*rai)")
    assert status == 0
    assert [line.split()[1] for line in planned.splitlines() if line.startswith("runs")] == ["160,000", "80,000"]

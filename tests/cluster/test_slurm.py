"""On a real Slurm: arrays, jobs that are cancelled, pre-empted, killed; after each, the files of one machine."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.support import slurm as local
from tests.support.command_line import command
from tests.support.installed import unpacked
from tests.support.pages import DOCS, shown_files

PAGE = DOCS / "cluster.md"
JOB = shown_files(PAGE)["job.sh"]
WORDS = shlex.split(JOB[JOB.index("experiment=") : JOB.index(" shard=auto")].replace("\\\n", " "))
RUN_STEPS = 16 * 2 * 2 * 60
OUT = "results/shared"
FILES = ("runs", "probes", "layers", "summary", "values", "curves", "claims")
#: A module of one's own that cuts training into calls of one step, each saved, and takes its time: a job with it ends
#: only when it is told to.
SLOWLY = """
import time
from relubench.sweeps import engine, folders, layout
layout.CALL_SECONDS, engine.CHECKPOINT_SECONDS = 1e-9, 0
save = folders.Folder.save
folders.Folder.save = lambda *given: (save(*given), time.sleep(1))
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(local.MISSING), reason=f"no {' or '.join(local.MISSING)} is installed"),
]


@pytest.fixture(scope="module")
def quick_options():
    """Return none: jobs compile without, too."""
    return {}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder with the package as its wheel holds it."""
    return unpacked(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory, site):
    """Return a Slurm whose jobs have the installed package, compiled as the tests' own process compiles."""
    cluster = local.Slurm(tmp_path_factory.mktemp("slurm"))
    cluster.environment |= {
        "PYTHONPATH": str(site),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PATH": f"{Path(sys.executable).parent}:{local.PATH}",
    }
    try:
        cluster.start()
    except BaseException:
        cluster.kill()
        raise
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def whole(compiled_quickly, tmp_path_factory):
    """Return the folder of the sweep by one process."""
    folder = tmp_path_factory.mktemp("whole")
    ended(command(folder, *WORDS))
    return folder


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder with the job script and the module that slows it down."""
    (tmp_path / "job.sh").write_text(JOB)
    (tmp_path / "slow.sh").write_text(JOB.replace("shard=auto", "shard=auto 'imports=[slowly]'"))
    (tmp_path / "slowly.py").write_text(SLOWLY)
    return tmp_path


def ended(done):
    status, out, err = done
    assert status == 0, out + err
    return out


def same_files(folder, whole):
    for name in FILES:
        assert (folder / OUT / f"{name}.parquet").read_bytes() == (whole / OUT / f"{name}.parquet").read_bytes(), name


def blocks(start):
    """Return the commands that the page shows and that begin so."""
    return re.findall(rf"```sh\n({start}.*?)```", PAGE.read_text(), re.S)


def logs(folder, job):
    return "".join(path.read_text() for path in sorted(folder.glob(f"relubench-{job}-*.log")))


def trained(told):
    """Return the run-steps that processes say they have trained."""
    return sum(int(number.replace(",", "")) for number in re.findall(r"runs \(([\d,]+) run-steps\)", told))


def saved(folder):
    return list((folder / OUT).glob("checkpoints/*.npz"))


def begun(slurm, folder):
    """Submit the array that takes its time; return its number once every task has saved a state."""
    job = slurm.submit("slow.sh", folder=folder)
    slurm.wait(lambda: len(saved(folder)) >= 4, "saved states")
    return job


def test_a_job_script_and_the_job_that_waits_for_it(slurm, folder, whole):
    (waiting,) = blocks("job=")
    slurm.run("sh", "-ec", waiting, folder=folder)
    slurm.wait(lambda: not slurm.run("squeue", "-h"), "the end of both jobs", 240)
    assert trained("".join(path.read_text() for path in folder.glob("relubench-*.log"))) == RUN_STEPS
    same_files(folder, whole)
    later = slurm.submit("--dependency=singleton", "job.sh", folder=folder)
    slurm.wait_for(later, "COMPLETED")
    assert logs(folder, later).count("16 of 16 runs are on disk already") == 4
    assert not trained(logs(folder, later))


def test_the_tasks_of_a_step_have_a_share_each(slurm, folder, whole):
    line = JOB[JOB.index("python -m") :]
    step = slurm.submit("--ntasks=2", "--output=step.log", f"--wrap=srun --ntasks=2 {line}", folder=folder)
    slurm.wait_for(step, "COMPLETED")
    assert trained((folder / "step.log").read_text()) == RUN_STEPS
    assert len(list((folder / OUT / "parts").iterdir())) == 4
    ended(command(folder, "merge", *WORDS))
    same_files(folder, whole)


def test_tasks_of_an_array_of_steps_have_a_share_each(slurm, folder, whole):
    line = JOB[JOB.index("python -m") :]
    words = ("--array=0-1", "--ntasks=2", "--output=relubench-%A-%a.log", f"--wrap=srun --ntasks=2 {line}")
    job = slurm.submit(*words, folder=folder)
    slurm.wait_for(job, "COMPLETED")
    assert trained(logs(folder, job)) == RUN_STEPS
    assert len(list((folder / OUT / "parts").iterdir())) == 8
    ended(command(folder, "merge", *WORDS))
    same_files(folder, whole)


def test_hydras_launcher_submits_the_installed_package_from_another_folder(slurm, folder, whole, site):
    (launched,) = (block for block in blocks("python -m relubench -m ") if "submitit_slurm" in block)
    (folder / "where.py").write_text("import relubench; open(f'{__name__}.txt', 'w').write(relubench.__file__)")
    slurm.run("sh", "-ec", launched.strip() + " 'imports=[where]'", folder=folder)
    assert len(list((folder / OUT / "parts").iterdir())) == 8  # four shares of two programs
    assert Path((folder / "where.txt").read_text()).is_relative_to(site)
    ended(command(folder, "merge", *WORDS))
    same_files(folder, whole)


def test_a_cancelled_array_that_is_submitted_again_goes_on(slurm, folder, whole):
    job = begun(slurm, folder)
    slurm.run("scancel", job)
    slurm.wait_for(job, "CANCELLED")
    assert trained(logs(folder, job)) == 0
    again = slurm.submit("job.sh", folder=folder)
    slurm.wait_for(again, "COMPLETED")
    assert 0 < trained(logs(folder, again)) < RUN_STEPS
    ended(command(folder, "again", OUT))
    assert not saved(folder)
    same_files(folder, whole)


def test_a_preempted_array_is_requeued_and_goes_on(slurm, folder, whole):
    job = begun(slurm, folder)
    (folder / "slowly.py").write_text("")  # once started again
    urgent = slurm.submit("--partition=high", f"--ntasks={local.CPUS}", "--wrap=sleep 1", folder=folder)
    slurm.wait_for(urgent, "COMPLETED")
    slurm.wait_for(job, "PENDING")
    assert "SIGTERM under Slurm: going on, and saving after every call" in logs(folder, job)
    for task in slurm.states(job):  # Slurm lets two minutes pass
        slurm.run("scontrol", "update", f"JobId={job}_{task}", "StartTime=now")
    slurm.wait_for(job, "COMPLETED")
    assert slurm.restarts(job) == 4
    assert 0 < trained(logs(folder, job)) < RUN_STEPS
    ended(command(folder, "merge", *WORDS))
    same_files(folder, whole)


@pytest.mark.parametrize("words", [["shard=1/4"], ["shard=0/3"], []], ids=["its share", "another", "all"])
def test_a_killed_job_goes_on_anywhere_else(slurm, folder, whole, words):
    job = begun(slurm, folder)
    slurm.run("scancel", "--signal=KILL", job)
    slurm.wait_for(job, "CANCELLED", "FAILED", "NODE_FAIL")
    told = ended(command(folder, *WORDS, *words, "engine.devices=1"))
    share = {"shard=1/4": 4, "shard=0/3": 3}.get(*words, 1) if words else 1
    assert 0 < trained(told) < RUN_STEPS / share
    ended(command(folder, *WORDS, "engine.devices=1"))
    assert not saved(folder)
    same_files(folder, whole)

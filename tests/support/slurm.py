"""A Slurm of one node for tests: its real daemons as processes of this user, without systemd and without accounting."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
#: Debian keeps daemons where an ordinary user's path does not lead.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
MISSING = [name for name in DAEMONS if shutil.which(name, path=PATH) is None]
#: More jobs than a small machine has cores run at once; a job of `high` takes the place of those of `low`.
CPUS = 4
CONFIGURATION = """\
ClusterName=relubench
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=1,bf_interval=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=2
PartitionName=high Nodes={host} MaxTime=60 PriorityTier=10 PreemptMode=OFF
"""


def _free_ports(number):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [server.getsockname()[1] for server in servers]


class Slurm:
    """The daemons, from `start` to `stop`, and what a user does with them. All of it lives in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}

    def start(self) -> None:
        """Start the daemons, and wait until the node takes jobs."""
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(mode=0o700)
        host, user = socket.gethostname().partition(".")[0], subprocess.check_output(["id", "-un"], text=True).strip()
        ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
        text = CONFIGURATION.format(folder=self.folder, host=host, user=user, cpus=CPUS, **ports)
        (self.folder / "slurm.conf").write_text(text)
        key = self.folder / "munge/key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        own = {"key-file": key, "socket": self.folder / "munge.sock", "pid-file": self.folder / "munged.pid"}
        own |= {"log-file": self.folder / "munged.log", "seed-file": self.folder / "munge/seed"}
        self.run("munged", "--force", *(f"--{name}={path}" for name, path in own.items()))
        self.run("slurmctld", "-c")
        self.run("slurmd", "-N", host)
        self.wait(lambda: set(self.run("sinfo", "-h", "-o", "%t").split()) == {"idle"}, "the node", 60)

    def stop(self) -> None:
        """End all jobs and the daemons."""
        try:
            self.run("scancel", "-u", str(os.getuid()))
            self.wait(lambda: not self.run("squeue", "-h"), "the end of all jobs", 60)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the daemons that run."""
        for name in reversed(DAEMONS):
            path = self.folder / f"{name}.pid"
            if path.exists():
                os.kill(int(path.read_text()), signal.SIGTERM)

    def run(self, *words: str, folder: Path | None = None, **more: str) -> str:
        """Run a command of Slurm's, or one that calls them; return what it prints."""
        command = [shutil.which(words[0], path=PATH) or words[0], *words[1:]]
        environment = self.environment | more
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}{self._logs()}"
        return done.stdout.strip()

    def submit(self, *words: str, folder: Path, **more: str) -> str:
        """Submit a job script with sbatch; return the job's number."""
        return self.run("sbatch", "--parsable", *words, folder=folder, **more)

    def states(self, job: str) -> dict[str, str]:
        """Return {task of the array: state}; a job that is no array is its task 0."""
        shown = self.run("scontrol", "-o", "show", "job", job).splitlines()
        tasks = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in shown]
        return {task.get("ArrayTaskId", "0"): task["JobState"] for task in tasks}

    def restarts(self, job: str) -> int:
        """Return how often tasks of a job were requeued and started again."""
        return sum(map(int, re.findall(r" Restarts=(\d+)", self.run("scontrol", "-o", "show", "job", job))))

    def wait_for(self, job: str, *states: str, seconds: float = 240) -> None:
        """Wait until all tasks of a job are in one of these states."""
        self.wait(lambda: set(self.states(job).values()) <= set(states), f"job {job} in {states}", seconds)

    def wait(self, condition, what: str, seconds: float = 240) -> None:
        """Wait for a condition; fail with the daemons' logs where it does not come."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"no {what} in {seconds} s: {self.run('squeue')}{self._logs()}"
            time.sleep(0.2)

    def _logs(self) -> str:
        return "".join(f"\n{path.name}: {path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))

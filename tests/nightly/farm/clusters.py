# SPDX-License-Identifier: GPL-2.0-only
"""Real clusters for tests: dask with its workers, and a Slurm of one node, on ports of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.host.paths import ROOT
from harness.machine.process import spawn
from harness.nightly.farm import serve

START_S = 180.0  # to import dask alone takes seconds, and much longer on a busy host
STOP_S = 20.0
SLURM_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
SLURM_CONF = """\
ClusterName=nvh
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={place}/munge/sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/control.pid
SlurmdPidFile={place}/node.pid
SlurmctldLogFile={place}/control.log
SlurmdLogFile={place}/node.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
MinJobAge=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(happened: Callable[[], object], what: str, deadline_s: float = START_S) -> None:
    """Poll until something has happened."""
    end = time.monotonic() + deadline_s
    while not happened():
        assert time.monotonic() < end, f"no {what} within {deadline_s:.0f} s"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether something accepts connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Processes:
    """Processes that a test started and ends; they die with it."""

    directory: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, words: list[str], **more: str) -> subprocess.Popen[bytes]:
        """Start one, with its output in a file of the directory."""
        log = self.directory / f"{len(self.started)}-{Path(words[0]).name}.log"
        with log.open("wb") as out:
            process = spawn(words, cwd=ROOT, env={**serve.environment(), **more}, stdout=out)
        self.started.append(process)
        return process

    def stop(self) -> None:
        """End them all, the last one first."""
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                    continue
                process.kill()
            process.wait()


@dataclass(slots=True)
class DaskCluster:
    """A scheduler and its workers, started by the commands that ``nvh farm`` becomes."""

    processes: Processes
    address: str
    keys: Path | None = None

    def worker(self, jobs: int = 2, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        place = self.processes.directory / "scratch"
        words = serve.worker_command(self.address, self.keys, jobs, place, memory_mib=8000)
        return self.processes.start(words, **environment)


@contextlib.contextmanager
def dask_cluster(directory: Path, keys: Path | None = None) -> Iterator[DaskCluster]:
    """A scheduler without workers."""
    directory.mkdir(exist_ok=True)
    processes = Processes(directory)
    port = free_port()
    try:
        processes.start(serve.scheduler_command("127.0.0.1", port, keys))
        wait_for(lambda: listens(port), "scheduler")
        yield DaskCluster(processes, f"{'tls' if keys else 'tcp'}://127.0.0.1:{port}", keys)
    finally:
        processes.stop()


def slurm_is_here() -> bool:
    """Whether this machine can run a Slurm of its own."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return os.geteuid() == 0 and all(shutil.which(name, path=path) for name in SLURM_PROGRAMS)


@contextlib.contextmanager
def slurm_cluster(directory: Path) -> Iterator[dict[str, str]]:
    """A Slurm of one node; yields the environment in which its commands find it."""
    for name in ("state", "spool", "munge"):
        (directory / name).mkdir(parents=True)
    (directory / "munge").chmod(0o700)
    key = directory / "munge/key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    control, node = free_port(), free_port()
    conf = directory / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    conf.write_text(SLURM_CONF.format(host=host, control=control, node=node, place=directory))
    environment = {"SLURM_CONF": str(conf), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    processes = Processes(directory)
    find = {name: str(shutil.which(name, path=environment["PATH"])) for name in SLURM_PROGRAMS}
    munge = [f"--{name}={directory}/munge/{name}" for name in ("socket", "pid-file", "seed-file", "log-file")]
    munge[0] = f"--socket={directory}/munge/sock"
    try:
        processes.start([find["munged"], "--foreground", "--force", f"--key-file={key}", *munge])
        wait_for((directory / "munge/sock").exists, "munged")
        processes.start([find["slurmctld"], "-D"], **environment)
        wait_for(lambda: listens(control), "slurmctld")
        processes.start([find["slurmd"], "-D"], **environment)

        def idle() -> bool:
            words = ["sinfo", "--noheader", "--format=%T"]
            told = subprocess.run(
                words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
            )
            return told.stdout.strip() == "idle"

        wait_for(idle, "idle node")
        yield environment
        # Jobs outlive their daemons: none may outlive the cluster.
        told = {**os.environ, **environment}
        subprocess.run(["scancel", "--name=nvh"], env=told, check=False, timeout=STOP_S)
        words = ["squeue", "--noheader"]

        def empty() -> bool:
            return not subprocess.run(words, env=told, capture_output=True, check=False).stdout

        wait_for(empty, "empty queue")
    finally:
        processes.stop()

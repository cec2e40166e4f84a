# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that cannot outlive the harness."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # prctl(2)

# Loaded before any fork: dlopen between fork and exec is not safe in a threaded parent.
_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with_parent() -> None:
    """Let this process end as by SIGTERM when its parent dies, and SIGTERM raise ``SystemExit``.

    So what is open is closed on the way out; whoever shuts down for good sets SIGTERM back.
    """
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, _interrupted)


def _interrupted(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes] | int = subprocess.STDOUT,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a process group of its own; the kernel kills it when its parent thread dies.

    Call it from a thread that lives as long: PR_SET_PDEATHSIG is about the thread that forked.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)

    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=pass_fds,
        preexec_fn=die_with_parent,
    )


def kill(process: subprocess.Popen[bytes]) -> int:
    """End a process started by ``spawn``, and what it started, at once. Returns its status."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Host CPU time of a process so far, in seconds: what its threads ``got``, and ``wanted``.

    What they wanted and did not get they waited for while others ran, so that a busy host makes no process
    look idle.
    """

    got: float
    wanted: float

    def __sub__(self, other: CpuTime) -> CpuTime:
        """What came since ``other``; no less than nothing, as a thread that ended takes its time along."""
        return CpuTime(max(0.0, self.got - other.got), max(0.0, self.wanted - other.wanted))


def work(pid: int) -> CpuTime:
    """Return the CPU time of process ``pid``; zeros when it is gone.

    See Documentation/scheduler/sched-stats.rst (/proc/PID/schedstat). A host without it does not tell how
    long threads waited.
    """
    got = waited = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, ValueError):  # a thread that has just ended
                ran, queued = (task / "schedstat").read_text().split()[:2]
                got, waited = got + int(ran), waited + int(queued)
    if got == 0:
        seconds = cpu_seconds(pid)
        return CpuTime(seconds, seconds)
    return CpuTime(got / 1e9, (got + waited) / 1e9)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that process ``pid`` has used, in seconds; 0 when it is gone. See proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """What a process has taken so far.

    ``wanted_cpu_s``: seconds in which its threads ran or were ready to run, so that a busy host makes none
    look idle. ``memory_mib``: memory of its own, without pages of files that it shares.
    """

    wanted_cpu_s: float
    memory_mib: int


def use(pid: int) -> Use:
    """Return what process ``pid`` uses, zeros when it is gone.

    See ``work`` and proc_pid_status(5).
    """
    memory_kib = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                memory_kib += int(line.split()[1])
    return Use(work(pid).wanted, memory_kib // 1024)

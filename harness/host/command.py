# SPDX-License-Identifier: GPL-2.0-only
"""Run one external command with a deadline and a log, and say what failed."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import InfraError, UserError

HOSTCC = "gcc"
"""The compiler of what runs on this machine, in or beside QEMU."""
TAIL_LINES = 30
OUTPUT_MOST = 1 << 16
"""Characters of a program's output that its error carries."""
END_S = 5.0
GRACE_S = 10.0
"""Seconds in which a build may end by itself."""
REST_S = 1.0
"""Seconds that compilers have to remove their temporary files when their make has ended."""


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last ``lines`` lines of ``text``."""
    return "\n".join(text.splitlines()[-lines:])


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` in a process group of its own; stdout and stderr are returned joined.

    ``env`` is added to the environment (with LC_ALL=C). The output is appended to ``log`` too. A program
    that is missing or cannot be executed raises ``UserError``; a deadline or, with ``check``, a non-zero
    status raises ``InfraError``.
    """
    words = [str(word) for word in argv]
    shown = shlex.join(words)
    environment = {**os.environ, "LC_ALL": "C", **(env or {})}
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == words[0]:
            message = f"{words[0]} is not installed; run ./nvh, which names the missing package"
        else:
            message = f"{words[0]} cannot be run: {error.strerror}"
        raise UserError(message) from error
    try:
        output, _ = process.communicate(stdin, timeout=timeout_s)
    except BaseException as error:
        output = _end(process)
        _append(log, shown, output)
        if isinstance(error, subprocess.TimeoutExpired):
            raise InfraError(
                f"{shown} did not end within {timeout_s:.0f} s", output[-OUTPUT_MOST:].rstrip("\n")
            ) from error
        raise
    _append(log, shown, output)
    if check and process.returncode != 0:
        where = f" (log: {log})" if log else ""
        message = f"{shown} ended with status {process.returncode}{where}"
        raise InfraError(f"{message}\n{tail(output)}", tail(output))
    return subprocess.CompletedProcess(words, process.returncode, output, "")


def _end(process: subprocess.Popen[str]) -> str:
    """Kill the group and return what it printed; a process that left the group may keep the pipe open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=END_S)[0]
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        return printed.decode(errors="replace") if isinstance(printed, bytes) else printed
    finally:
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a build and its compilers; on SIGTERM make and ninja remove the files that they had half written.

    The signal goes to the leader of the group alone, which passes it on. If make and the job that it waits
    for get it together, make may have reaped the job when its handler waits for it once more: make stops with
    "wait: No child processes", loses what the job printed, and leaves the job's files. What outlives the
    leader is ended after it.
    """
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + REST_S
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _append(log: Path | None, shown: str, output: str) -> None:
    if log is not None:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(f"$ {shown}\n{output}")

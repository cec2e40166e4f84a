# SPDX-License-Identifier: GPL-2.0-only
"""Run the kernel's make: the cross toolchain, ccache, a live log, a deadline, and progress."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.remaining import Remaining

ARCH = "arm64"
CROSS = "" if platform.machine() == "aarch64" else "aarch64-linux-gnu-"
MAKE_TIMEOUT_S = 5400
POLL_S = 1.0
_COMPILED = re.compile(rb"^  (?:CC|AS|HOSTCC) ", re.M)
_ENVIRONMENT = {
    "LC_ALL": "C",
    # Without a preprocessor run of its own, a cold ccache costs nothing (it costs 40 % with it).
    "CCACHE_DEPEND": "1",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01 00:00:00 UTC",
    "KBUILD_BUILD_VERSION": "1",
    "KBUILD_BUILD_USER": "nvh",
    "KBUILD_BUILD_HOST": "nvh",
}
_FOREIGN = (
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "ARCH",
    "CROSS_COMPILE",
    "KBUILD_OUTPUT",
    "O",
    "KCONFIG_CONFIG",
)


class BuildFailed(InfraError):
    """The sources do not compile or link; the message has the errors."""


@functools.cache
def toolchain() -> str:
    """Return the compiler's and the linker's own descriptions; ``UserError`` when one is not installed."""
    lines = [command.run([f"{CROSS}{tool}", "--version"], timeout_s=30).stdout for tool in ("gcc", "ld")]
    return "; ".join(text.splitlines()[0] for text in lines)


def compiler() -> str:
    """Return what make gets as CC."""
    return ("ccache " if shutil.which("ccache") else "") + f"{CROSS}gcc"


def make(
    directory: Path,
    words: Sequence[str],
    *,
    log: Path,
    progress: Callable[[str], None],
    base: Path | None = None,
    held: int | None = None,
    timeout_s: float = MAKE_TIMEOUT_S,
    files: int = 0,
) -> None:
    """Run make in ``directory`` for arm64, appending to ``log``; ``base`` lets trees share ccache entries.

    ``held`` is a locked file descriptor that make and its children inherit: see ``BuildTree.held``.

    ``files``: about how many it compiles, 0 when nobody knows. ``progress`` is called every second; what it
    raises ends make. ``BuildFailed`` with the compiler's errors when make fails, ``InfraError`` when it does
    not end within ``timeout_s`` seconds.
    """
    argv = [
        *("make", "-C", str(directory), f"-j{len(os.sched_getaffinity(0))}", f"ARCH={ARCH}"),
        "--output-sync=target",  # so that a warning stands below the object it belongs to
        *(f"CROSS_COMPILE={CROSS}", f"CC={compiler()}", *words),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN} | _ENVIRONMENT
    if base is not None:
        environment["CCACHE_BASEDIR"] = str(base)
    with log.open("ab") as stream:
        stream.write(f"$ {' '.join(argv)}\n".encode())
        stream.flush()
        start = stream.tell()
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                pass_fds=() if held is None else (held,),
            )
        except FileNotFoundError as error:
            raise UserError("make is not installed; install the packages make and gcc") from error
    try:
        in_time = _watch(process, log, start, progress, time.monotonic() + timeout_s, files)
    finally:
        if process.poll() is None:
            command.end_group(process)
    said = log.read_bytes()[start:].decode("utf-8", "replace")
    if not in_time:
        raise InfraError(f"make {' '.join(words)} did not end within {timeout_s:.0f} s", command.tail(said))
    if process.returncode:
        what = f"make {' '.join(words)} ended with status {process.returncode}"
        raise BuildFailed(f"{what}\n{_errors(said)}", command.tail(said))


def _watch(
    process: subprocess.Popen[bytes],
    log: Path,
    start: int,
    progress: Callable[[str], None],
    deadline: float,
    files: int,
) -> bool:
    reported, begun = 0, time.monotonic()
    while time.monotonic() < deadline:
        try:
            process.wait(POLL_S)
            return True
        except subprocess.TimeoutExpired:
            count = len(_COMPILED.findall(log.read_bytes()[start:]))
            reported = count if count >= reported + 50 else reported
            progress(how_far(reported, files, time.monotonic() - begun))
    return False


def how_far(done: int, files: int, seconds: float) -> str:
    """Return in words how far a build is: ``done`` of about ``files`` (0: unknown) in ``seconds``.

    Where that tells, the words have the seconds that are left with them.
    """
    if not files:
        return f"{done} files compiled"
    told = f"{done} of about {max(files, done)} files compiled"
    if done * 20 < files or done >= files:  # the first few say little about the rest
        return told
    left = seconds / done * (files - done)
    words = f"about {left / 60:.0f} min left" if left >= 60 else "less than a minute left"
    return Remaining.of(f"{told}, {words}", left)


def _errors(output: str) -> str:
    """Return the compiler's errors, which parallel make may bury, else the last lines."""
    lines = output.splitlines()
    found = [line for line in lines if re.search(r"\b[Ee]rror: |\*\*\* |undefined reference", line)]
    return "\n".join(found[:10] or lines[-10:])

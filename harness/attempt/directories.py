# SPDX-License-Identifier: GPL-2.0-only
"""Whole directories to and from a level, as tar archives over the agents' channel."""

from __future__ import annotations

import hashlib
import io
import shlex
import tarfile
from pathlib import Path
from typing import Protocol

from harness.errors import InfraError
from harness.level import Level
from harness.stack.broken import LevelFailed
from harness.stack.level_command import Completed


class CommandRunner(Protocol):
    """What is asked of ``harness.stack.stack.Stack``."""

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed: ...


def there(stack: CommandRunner, level: Level, path: str, timeout_s: float) -> bool:
    """Whether ``path`` is a directory at ``level``."""
    return stack.run(level, f"test -d {shlex.quote(path)}", timeout_s).status == 0


def put(stack: CommandRunner, level: Level, source: Path, path: str, timeout_s: float) -> None:
    """Make the directory ``path`` at ``level``, with all that is below ``source``; ``LevelFailed`` if not."""
    here = shlex.quote(path)
    done = stack.run(level, f"mkdir -p {here} && tar -xf - -C {here}", timeout_s, packed(source))
    if done.status != 0:
        raise LevelFailed(level, f"cannot write {path}: {_said(done)}")


def get(stack: CommandRunner, level: Level, path: str, target: Path, timeout_s: float) -> None:
    """Copy what is below ``path`` at ``level`` into the new directory ``target``.

    ``LevelFailed`` when the level cannot read it, ``InfraError`` when what it sent is no archive or would
    leave ``target``.
    """
    done = stack.run(level, f"tar -cf - -C {shlex.quote(path)} .", timeout_s)
    if done.status != 0:
        raise LevelFailed(level, f"cannot read {path}: {_said(done)}")
    unpacked(done.stdout, target)


def packed(source: Path) -> bytes:
    """Return an archive of what is below ``source``: the same bytes for equal names, modes and contents."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, path.name, filter=_owned_by_root)
    return stream.getvalue()


def sha256(source: Path) -> str:
    """Return the SHA-256 of ``packed``: that of everything below ``source``."""
    return hashlib.sha256(packed(source)).hexdigest()


def unpacked(data: bytes, target: Path) -> None:
    """Unpack what a level sent; device nodes and names outside ``target`` are refused."""
    target.mkdir(exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            archive.extractall(target, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise InfraError(f"what the level sent for {target.name} cannot be unpacked: {error}") from error


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 0
    return member


def _said(done: Completed) -> str:
    return done.stderr.decode(errors="replace").strip() or f"status {done.status}"

# SPDX-License-Identifier: GPL-2.0-only
"""newc archives, the format of an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TRAILER = "TRAILER!!!"
ALIGN = 4


@dataclass(frozen=True, slots=True)
class CpioMember:
    """A member: its path without leading slash, st_mode, and its content or the file that has it."""

    path: str
    mode: int
    content: bytes | Path = b""


def directory(path: str) -> CpioMember:
    """Return a directory's entry."""
    return CpioMember(path, stat.S_IFDIR | 0o755)


def regular(path: str, content: bytes | Path, mode: int = 0o644) -> CpioMember:
    """Return a regular file's entry."""
    return CpioMember(path, stat.S_IFREG | mode, content)


def with_parents(entries: Iterable[CpioMember]) -> Iterator[CpioMember]:
    """Yield the entries, each after directories for its parents that no entry before has made."""
    made: set[str] = set()
    for entry in entries:
        for parent in reversed(Path(entry.path).parents):
            if str(parent) != "." and str(parent) not in made:
                made.add(str(parent))
                yield directory(str(parent))
        if entry.path not in made:
            made.add(entry.path)
            yield entry


def tree(root: Path, prefix: str = "") -> Iterator[CpioMember]:
    """Yield everything below ``root`` that is a directory, a regular file or a symbolic link, sorted."""
    for path in sorted(root.rglob("*")):
        name = f"{prefix}{path.relative_to(root)}"
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield CpioMember(name, mode, str(path.readlink()).encode())
        elif stat.S_ISDIR(mode):
            yield CpioMember(name, mode)
        elif stat.S_ISREG(mode):
            yield CpioMember(name, mode, path)


def write(stream: IO[bytes], entries: Iterable[CpioMember]) -> None:
    """Write an archive. Owners are root and times are zero, so equal entries give equal bytes."""
    for number, entry in enumerate([*entries, CpioMember(TRAILER, 0)], 1):
        size = entry.content.stat().st_size if isinstance(entry.content, Path) else len(entry.content)
        name = entry.path.encode() + b"\0"
        fields = (number, entry.mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name), 0)
        stream.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        pad(stream)
        if isinstance(entry.content, Path):
            with entry.content.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
        else:
            stream.write(entry.content)
        pad(stream)


def pad(stream: IO[bytes]) -> None:
    """Fill up to the alignment that members, and archives one after another, need."""
    stream.write(b"\0" * (-stream.tell() % ALIGN))

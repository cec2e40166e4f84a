# SPDX-License-Identifier: GPL-2.0-only
"""Whole directories to and from a level; the level is this machine's shell and tar."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.attempt import directories
from harness.errors import InfraError
from harness.level import Level
from harness.stack.broken import LevelFailed
from harness.stack.level_command import Completed


class Here:
    """Runs a level's commands on this machine."""

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:
        del level
        done = subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, timeout=timeout_s)
        return Completed(done.returncode, done.stdout, done.stderr)


def tree(at: Path) -> dict[str, tuple[str, int]]:
    """Every name below ``at`` with its content or target, and its mode."""
    return {
        str(path.relative_to(at)): (
            str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "",
            path.lstat().st_mode,
        )
        for path in sorted(at.rglob("*"))
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "source"
    (place / "a b" / "empty").mkdir(parents=True)
    (place / "a b" / "run").write_text("#!/bin/sh\n")
    (place / "a b" / "run").chmod(0o755)
    (place / "-odd").write_text("x")
    (place / "link").symlink_to("a b/run")
    return place


def test_there_and_back(source: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "le'vel" / "deep", tmp_path / "back"
    directories.put(Here(), Level.L1, source, str(there), 10)
    assert tree(there) == tree(source)
    assert directories.there(Here(), Level.L1, str(there), 10)
    assert not directories.there(Here(), Level.L1, str(there / "-odd"), 10)
    directories.get(Here(), Level.L1, str(there), back, 10)
    assert tree(back) == tree(source)


def test_what_cannot_be_read_or_written_is_the_levels_fault(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LevelFailed, match="cannot write"):
        directories.put(Here(), Level.L1, source, str(tmp_path / "file"), 10)
    with pytest.raises(LevelFailed, match="cannot read /none"):
        directories.get(Here(), Level.L1, "/none", tmp_path / "back", 10)


@pytest.mark.parametrize("name", ["../out", "/out"])
def test_nothing_leaves_its_directory(name: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    if name.startswith("/"):
        directories.unpacked(stream.getvalue(), target)  # the leading slash goes
        assert (target / "out").exists()
    else:
        with pytest.raises(InfraError, match="cannot be unpacked"):
            directories.unpacked(stream.getvalue(), target)
    assert not (tmp_path / "deep" / "out").exists()


def test_what_is_no_archive_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="cannot be unpacked"):
        directories.unpacked(b"x" * 2000, tmp_path / "target")


def test_equal_directories_have_one_digest(source: Path) -> None:
    """A snapshot of a setup that copies a directory belongs to its content, modes and links, not to times."""
    before = directories.sha256(source)
    os.utime(source / "-odd", (1, 1))
    assert directories.sha256(source) == before
    (source / "-odd").chmod(0o700)
    changed = directories.sha256(source)
    (source / "link").unlink()
    (source / "link").symlink_to("-odd")
    assert len({before, changed, directories.sha256(source)}) == 3

# SPDX-License-Identifier: GPL-2.0-only
"""The run's directory: made first, filled by the cells, completed by the three reports of the whole."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.report import store
from harness.report.results import RunSummary
from harness.report.section import Section

LATEST = "latest"


def utc_now() -> str:
    """Return the time as results record it: ISO 8601, UTC, in milliseconds."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return f"{now.isoformat(timespec='milliseconds')}Z"


def make_directory(path: Path) -> None:
    """Create a directory that the command line names, if need be; ``UserError`` where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a directory that can be made") from error


def make_run_directory(runs: Path, out: Path | None = None) -> Path:
    """Create and return the run's directory with an empty ``cells/``.

    ``out`` is used as it is and must be new or empty; ``UserError`` otherwise. Without it the directory is
    ``runs/<UTC timestamp>``, with ``-2`` and so on when two runs start in the same second.
    """
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            if any(out.iterdir()):
                raise UserError(f"{out}: not empty; name a new directory, or remove this one first")
            (out / store.CELLS).mkdir()
        except OSError as error:
            raise UserError(f"{out}: {error.strerror}; name a directory that can be made") from error
        return out
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            path = runs / (stamp if number == 1 else f"{stamp}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                (path / store.CELLS).mkdir()
                return path
    except OSError as error:
        raise UserError(f"{runs}: {error.strerror}; name another place with --out") from error
    raise UserError(f"{runs}: a thousand runs in one second; name a directory with --out")


def point_latest(runs: Path, directory: Path) -> None:
    """Make the symbolic link ``runs/latest`` point at ``directory``, replacing an older one in one step.

    A real file or directory of that name is left alone.
    """
    link = runs / LATEST
    if link.exists() and not link.is_symlink():
        return
    runs.mkdir(parents=True, exist_ok=True)
    fresh = runs / f".{LATEST}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(directory.resolve(), runs.resolve()))
    fresh.replace(link)


def publish(run: RunSummary, directory: Path, sections: Sequence[Section] = ()) -> None:
    """Write junit.xml, index.html and, last, summary.json: where that is, the reports are whole."""
    from harness.report import html, junit  # a cell's process, which publishes no run, need not wait for them

    junit.write(run, directory)
    html.write(run, directory, sections)
    store.write_run(run, directory)

# SPDX-License-Identifier: GPL-2.0-only
"""What a worker is asked to do, and what it answers: plain data that any transport can carry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArtefactNeed:
    """An artefact that a cell needs on the machine where it runs, by content: ``kind`` and ``digest``."""

    kind: str
    digest: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.digest}"


@dataclass(frozen=True, slots=True)
class AttemptOrder:
    """One attempt at one cell.

    ``directory`` is the attempt's own and holds the work order; what it becomes is published by one rename
    to ``final``, so that whichever attempt is first counts and no other does. Both are absolute and on a
    file system that driver and workers share. ``cpus`` and ``memory_mib`` are what the cell takes of a
    worker, ``deadline_s`` is wall clock. ``cache`` is the driver's artefact cache, ``needs`` what of it the
    cell uses; ``program`` and ``program_sha256`` are a model that is given by path. ``command`` replaces
    ``python -m harness.attempt.execute``; the directory is its last argument either way.
    """

    key: str
    attempt: int
    directory: str
    final: str
    deadline_s: float
    cpus: int
    memory_mib: int
    cache: str = ""
    needs: tuple[ArtefactNeed, ...] = ()
    program: str = ""
    program_sha256: str = ""
    fresh: bool = False
    command: tuple[str, ...] = ()


PUBLISHED = "published"
NOTHING = "nothing"
CANCELLED = "cancelled"
MISSING = "missing"
LOST = "lost"


@dataclass(frozen=True, slots=True)
class AttemptEnding:
    """How an attempt ended.

    ``published``: a result lies in the order's ``final``, by this attempt or an earlier one. ``nothing``:
    the cell left no result, for ``reason``. ``cancelled``. ``missing``: nothing was started, because the
    worker lacks ``missing``. ``lost``: the worker went away. ``peak_mib`` and ``cpu_seconds`` are what its
    processes took.
    """

    how: str
    reason: str = ""
    worker: str = ""
    seconds: float = 0.0
    peak_mib: float | None = None
    cpu_seconds: float | None = None
    missing: tuple[ArtefactNeed, ...] = ()

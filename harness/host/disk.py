# SPDX-License-Identifier: GPL-2.0-only
"""Whether the disk is full: what then fails, or is missing, says nothing of what is under test."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.errors import InfraError

FULL_BYTES = 64 << 20
"""Free space below which a trace, a console's log or a machine's state may have lost its end."""


def free_bytes(place: Path) -> int:
    """Return the bytes that may still be written below ``place``, which exists."""
    return shutil.disk_usage(place).free


def full(place: Path) -> str:
    """Return why nothing can be relied on that was just written below ``place``; "" while there is room."""
    free = free_bytes(place)
    if free >= FULL_BYTES:
        return ""
    return (
        f"the disk of {place.resolve()} is full: {free >> 20} MiB are free; make room with `./nvh images gc`"
    )


def require_room(place: Path) -> None:
    """Raise ``InfraError`` when the disk of ``place`` is full."""
    if why := full(place):
        raise InfraError(why)

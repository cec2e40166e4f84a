# SPDX-License-Identifier: GPL-2.0-only
"""Whether the files of a saved stack are what was written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import xxhash

from harness.errors import InfraError
from harness.host.cache import Artefact
from harness.stack import saved

READ_SIZE = 1 << 22


def describe(path: Path) -> dict[str, Any]:
    """Return a file's size in bytes and the XXH3 of its content with its holes left out."""
    total = xxhash.xxh3_128()
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        for start, end in saved.extents(stream.fileno(), size):
            total.update(f"{start} {end}\n".encode())
            for at in range(start, end, READ_SIZE):
                total.update(os.pread(stream.fileno(), min(READ_SIZE, end - at), at))
    return {"bytes": size, "xxh3": total.hexdigest()}


def check_files(snapshot: Artefact) -> None:
    """Compare the files of a snapshot with its manifest; ``InfraError`` names the first that differs."""
    files = snapshot.manifest.get("files")
    if not isinstance(files, dict) or not {saved.RAM, saved.STATE, saved.RECORD} <= files.keys():
        raise InfraError("its manifest does not name its files")
    for name, expected in files.items():
        path = snapshot.path / name
        if not path.is_file():
            raise InfraError(f"{name} is missing")
        found = describe(path)
        if found["bytes"] != expected["bytes"]:
            raise InfraError(f"{name} has {found['bytes']} bytes instead of {expected['bytes']}")
        if found["xxh3"] != expected["xxh3"]:
            raise InfraError(f"the content of {name} is not what was written")

# SPDX-License-Identifier: GPL-2.0-only
"""The questions to a model as one file that boots by itself, for a board: images/payloads/standalone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.artefacts.bare_suites import built
from harness.check.answers import GROUPS
from harness.document.data_files import load_document
from harness.errors import InfraError
from harness.host.cache import Artefact, Store
from harness.host.paths import find_data_file

BARE_IMAGE = "nvh-bare.img"
MARK, NO_ID = b"nvh-bundle-id=", b"0" * 16
KIND = "boards"
SEE = "docs/anywhere.md"
GIB = 1 << 30
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["board", "summary", "ram", "uart", "pe-stride"],
    "additionalProperties": False,
    "properties": {
        "board": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"},
        "summary": {"type": "string", "minLength": 1},
        "ram": {"type": "integer", "minimum": 0, "maximum": (1 << 40) - GIB, "multipleOf": GIB},
        "uart": {"type": "integer", "minimum": 0, "maximum": (1 << 40) - 4, "multipleOf": 4},
        "pe-stride": {"type": "integer", "minimum": 1, "maximum": 0xFFFFFF},
    },
}


@dataclass(frozen=True, slots=True)
class Board:
    """Where a board has what the image uses: addresses in bytes.

    ``ram``: the start of 256 MiB or more; ``uart``: a PL011; ``pe_stride``: PE n has n times this in the
    affinity fields of MPIDR_EL1.
    """

    name: str
    ram: int
    uart: int
    pe_stride: int


def load_board(name: str) -> Board:
    """Read a board's file by name or path; ``UserError`` with the place of each mistake."""
    path = find_data_file(KIND, name)
    data = load_document(path, SCHEMA, SEE)
    return Board(data["board"], data["ram"], data["uart"], data["pe-stride"])


def build_bare(store: Store, board: Board, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact with ``BARE_IMAGE`` for a board; it does not belong to a bundle yet."""
    values = {
        "BOARD": board.name,
        "RAM": f"{board.ram:#x}",
        "UART": f"{board.uart:#x}",
        "PE_STRIDE": str(board.pe_stride),
        "GROUPS": str(len(GROUPS)),
    }

    begin = partial(progress, f"the questions as an image for the board {board.name}")
    return built(store, begin, "bundle-bare", ("standalone", "model"), BARE_IMAGE, values)


def identified(image: bytes, identity: str) -> bytes:
    """Return the image with a bundle's id in it; ``InfraError`` when it has no place for one, or two."""
    if image.count(MARK + NO_ID) != 1 or len(identity) != len(NO_ID):
        raise InfraError(f"{BARE_IMAGE} has no place for the id {identity!r}")
    return image.replace(MARK + NO_ID, MARK + identity.encode())

# SPDX-License-Identifier: GPL-2.0-only
"""Source lines to instructions, from the line tables in a vmlinux (DWARF 5, section 6.2).

Inlined code needs nothing special here: the rows of the function that it was inlined into name the file and
line that it came from.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from harness.errors import InfraError, UserError

Ranges = Mapping[int, list[tuple[int, int]]]
"""By line: the addresses [first, end) of instructions that were generated for it."""


def load(vmlinux: Path, files: Iterable[str]) -> dict[str, Ranges]:
    """Return, for each of ``files`` (paths below the source tree), the instructions of every line.

    A file of which no line has code is left out. ``UserError`` for a vmlinux without debugging information.
    """
    wanted = set(files)
    found: dict[str, dict[int, list[tuple[int, int]]]] = {}
    try:
        with vmlinux.open("rb") as stream:
            elf = ELFFile(stream)
            if not elf.has_dwarf_info(strict=True):
                raise UserError(
                    f"{vmlinux} has no debugging information, by which lines are found; add "
                    "config/debug.config to the kernel's file, or do without --coverage"
                )
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                if program is None:
                    continue
                names = _names(program, wanted)
                if names:
                    _rows(program, names, found)
    except (OSError, ELFError, DWARFError) as error:
        raise InfraError(f"{vmlinux}: its line tables cannot be read: {error}") from error
    return {name: dict(rows) for name, rows in found.items()}


def _names(program: Any, wanted: set[str]) -> dict[int, str]:
    """Return the wanted files among those of one table, by index."""
    header = program.header
    directories = [_text(each) for each in header["include_directory"]]
    five = header["version"] >= 5
    found = {}
    for index, entry in enumerate(header["file_entry"]):
        name = _text(entry.name)
        base = name.rpartition("/")[2]
        number = entry.dir_index
        if five:
            place = directories[number] if number < len(directories) else ""
        else:
            place = directories[number - 1] if 0 < number <= len(directories) else ""
        path = posixpath.normpath(posixpath.join(place, name))
        for each in wanted:
            if each.endswith(base) and (path == each or path.endswith(f"/{each}")):
                found[index if five else index + 1] = each
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _rows(program: Any, names: Mapping[int, str], found: dict[str, dict[int, list[tuple[int, int]]]]) -> None:
    before: tuple[int, str, int] | None = None  # address, file, line of the row whose end is not known yet
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is not None:
            address, name, line = before
            rows = found.setdefault(name, defaultdict(list))
            # Several rows may stand at one address: each of these lines has the instruction there.
            rows[line].append((address, max(state.address, address + 1)))
            before = None
        if not state.end_sequence and state.line and (file := names.get(state.file)):
            before = state.address, file, state.line

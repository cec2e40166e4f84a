# SPDX-License-Identifier: GPL-2.0-only
"""Names for addresses of a bare-metal program: the symbol before each, and how far behind it."""

from __future__ import annotations

import bisect
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.errors import InfraError

FAR = 1 << 16
"""Further behind a symbol nothing is called by its name."""


class ProgramSymbols:
    """The symbols of an ELF file. ``InfraError`` when it is none."""

    def __init__(self, program: Path) -> None:
        found: dict[int, str] = {}
        try:
            with program.open("rb") as file:
                table = ELFFile(file).get_section_by_name(".symtab")
                if isinstance(table, SymbolTableSection):
                    for symbol in table.iter_symbols():
                        if (
                            symbol.name
                            and not symbol.name.startswith("$")
                            and symbol["st_shndx"] != "SHN_ABS"
                        ):
                            found.setdefault(int(symbol["st_value"]), str(symbol.name))
        except (ELFError, OSError) as error:
            raise InfraError(f"{program}: no symbols: {error}") from error
        self._names = found
        self._starts = sorted(found)

    def name(self, address: int) -> str:
        """Return ``SYMBOL+0xOFFSET`` for an address, "" where no symbol is near."""
        place = bisect.bisect_right(self._starts, address) - 1
        if place < 0 or (offset := address - self._starts[place]) >= FAR:
            return ""
        name = self._names[self._starts[place]]
        return f"{name}+{offset:#x}" if offset else name

    def address(self, name: str) -> int | None:
        """Return the address of a symbol, None when there is none of that name."""
        return next((start for start, each in self._names.items() if each == name), None)

# SPDX-License-Identifier: GPL-2.0-only
"""From a program counter to the function of the kernel of a level, by its System.map."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.arch.registers import mask
from harness.level import Level

KERNEL = 1 << 63
NV = mask("HCR.NV")
"""HCR_EL2.NV: L0 has it set while it runs L1 at virtual EL2."""


@dataclass(frozen=True, slots=True)
class Symbols:
    """Addresses in ascending order and the names at them."""

    addresses: tuple[int, ...]
    names: tuple[str, ...]

    @staticmethod
    def read(path: Path) -> Symbols:
        """Read a System.map; one that is not there has no symbols."""
        rows = []
        if path.is_file():
            for line in path.read_text(encoding="ascii", errors="replace").splitlines():
                words = line.split()
                if len(words) == 3 and words[1] in "tTwW":
                    rows.append((int(words[0], 16), words[2]))
        rows.sort()
        return Symbols(tuple(a for a, _ in rows), tuple(n for _, n in rows))

    def name(self, address: int) -> str:
        """``function+0x12``, or nothing for an address outside the kernel's code."""
        at = bisect.bisect_right(self.addresses, address) - 1
        if at < 0 or at == len(self.addresses) - 1:
            return ""
        return f"{self.names[at]}+{address - self.addresses[at]:#x}"


class Places:
    """Tells where code ran: the level, and the function for kernels that run where they were linked."""

    def __init__(self, maps: Mapping[Level, Path]) -> None:
        self._maps = maps
        self._read: dict[Level, Symbols] = {}

    def describe(self, pc: int, el: int, hcr: int | None) -> str:
        """Say ``pc`` with level and symbol. ``el``: 2 is L0, below it L1 or L2 by HCR_EL2.NV, if known."""
        if el == 2:
            level: Level | None = Level.L0
        else:
            level = None if hcr is None else Level.L1 if hcr & NV else Level.L2
        words = [f"{pc:#x}"]
        if level is not None and pc & KERNEL:
            if level not in self._read:
                self._read[level] = (
                    Symbols.read(self._maps[level]) if level in self._maps else Symbols((), ())
                )
            words += [name] if (name := self._read[level].name(pc)) else []
        return " ".join([*words, f"at {level}" if level is not None else "below EL2"])

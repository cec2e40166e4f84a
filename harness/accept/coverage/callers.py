# SPDX-License-Identifier: GPL-2.0-only
"""Who calls whom in a kernel, from its machine code: branches to a function, and code that takes its address.

Pointers in tables are not seen; what KVM's table of TLBI handlers holds is read from the source.
"""

from __future__ import annotations

import array
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile

from harness.trace.executed.symbols import KernelText, plain

DEPTH = 10


def callers(vmlinux: Path, symbols: KernelText) -> Mapping[str, set[str]]:
    """Return for every function those that branch to it or take its address (Arm ARM C6.2).

    BL and B reach imm26 words; an address is made by ADRP (pages) and the ADD that follows it.
    """
    starts = dict(zip(symbols.addresses, symbols.names, strict=True))
    found: dict[str, set[str]] = defaultdict(set)
    with vmlinux.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            base = section["sh_addr"]
            if not symbols.start <= base < symbols.end or section["sh_type"] != "SHT_PROGBITS":
                continue
            words = array.array("I", section.data()[: section["sh_size"] & ~3])
            if sys.byteorder == "big":
                words.byteswap()
            pages: dict[int, int] = {}  # by register, what the last ADRP made
            for index, word in enumerate(words):
                place = base + 4 * index
                if word >> 26 & 0x1F == 0x05:
                    target = place + 4 * ((word & 0x3FFFFFF) - ((word & 0x2000000) << 1))
                elif word & 0x9F000000 == 0x90000000:
                    pages[word & 31] = _page(word, place)
                    continue
                elif word & 0xFFC00000 == 0x91000000:
                    target = pages.get(word >> 5 & 31, -1) + (word >> 10 & 0xFFF)
                else:
                    continue
                if (name := starts.get(target)) and (caller := symbols.name_at(place)) != plain(name):
                    found[plain(name)].add(caller)
    return found


def _page(word: int, place: int) -> int:
    """Return the page that an ADRP at ``place`` makes."""
    pages = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
    return (place & ~0xFFF) + ((pages - ((pages & 0x100000) << 1)) << 12)


def upwards(
    names: Iterable[str], graph: Mapping[str, set[str]], wanted: Callable[[str], object]
) -> Iterator[tuple[str, ...]]:
    """Yield the chains of calls from the nearest functions that are ``wanted`` down to one of ``names``.

    Only chains of the shortest length are given.
    """
    level: list[tuple[str, ...]] = [(name,) for name in sorted(names)]
    seen = {chain[0] for chain in level}
    for _ in range(DEPTH):
        if hits := [chain for chain in level if wanted(chain[0])]:
            yield from hits
            return
        above: list[tuple[str, ...]] = []
        for chain in level:
            for caller in sorted(graph.get(chain[0], ())):
                if caller not in seen:
                    seen.add(caller)
                    above.append((caller, *chain))
        level = above

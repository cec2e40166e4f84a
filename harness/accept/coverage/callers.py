"""Who calls whom in a kernel, from the branches in its machine code: BL and B to the start of a function.

Calls through pointers are not seen; what tables hold (sys_insn_descs, for example) is read from the source.
"""

from __future__ import annotations

import array
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile

from harness.accept.coverage.symbols import Symbols, plain

DEPTH = 10


def callers(vmlinux: Path, symbols: Symbols) -> Mapping[str, set[str]]:
    """Return for every function those that branch to it (Arm ARM C6.2: BL and B, imm26 words away)."""
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
            for index, word in enumerate(words):
                if word >> 26 & 0x1F != 0x05:
                    continue
                offset = (word & 0x3FFFFFF) - ((word & 0x2000000) << 1)
                place = base + 4 * index
                if name := starts.get(place + 4 * offset):
                    found[plain(name)].add(symbols.name_at(place))
    return found


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

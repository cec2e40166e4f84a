# SPDX-License-Identifier: GPL-2.0-only
"""Functions of a kernel by its System.map: where its text lies, and which function an address is in."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InfraError

_LINE = re.compile(r"^([0-9a-f]{16}) ([tTwW]) (\S+)$", re.M)
_MARK = re.compile(r"^([0-9a-f]{16}) \S (_text|_stext|_etext)$", re.M)
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold)(?:\.\d+)*$|\.\d+$")


@dataclass(frozen=True, slots=True)
class KernelText:
    """Function names by address, in order; [start, end) is the kernel's text."""

    start: int
    end: int
    addresses: tuple[int, ...]
    names: tuple[str, ...]

    def name_at(self, address: int) -> str:
        """Return the function that ``address`` is in, without what the compiler appended to its name."""
        index = bisect.bisect_right(self.addresses, address) - 1
        return plain(self.names[index]) if index >= 0 else ""

    def functions(self, addresses: Iterable[int]) -> set[str]:
        """Return the functions that hold some of ``addresses``."""
        return {self.name_at(address) for address in addresses} - {""}


def plain(name: str) -> str:
    """Return a symbol without ``.isra.0``, ``.constprop.0`` and the like."""
    while (short := _SUFFIX.sub("", name)) != name:
        name = short
    return name


def load(path: Path) -> KernelText:
    """Read a System.map; ``InfraError`` when it does not tell where the kernel's text is."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InfraError(f"{path}: {error.strerror}") from error
    marks = {name: int(address, 16) for address, name in _MARK.findall(text)}
    start = marks.get("_text", marks.get("_stext"))
    if start is None or "_etext" not in marks:
        raise InfraError(f"{path} has no _stext and _etext: it is not the System.map of a kernel")
    rows = sorted((int(address, 16), name) for address, _, name in _LINE.findall(text) if name[0] != "$")
    inside = [(address, name) for address, name in rows if start <= address < marks["_etext"]]
    return KernelText(start, marks["_etext"], tuple(a for a, _ in inside), tuple(n for _, n in inside))

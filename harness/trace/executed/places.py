# SPDX-License-Identifier: GPL-2.0-only
"""Where places in a kernel are: a function's entry, its returns, the calls and conditional branches in it.

Instructions are A64 (Arm ARM DDI 0487 M.a.a, C6.2).
"""

from __future__ import annotations

import array
import bisect
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from harness.errors import InfraError, UserError, closest
from harness.scenario.language import Place
from harness.trace.executed.symbols import KernelText, plain

YIELD = 0xD503203F
WFE = 0xD503205F
WFI = 0xD503207F
RETURNS = frozenset({0xD65F03C0, 0xD65F0BFF, 0xD65F0FFF})
"""RET, RETAA, RETAB."""
_INSN = 4
_NEAR = 6
"""Instructions before a conditional branch in which what it tests was loaded."""


class NoSuchPlace(UserError):
    """The kernel has no such place; the message says what it has."""


@dataclass(frozen=True)
class Text:
    """A kernel's functions and their instructions: ``words`` by the address of a section."""

    symbols: KernelText
    words: Mapping[int, Sequence[int]]

    @staticmethod
    def read(vmlinux: Path, symbols: KernelText) -> Text:
        """Read the text of ``vmlinux``; ``InfraError`` when it has none."""
        found: dict[int, Sequence[int]] = {}
        try:
            with vmlinux.open("rb") as stream:
                for section in ELFFile(stream).iter_sections():
                    base = section["sh_addr"]
                    if symbols.start <= base < symbols.end and section["sh_type"] == "SHT_PROGBITS":
                        found[base] = _words(section.data())
        except (OSError, ELFError) as error:
            raise InfraError(f"{vmlinux}: {error}") from error
        if not found:
            raise InfraError(f"{vmlinux} has no text between {symbols.start:#x} and {symbols.end:#x}")
        return Text(symbols, found)

    @functools.cached_property
    def _parts(self) -> Mapping[str, Sequence[int]]:
        """The symbols of each function, by its name less what the compiler appended."""
        found: dict[str, list[int]] = {}
        for index, name in enumerate(self.symbols.names):
            found.setdefault(plain(name), []).append(index)
        return found

    def addresses(self, place: Place) -> tuple[int, ...]:
        """Where ``place`` is; ``NoSuchPlace`` when it is nowhere in this kernel."""
        parts = self._parts.get(place.function, ())
        if not parts:
            near = closest(place.function, self._parts)
            hint = f"; did you mean {near!r}?" if near else ""
            raise NoSuchPlace(f"this kernel has no function {place.function!r} of its own{hint}")
        if not place.kind:
            return tuple(self.symbols.addresses[i] for i in parts if ".cold" not in self.symbols.names[i])
        body = [each for part in parts for each in self._body(part)]
        if place.kind == "return":
            return tuple(sorted(self._returns(place.function, body)))
        if place.kind == "test":
            return (self._test(place, body),)
        calls = {at: name for at, name in self._calls(body) if name}
        found = [at for at, name in calls.items() if name == place.callee]
        if not found:
            called = sorted(set(calls.values()))
            near = closest(place.callee, called)
            hint = f"; did you mean {near!r}?" if near else ""
            listed = ", ".join(called) or "nothing"
            raise NoSuchPlace(f"this kernel's {place.function} calls no {place.callee!r} but {listed}{hint}")
        return tuple(at + _INSN * (place.kind == "after") for at in sorted(found))

    def calls(self, function: str) -> list[str]:
        """The functions that ``function`` calls, sorted."""
        body = [each for part in self._parts.get(function, ()) for each in self._body(part)]
        return sorted({name for _, name in self._calls(body) if name})

    def tests(self, function: str) -> list[int]:
        """Which of the conditional branches of ``function``, from 1, follow a load from shared memory.

        Not from the stack, nor of a variable that has an address of its own.
        """
        body = [each for part in self._parts.get(function, ()) for each in self._body(part)]
        found = [i for i, (_, word) in enumerate(body) if _is_test(word)]
        return [number for number, i in enumerate(found, 1) if _loads_shared(body[max(i - _NEAR, 0) : i])]

    def _test(self, place: Place, body: Sequence[tuple[int, int]]) -> int:
        found = [at for at, word in body if _is_test(word)]
        if not 1 <= int(place.callee) <= len(found):
            raise NoSuchPlace(f"this kernel's {place.function} has {len(found)} conditional branches")
        return found[int(place.callee) - 1]

    def first(self, word: int, function: str = "") -> int:
        """The address of the first instruction ``word`` (in ``function``); ``InfraError`` without one."""
        for index in self._parts.get(function, ()) if function else range(len(self.symbols.names)):
            for at, each in self._body(index):
                if each == word:
                    return at
        raise InfraError(f"this kernel has no instruction {word:#x}{f' in {function}' if function else ''}")

    def every(self, word: int, function: str) -> tuple[int, ...]:
        """The addresses of all instructions ``word`` in ``function``; none without such a function."""
        bodies = (self._body(index) for index in self._parts.get(function, ()))
        return tuple(at for body in bodies for at, each in body if each == word)

    def _body(self, index: int) -> Iterator[tuple[int, int]]:
        start = self.symbols.addresses[index]
        following = bisect.bisect_right(self.symbols.addresses, start)
        end = self.symbols.addresses[following : following + 1] or (self.symbols.end,)
        for base, words in self.words.items():
            if base <= start < base + _INSN * len(words):
                first, last = (start - base) // _INSN, min((end[0] - base) // _INSN, len(words))
                yield from zip(range(start, end[0], _INSN), words[first:last], strict=False)

    def _calls(self, body: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        for at, word in body:
            if word >> 26 == 0x25:
                yield at, self._entry(_target(at, word))

    def _returns(self, function: str, body: Sequence[tuple[int, int]]) -> Iterator[int]:
        """RETs, and branches to the entry of another function: tail calls."""
        for at, word in body:
            tail = word >> 26 == 0x05 and self._entry(_target(at, word)) not in ("", function)
            if word in RETURNS or tail:
                yield at

    def _entry(self, address: int) -> str:
        """The function that begins at ``address``."""
        name = self.symbols.name_at(address)
        return name if name and self.symbols.name_at(address - 1) != name else ""


def _is_test(word: int) -> bool:
    """B.cond; CBZ, CBNZ, TBZ and TBNZ."""
    return word & 0xFF000010 == 0x54000000 or word >> 25 & 0x3F in (0x1A, 0x1B)


def _loads_shared(before: Sequence[tuple[int, int]]) -> bool:
    """Whether an instruction since the last branch loads by a register that does not point to own data.

    ADRP makes pointers to variables; 29 and 31 are the frame's and the stack's.
    """
    own = {29, 31}
    found = False
    for _, word in before:
        if word >> 26 & 0x1F == 0x05 or _is_test(word) or word in RETURNS:
            own, found = {29, 31}, False
        elif word & 0x9F000000 == 0x90000000:
            own.add(word & 0x1F)
        elif _is_load(word):
            found |= word >> 5 & 0x1F not in own
    return found


def _is_load(word: int) -> bool:
    """LDR of all forms and sizes and the atomic operations; LDAR and LDXR."""
    if word & 0x3F000000 == 0x08000000:
        return bool(word >> 22 & 1)
    return word >> 27 & 7 == 7 and not word >> 26 & 1 and (word >> 22 & 3 != 0 or word & 0x200C00 == 0x200000)


def _words(data: bytes) -> array.array[int]:
    words = array.array("I", data[: len(data) & ~3])
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _target(at: int, word: int) -> int:
    """Where B or BL (imm26) at ``at`` goes."""
    return at + _INSN * ((word & 0x3FFFFFF) - ((word & 0x2000000) << 1))

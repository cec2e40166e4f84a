# SPDX-License-Identifier: GPL-2.0-only
"""The command lines of our own programs, as their C reads them: which options there are, and what each takes.

Sources: images/payloads/module/nvh-tlbi.c, litmus/host_options.c and kvm/host_main.c; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from harness.arch import table

_DECIMAL = re.compile(r"[0-9]+")
_C_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_HEX = re.compile(r"(0[xX])?[0-9a-fA-F]+")
KVM_CASES = (
    "memslot-remove",
    "memslot-move",
    "dirty-log",
    "dirty-log-clear",
    "unmap",
    "remap",
    "dontneed",
    "mprotect-ro",
    "thp-split",
    "thp-collapse",
    "vmid-reuse",
    "migrate",
    "pattern",
)


@dataclass(frozen=True, slots=True)
class Value:
    """What an option takes: ``words``, of which it is one, or whatever ``takes`` accepts, called ``kind``."""

    kind: str = ""
    words: Collection[str] = ()
    takes: Callable[[str], bool] = field(default=bool, compare=False)

    def accepts(self, text: str) -> bool:
        """Whether the program would take ``text``."""
        return text in self.words if self.words else self.takes(text)


@dataclass(frozen=True, slots=True)
class PayloadProgram:
    """A program: its options (None: a flag) and, if it has one, the operand that comes first.

    ``alone`` are options with which nothing else is given, ``abbreviates`` says that the beginning of an
    option is as good, and ``--option=value`` (getopt_long).
    """

    options: Mapping[str, Value | None]
    first: Value | None = None
    alone: Collection[str] = ()
    abbreviates: bool = False


def _range(low: int, high: int, form: re.Pattern[str] = _DECIMAL, base: int = 10) -> Value:
    def takes(text: str) -> bool:
        return form.fullmatch(text) is not None and low <= _number(text, base) <= high

    if base == 16:
        return Value("up to 16 hexadecimal digits", takes=takes)
    return Value(f"a number from {low} to {high}", takes=takes)


def _number(text: str, base: int) -> int:
    """As strtoull reads it: with base 0 a leading 0 is octal."""
    if base == 0 and len(text) > 1 and text.startswith("0") and text[1] not in "xX":
        return int(text, 8)
    return int(text, base)


_TEXT = Value("a text")
_OPERATION = Value("an operation", tuple(op.name for op in table.load()))
_COUNT = _range(1, 999_999)

PROGRAMS: Mapping[str, PayloadProgram] = {
    "nvh-tlbi": PayloadProgram(
        {
            "--operand": _range(0, 2**64 - 1, _HEX, 16),
            "--vmid": _range(0, 0xFFFF, _C_NUMBER, 0),
            "--e2h-tge": Value(words=("guest", "host")),
            "--count": _range(1, 1_000_000, _C_NUMBER, 0),
            "--settle": _range(0, 1000, _C_NUMBER, 0),
            "--cpu": _range(0, 1023, _C_NUMBER, 0),
        },
        first=_OPERATION,
        alone=("--list",),
    ),
    "nvh-litmus": PayloadProgram(
        {
            "--list": None,
            "--describe": None,
            "--case": _TEXT,
            "--skip": _TEXT,
            "--cases": _TEXT,
            "--op": _OPERATION,
            "--granule": Value(words=("4k", "16k", "64k")),
            "--cpus": _COUNT,
            "--quick": None,
            "--seconds": _COUNT,
            "--every": _COUNT,
            "--program": _TEXT,
            "--failures": _COUNT,
            "--features": None,
            "--predict": _TEXT,
            "--pressure": _range(0, 4096),
            "--self-test": None,
            "--keep-exit": None,
            "--vmm": Value(words=("nvh", "qemu")),
            "--mark": None,
            "--leave": None,
            "--quiet": None,
            "--help": None,
        },
        abbreviates=True,
    ),
    "nvh-kvm": PayloadProgram(
        {
            "--case": Value(words=(*KVM_CASES, "all")),
            "--region-mib": _range(1, 64),
            "--iterations": _range(1, 1_000_000),
            "--vcpus": _range(1, 16),
            "--vms": _range(2, 256),
            "--seconds": _range(1, 86_400),
            "--timeout": _range(1, 3600),
            "--rest-ms": _range(0, 60000),
            "--readers": _range(0, 15),
            "--until": Value("a file"),
            "--self-test": None,
        },
        alone=("--list", "--caps"),
    ),
}
OTHERS = ("nvh-agent", "nvh-reclaim", "nvh-migrate", "nvh-pages", "nvh-linux")
"""Programs of ours whose command lines are not looked at."""

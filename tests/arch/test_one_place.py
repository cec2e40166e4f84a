# SPDX-License-Identifier: GPL-2.0-only
"""No fact of the architecture in two places: register fields and operand shifts are images/registers.csv's.

What a descriptor's bits are is said where tables are built and walked; the few other lines that have a
number of a field are listed with their reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.arch import registers
from harness.artefacts.payloads import SOURCES
from harness.reproduce.debug import which

HARNESS = SOURCES.parents[1] / "harness"
PREFIXES = "|".join(sorted({each.prefix for each in registers.load()}))
GIB, HALF, TIB = 30, 32, 40
"""A shift by so much is a GiB, half of a word or a TiB nearly everywhere."""
POSITIONS = sorted(
    {
        bit
        for each in registers.load()
        if each.prefix in ("XT", "HCR", "HCRX", "VTTBR", "ESR", "TTBR")
        for bit in (each.low,)
        if 24 < bit < 60 and bit not in (GIB, HALF, TIB)
    }
    | {59}
)
"""Where fields begin that are high enough for a shift by that much to be about hardly anything else."""
DEFINED = re.compile(
    rf"#define\s+((?:{PREFIXES}|EC)_\w+|NV2?)\b|^(?:_?(?:{PREFIXES}|EC)_\w+)\s*=\s*(?:0x|\d|\()"
)
SHIFTED = re.compile(rf"(?:<<|>>)\s*(?:{'|'.join(map(str, POSITIONS))})\b")
LINES = {
    "images/payloads/sanitizer/walk.c": r"descriptor >> (?:8|12)|BADDR_HIGH",
    "images/payloads/sanitizer/driver.c": r"0x9e3779b97f4a7c15",
    "images/payloads/module/nvh_main.c": r"vttbr",
    "images/payloads/litmus/host/predict.c": r"id_mmfr0",
    "harness/machine/ram/stage2.py": r"descriptor|BADDR_HIGH",
    "harness/reproduce/debug/which.py": r"HCR_|BADDR|vttbr",
    "harness/accept/coverage/callers.py": r"word >> 26",
    "harness/trace/executed/places.py": r"word >> 2[56]",
}
"""What the numbers are about in the files that may have some: descriptors, a hash, ID registers, A64
instructions; the module, which is built with each kernel by itself, and what runs inside gdb without nvh, are
compared below."""


def sources() -> Iterator[Path]:
    """Payloads in C and assembly, and Python, outside the reference."""
    for path in sorted((*SOURCES.rglob("*.[chS]"), *HARNESS.rglob("*.py"))):
        if "arch" not in path.relative_to(SOURCES.parents[1]).parts:
            yield path


def copies(path: Path, text: str) -> list[str]:
    """Lines of ``text`` that define a register's field, or shift by where one begins."""
    allowed = LINES.get(path.relative_to(SOURCES.parents[1]).as_posix())
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if (DEFINED.search(line) or SHIFTED.search(line)) and not (allowed and re.search(allowed, line)):
            found.append(f"{path}:{number}: {line.strip()}")
    return found


def test_nothing_is_defined_twice() -> None:
    found = [line for path in sources() for line in copies(path, path.read_text(encoding="utf-8"))]
    assert not found, "use images/registers.csv: bits.h in C, harness.arch.registers in Python"


@pytest.mark.parametrize(
    "line",
    [
        "#define HCR_NV (1ull << 42)",
        "#define EC_DABT_LOW 0x24",
        "HCR_TGE = 1 << 27",
        "	return (uint64_t)asid << 48 | field;",
        "    tg = xt >> 46 & 3",
        "	unsigned num = x >> 39 & 31;",
        "#define NV2 (1ul << 45)",
    ],
)
def test_a_copy_is_found(line: str) -> None:
    assert copies(SOURCES / "litmus" / "host" / "new.c", line)
    assert not copies(
        SOURCES / "litmus" / "host" / "new.c", "	return operand_asid(asid) | PLACE(XT_TG, 1);"
    )


def test_the_exceptions_are_exceptions() -> None:
    """Each file on the list has such a line, and none but such as its reason is about."""
    for name, pattern in LINES.items():
        text = (SOURCES.parents[1] / name).read_text()
        lines = [line for line in text.splitlines() if DEFINED.search(line) or SHIFTED.search(line)]
        assert lines, f"{name} needs no exception any more"
        assert all(re.search(pattern, line) for line in lines), name


def test_what_stands_alone_says_the_same() -> None:
    assert (
        registers.mask("HCR.VM"),
        registers.mask("HCR.TGE"),
        registers.mask("HCR.NV"),
        registers.mask("VTTBR.BADDR"),
    ) == (which.HCR_VM, which.HCR_TGE, which.HCR_NV, which.BADDR)
    module = (SOURCES / "module" / "nvh_main.c").read_text()
    assert f"NVH_HCR_TGE BIT_ULL({registers.named('HCR.TGE').low})" in module
    assert f"t->vmid << {registers.named('VTTBR.VMID').low}" in module

# SPDX-License-Identifier: GPL-2.0-only
"""The headers for payloads in C, generated from images/*.csv at build time.

``python -m harness.arch.header DIRECTORY`` writes them there: ``tlbi_ops.h`` (harness/arch/operations.py),
``arch_registers.h`` (harness/arch/registers.py) and ``arch_data.h``, which the reference in
images/payloads/arch is built from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.arch import registers
from harness.arch.operations import header as tlbi_ops
from harness.arch.table import Operation, load
from harness.arch.ttl_and_traps import SHIFTS, Ttl, hfgitr_bit, ttls

NO_LEVEL = -1


def arch_data(operations: Iterable[Operation]) -> str:
    """C header with three lists.

    TLBI_ROWS: one X() per operation, in the order of the table: X(name, op1, crn, crm, op2, has_operand,
    family, EL10 or EL2, NONE/VA/ASID/IPA/VA_RANGE/IPA_RANGE, LOCAL/IS/OS, last_level, nxs, needs_os,
    needs_range, bit of HFGITR_EL2 or -1). TLBI_TTL_ADDRESS and TLBI_TTL_RANGE: initialisers by TTL, of the
    latter by TG first.
    """
    rows = " \\\n".join(("#define TLBI_ROWS(X)", *(f"\tX({_row(op)})" for op in operations)))
    address = {each.ttl: each for each in ttls() if each.form == "address"}
    ranges = {(each.shift, each.ttl): each for each in ttls() if each.form == "range"}
    single = ", ".join(_ttl(address[ttl]) for ttl in sorted(address))
    groups = [", ".join(_ttl(ranges[shift, ttl]) for ttl in range(4)) for shift in SHIFTS.values()]
    reserved = ", ".join([f"{{ 0, {NO_LEVEL}, 0 }}"] * 4)
    table = ", \\\n\t".join(f"{{ {group} }}" for group in (reserved, *groups))
    return (
        f"#ifndef NVH_ARCH_DATA_H\n#define NVH_ARCH_DATA_H\n\n{rows}\n\n"
        f"#define TLBI_TTL_ADDRESS \\\n\t{single}\n\n#define TLBI_TTL_RANGE \\\n\t{table}\n\n#endif\n"
    )


def _row(op: Operation) -> str:
    bit = hfgitr_bit(op)
    return (
        f"{op.name}, {op.op1}, {op.crn}, {op.crm}, {op.op2}, {int(op.has_operand)}, {op.family}, "
        f"{op.regime.name}, {op.operand.name}, {op.scope.name}, {int(op.last_level)}, {int(op.nxs)}, "
        f"{int('TLBIOS' in op.features)}, {int('TLBIRANGE' in op.features)}, {-1 if bit is None else bit}"
    )


def _ttl(each: Ttl) -> str:
    if each.level is None:
        return f"{{ 0, {NO_LEVEL}, 0 }}"
    return f"{{ {each.shift}, {each.level}, {'HAS_LPA2' if each.lpa2 else '0'} }}"


def headers(operations: Iterable[Operation] | None = None) -> Mapping[str, str]:
    """Every generated header by its file name."""
    rows = load() if operations is None else tuple(operations)
    return {
        "tlbi_ops.h": tlbi_ops(rows),
        "arch_registers.h": registers.header(),
        "arch_data.h": arch_data(rows),
    }


def write_headers(directory: Path, operations: Iterable[Operation] | None = None) -> None:
    """Write every generated header into ``directory``."""
    for name, text in headers(operations).items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_headers(Path(sys.argv[1]))

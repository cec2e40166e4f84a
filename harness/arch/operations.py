# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness.arch.operations`` prints tlbi_ops.h, the operation table for payloads in C."""

from __future__ import annotations

from collections.abc import Iterable

from harness.arch.table import Operation, load


def header(operations: Iterable[Operation]) -> str:
    """C header with two lists, each with one X() per operation and in the same order.

    TLBI_OPERATIONS: X(name, op1, crn, crm, op2, has_operand). TLBI_FACTS: X(name, family, EL10 or EL2,
    NONE/VA/ASID/IPA/VA_RANGE/IPA_RANGE, LOCAL/IS/OS, last_level, nxs, needs_os, needs_range).
    """
    operations = tuple(operations)
    encodings = (
        f"\tX({op.name}, {op.op1}, {op.crn}, {op.crm}, {op.op2}, {int(op.has_operand)})" for op in operations
    )
    facts = (
        f"\tX({op.name}, {op.family}, {op.regime.name}, {op.operand.name}, {op.scope.name}, "
        f"{int(op.last_level)}, {int(op.nxs)}, {int('TLBIOS' in op.features)}, "
        f"{int('TLBIRANGE' in op.features)})"
        for op in operations
    )
    body = " \\\n".join(("#define TLBI_OPERATIONS(X)", *encodings))
    more = " \\\n".join(("#define TLBI_FACTS(X)", *facts))
    return f"#ifndef NVH_TLBI_OPS_H\n#define NVH_TLBI_OPS_H\n\n{body}\n\n{more}\n\n#endif\n"


if __name__ == "__main__":
    print(header(load()), end="")

"""``python -m harness.tlbi.header`` prints tlbi_ops.h, the operation table for payloads in C."""

from __future__ import annotations

from collections.abc import Iterable

from harness.tlbi.table import Operation, load


def header(operations: Iterable[Operation]) -> str:
    """C header with one X(name, op1, crn, crm, op2, has_operand) per operation."""
    rows = (
        f"\tX({op.name}, {op.op1}, {op.crn}, {op.crm}, {op.op2}, {int(op.has_operand)})" for op in operations
    )
    body = " \\\n".join(("#define TLBI_OPERATIONS(X)", *rows))
    return f"#ifndef NVH_TLBI_OPS_H\n#define NVH_TLBI_OPS_H\n\n{body}\n\n#endif\n"


if __name__ == "__main__":
    print(header(load()), end="")

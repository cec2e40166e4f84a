# SPDX-License-Identifier: GPL-2.0-only
"""ESR_ELx in words (DDI 0487 M.a.a, D24.2.46): aborts, traps and UNDEFINED."""

from __future__ import annotations

CLASSES = {
    0x00: "UNDEFINED or unknown reason",
    0x15: "SVC",
    0x16: "HVC",
    0x18: "trapped MSR, MRS or system instruction",
    0x1A: "trapped ERET",
    0x20: "instruction abort from a lower EL",
    0x21: "instruction abort from the same EL",
    0x24: "data abort from a lower EL",
    0x25: "data abort from the same EL",
}
ABORTS = (0x20, 0x21, 0x24, 0x25)
DATA_ABORTS = (0x24, 0x25)
FAULTS = {0: "address size", 1: "translation", 2: "access flag", 3: "permission"}
TRAPPED = 0x18


def explain(esr: int) -> str:
    """Return what an exception was: its class, the kind and level of a fault, or the trapped instruction."""
    kind = esr >> 26 & 0x3F
    words = [CLASSES.get(kind, f"exception class {kind:#x}")]
    if kind in ABORTS:
        code = esr & 0x3F
        words.append(f"{FAULTS[code >> 2]} fault of level {code & 3}" if code < 16 else f"status {code:#x}")
        if esr >> 7 & 1:
            words.append("on a walk of stage 1 (S1PTW)")
    if kind in DATA_ABORTS:
        words.append("write" if esr >> 6 & 1 else "read")
        if esr >> 13 & 1:
            words.append("of the page at VNCR_EL2")
        if esr >> 24 & 1:
            words.append(_instruction(esr))
    if kind == TRAPPED:
        op0, op1, crn, crm, op2 = esr >> 20 & 3, esr >> 14 & 7, esr >> 10 & 15, esr >> 1 & 15, esr >> 17 & 7
        words.append(f"S{op0}_{op1}_C{crn}_C{crm}_{op2}, {'read' if esr & 1 else 'write'}")
    return ", ".join(words)


def _instruction(esr: int) -> str:
    """ISS[23:14], which says what instruction a data abort of stage 2 was of."""
    size, signed, register = 1 << (esr >> 22 & 3), esr >> 21 & 1, esr >> 16 & 31
    words = f"{size} byte{'s' if size > 1 else ''}{', signed' if signed else ''}, "
    words += f"{'X' if esr >> 15 & 1 else 'W'}{register}{', acquire or release' if esr >> 14 & 1 else ''}"
    return words

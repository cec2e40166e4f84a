# SPDX-License-Identifier: GPL-2.0-only
"""A timeline as a trace of casemate, REMS' checker of break-before-make for pKVM.

The format is that of casemate's doc/trace-format.md, in the words that its offline checker reads: a record
per transition, ``(NAME (id N) (tid CPU) FIELDS... (src "FILE:LINE"))``, numbers but ``id`` and ``tid`` in
hexadecimal. One level is written: the transitions of the machine on which that level's hypervisor runs. What
casemate has no word for is left out and counted; its model then lacks it. Our traces have no stores to
translation tables, so casemate sees the maintenance and not the table changes.
"""

from __future__ import annotations

from collections import Counter
from typing import IO

from harness.errors import UserError
from harness.level import Level
from harness.trace.event import Event
from harness.trace.export.view import View
from harness.trace.source import Source

PLAIN = {"vmalls12e1", "vmalls12e1is", "vmalle1", "vmalle1is", "alle1", "alle1is", "alle2", "alle2is"}
ADDRESSED = {"ipas2e1is", "vae2is", "vale2is"}
REGISTERS = {"vttbr_el2", "ttbr0_el2", "vtcr_el2", "hcr_el2", "tcr_el2", "sctlr_el2", "mair_el2"}
BARRIERS = {
    ("sy", "all"): "ish",
    ("ish", "all"): "ish",
    ("nsh", "all"): "nsh",
    ("sy", "st"): "ishst",
    ("ish", "st"): "ishst",
}
"""DSBs by domain and access. The checker knows no ``sy``; ``ish`` claims less, so no fault goes unseen."""


def write(view: View, stream: IO[bytes]) -> list[str]:
    """Write the records of ``view.level``'s machine; returns notes on events that casemate has no word for.

    ``UserError`` when no source saw that level's instructions.
    """
    events = _instructions(view, view.level)
    left: Counter[str] = Counter()
    for number, event in enumerate(events):
        record = _record(event)
        if record is None:
            left[_kind(event)] += 1
            continue
        name, fields = record
        words = [f"{name} (id {number}) (tid {event.cpu})", *fields, f'(src "{_src(event)}")']
        stream.write(f"({' '.join(words)})\n".encode())
    return [f"{count} x {kind}: casemate has no word for it, left out" for kind, count in left.items()]


def _instructions(view: View, level: Level) -> list[Event]:
    """What the hypervisor at ``level`` executed: of the model, else (L1) of its own kernel's trace."""
    seen = [e for e in view.timeline.by_source.get(Source.MODEL, ()) if e.level is level and _at_el2(e)]
    if seen:
        return seen
    if level is Level.L1:
        seen = [e for e in view.timeline.events if e.name == "l1.tlbi"]
    if not seen:
        raise UserError(
            f"nothing in this timeline saw the instructions of {level}'s hypervisor, which casemate's format "
            f"is about; trace model.tlbi, model.dsb and model.isb, or choose another --level"
        )
    return seen


def _at_el2(event: Event) -> bool:
    """L1's hypervisor runs at vEL2, which is EL1 of the machine."""
    wanted = 2 if event.level is Level.L0 else 1
    return event.fields.get("el", wanted) == wanted


def _record(event: Event) -> tuple[str, list[str]] | None:
    fields = event.fields
    kind = event.name.rpartition(".")[2]
    if kind == "tlbi" and fields.get("op") in PLAIN:
        return "tlbi", [str(fields["op"])]
    operand = fields.get("operand")
    if kind == "tlbi" and fields.get("op") in ADDRESSED and isinstance(operand, int):
        return "tlbi", [str(fields["op"]), f"(value {operand:#x})"]
    if kind == "dsb":
        barrier = BARRIERS.get((str(fields.get("domain")), str(fields.get("access"))))
        return None if barrier is None else ("barrier", [f"dsb (kind {barrier})"])
    if kind == "isb":
        return "barrier", ["isb"]
    value = fields.get("value")
    register = str(fields.get("reg", "")).lower()
    if kind == "msr" and register in REGISTERS and isinstance(value, int):
        return "sysreg-write", [f"(sysreg {register})", f"(value {value:#x})"]
    return None


def _kind(event: Event) -> str:
    about = (event.fields.get(key) for key in ("op", "reg", "domain", "access", "function"))
    return " ".join([event.name, *(str(word) for word in about if word is not None)])


def _src(event: Event) -> str:
    """Where it was: the address of the instruction where the source knows it, and the trace's line."""
    pc = event.fields.get("pc")
    return f"{f'{pc:#x}' if isinstance(pc, int) else event.name}:{max(event.line, event.seq)}"

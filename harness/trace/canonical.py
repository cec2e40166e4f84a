# SPDX-License-Identifier: GPL-2.0-only
"""A trace with its addresses, VMIDs, ASIDs, processes and contexts renamed by first appearance.

Two runs that did the same at different addresses have the same canonical trace. An address keeps its offset
in its page: ``page3+0x40``; pages, VMIDs and so on are numbered from 0 in the order in which the trace
mentions them, across all its fields. Times, and values derived from others (the raw operand beside the
decoded one), are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.arch.registers import mask, named
from harness.trace.event import Event, Value

PAGE_SHIFT = 12
"""The smallest translation granule: whatever the kernels use, an offset in it is the same in both runs."""
VMID_SHIFT = named("VTTBR.VMID").low
"""TTBRn_EL1.ASID is in the same place."""
BADDR_MASK = mask("VTTBR.BADDR")
HPFAR_SHIFT = named("HPFAR.FIPA").low
"""HPFAR_EL2 has IPA[51:12] from there on."""
ADDRESS_MIN = 1 << 20
"""A number of an unregistered field from here up is taken as an address: counts and codes are smaller."""

KINDS = {
    **dict.fromkeys(("vmid", "asid", "vcpu", "context", "mmu", "kvm", "pid"), "name"),
    **dict.fromkeys(("vttbr", "ttbr0", "ttbr1", "ttbr"), "base"),
    "hpfar": "page",
    **dict.fromkeys(("operand", "line", "timestamp", "cntvct", "cycles"), "left out"),
    **dict.fromkeys(("size", "hcr", "vtcr", "tcr", "esr", "iss", "spsr", "ec", "ttl", "tg", "num"), "plain"),
}
"""How a field is renamed; other fields are addresses from ``ADDRESS_MIN`` up and plain below."""
BASE_REGISTERS = {"VTTBR_EL2", "TTBR0_EL1", "TTBR1_EL1", "TTBR0_EL2", "TTBR1_EL2"}
TASK = re.compile(r"(.*)-(\d+)")


@dataclass(slots=True)
class Renamer:
    """Names given so far, by kind of thing; one per run."""

    names: dict[tuple[str, int], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def name(self, kind: str, value: int) -> str:
        """The name of ``value``, a new one at its first appearance."""
        key = (kind, value)
        if key not in self.names:
            number = self.counts.get(kind, 0)
            self.counts[kind] = number + 1
            self.names[key] = f"{kind}{number}"
        return self.names[key]

    def address(self, value: int) -> str:
        """The page's name and the offset in it."""
        offset = value & ((1 << PAGE_SHIFT) - 1)
        page = self.name("page", value >> PAGE_SHIFT)
        return f"{page}+{offset:#x}" if offset else page

    def base(self, value: int, kind: str) -> str:
        """A translation table base register: the VMID or ASID's name, and the table's."""
        return f"{self.name(kind, value >> VMID_SHIFT)}:{self.address(value & BADDR_MASK)}"

    def value(self, event: Event, key: str, value: Value) -> str | None:
        """The canonical text of a field; None where it is left out."""
        kind = KINDS.get(key, "address")
        if kind == "left out":
            return None
        if isinstance(value, str) or kind == "plain":
            return value if isinstance(value, str) else hex(value)
        if kind == "name":
            return self.name(key, value)
        if kind == "page":
            return self.name("page", value >> HPFAR_SHIFT)
        if kind == "base" or (key == "value" and event.fields.get("reg") in BASE_REGISTERS):
            register = str(event.fields.get("reg", key)).lower()
            return self.base(value, "vmid" if register.startswith("vttbr") else "asid")
        return self.address(value) if value >= ADDRESS_MIN else hex(value)

    def task(self, task: str) -> str:
        """``comm-task3`` for ``comm-341``."""
        match = TASK.fullmatch(task)
        return f"{match[1]}-{self.name('task', int(match[2]))}" if match else task

    def event(self, event: Event) -> str:
        """The event as canonical text."""
        words = [str(event.level), f"cpu{event.cpu}", self.task(event.task), event.name]
        for key, value in event.fields.items():
            text = self.value(event, key, value)
            if text is not None:
                words.append(f"{key}={text}")
        return " ".join(word for word in words if word)


def canonical(events: Iterable[Event]) -> Iterator[str]:
    """The canonical text of each event of one source, in order."""
    renamer = Renamer()
    return (renamer.event(event) for event in events)

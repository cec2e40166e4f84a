# SPDX-License-Identifier: GPL-2.0-only
"""KVM's functions in a kernel's text, and which of them were executed.

A kernel is linked folder by folder (scripts/Makefile.build), so KVM's functions are neighbours. A few others
are called ``kvm_...``, too (guest support in drivers/firmware/smccc): what lies apart does not count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.errors import InfraError
from harness.trace.executed.counts import INSN, Trace
from harness.trace.executed.symbols import KernelText, plain

_KVM = re.compile(r"_*kvm_")
APART = 200
"""So many other symbols between two of KVM's are another folder."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function at [first, end), named without what the compiler appended."""

    name: str
    first: int
    end: int


def functions(symbols: KernelText) -> tuple[Function, ...]:
    """KVM's functions by address; ``InfraError`` where it is not linked into the kernel."""
    found: list[list[int]] = []
    for number, name in enumerate(symbols.names):
        if _KVM.match(name):
            if not found or number - found[-1][-1] > APART:
                found.append([])
            found[-1].append(number)
    if not found:
        raise InfraError("there is no KVM in this kernel's text")
    run = max(found, key=len)
    ends = [*symbols.addresses[1:], symbols.end]
    return tuple(
        Function(plain(symbols.names[n]), symbols.addresses[n], ends[n]) for n in range(run[0], run[-1] + 1)
    )


def reached(all_of: Sequence[Function], trace: Trace, known: Collection[str] = ()) -> set[str]:
    """The names of functions of which some instruction was executed, but those that are ``known`` already."""
    return {
        each.name
        for each in all_of
        if each.name not in known and each.end - each.first >= INSN and trace.has(each.first, each.end)
    }

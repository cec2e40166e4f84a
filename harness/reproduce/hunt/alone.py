# SPDX-License-Identifier: GPL-2.0-only
"""One program in a VM of its own: what is wrong with it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.check.splat import SplatKey
from harness.program.kernel_defects import KernelDefect
from harness.program.program import Program
from harness.program.script import script
from harness.reproduce.hunt.program_findings import SPLAT, ProgramFinding, judge, sanitized, tokens_of
from harness.reproduce.hunt.target import Batch

DISASTERS = ("hang", "broken")


class ProgramRunner(Protocol):
    """A machine that runs programs: ``Target``, ``BareTarget``."""

    def run(self, text: str) -> Batch:
        """Run the programs of ``text``."""


def alone(
    target: ProgramRunner, program: Program, known: Sequence[KernelDefect] = ()
) -> ProgramFinding | None:
    """What is wrong with ``program`` when it runs alone on ``target``; None: nothing."""
    left = target.run(script(program, "alone", fresh=True))
    if left.splats:
        return complaint(program, left.splats[0])
    outcome = left.outcomes[0]
    if outcome.verdict in DISASTERS:
        return disaster(program, outcome.verdict, outcome.rest)
    found = judge(program, tokens_of(program, outcome), known)
    if found is None and left.seen:
        told = [sanitized(program, each.key, each.text, known) for each in left.seen]
        return min(told, key=lambda each: bool(each.known))
    return found


def complaint(program: Program, splat: SplatKey) -> ProgramFinding:
    """The finding of a program that made L0 complain; two of one function are one cause."""
    return disaster(program, f"{SPLAT}{splat.cause}", "")


def disaster(program: Program, what: str, rest: str) -> ProgramFinding:
    """The finding of a program that did not come to its end."""
    return ProgramFinding(
        len(program.actions) - 1, what, frozenset(), f"{what} {rest[:40]}" if rest else what
    )

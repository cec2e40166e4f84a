# SPDX-License-Identifier: GPL-2.0-only
"""What a machine's self-tests say it can see: cases that failed there without the operation under test.

Whether a case can see a missing invalidation is decided by the machine's TLB. Of some cases nvh-litmus says
beforehand that QEMU's hides one (``control=not-observable``). A self-test asks the machine itself, and where
a TLB has sets and ways the answer may differ from one run to the next: the rate says how often to repeat.

A self-test leaves the operation out (``LEFT_OUT``), and with it the exit to L0 by which it is executed. Where
vEL2 itself looks (``vel2-own`` and its like) no other exit is on the way, so that failing there does not tell
whether the TLB outlives one, and on QEMU the exit hides a missing invalidation. The cases of ``MOVED`` tell:
their vCPU leaves L1 in between, self-test or not. A self-test that keeps the exit (``EXIT_KEPT``) asks just
what is to be known: of a case that was in one, only such ones count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.litmus.case_lines import CaseLine

NO_SELF_TEST, LEFT_OUT, EXIT_KEPT = "0", "1", "exit"
"""None, and the two self-tests: what a bundle's ``self-test=`` and the fact of a cell say."""
VEL2, MOVED = "vel2", "migrate-vel2"
"""In the names of families whose observer is vEL2; the one in which an exit to L0 stands before each look."""
SURE = 0.95
"""With so much probability one of the repeats sees what a case can see."""


def together(kinds: Iterable[str]) -> str:
    """Of kinds of self-test the one that they come to: with ``--keep-exit`` a self-test keeps its exit."""
    return max(kinds, key=(NO_SELF_TEST, LEFT_OUT, EXIT_KEPT).index)


@dataclass(slots=True)
class Ability:
    """One case in the self-tests of a machine: how often it was tried, and failed as it should."""

    tried: int = 0
    able: int = 0
    beforehand: bool = False
    """nvh-litmus calls it not-observable."""

    @property
    def repeats(self) -> int:
        """How often to run the case to see a missing operation with the probability ``SURE``; 0: never."""
        if not self.able:
            return 0
        if self.able == self.tried:
            return 1
        return math.ceil(math.log(1 - SURE) / math.log(1 - self.able / self.tried))


@dataclass(slots=True)
class Observed:
    """The self-tests of one machine, by case: those that left the exit out, and those that kept it.

    Empty for a machine without one.
    """

    left_out: dict[str, Ability] = field(default_factory=dict)
    kept: dict[str, Ability] = field(default_factory=dict)

    @property
    def cases(self) -> Mapping[str, Ability]:
        """What counts of each case."""
        return {**self.left_out, **self.kept}

    def add(self, lines: Iterable[CaseLine], kind: str = LEFT_OUT) -> None:
        """Add the lines of one self-test; those that oblige nothing or ended in no answer say nothing."""
        into = self.kept if kind == EXIT_KEPT else self.left_out
        for line in lines:
            if line.obliged and line.verdict in ("pass", "unable-to-fail"):
                ability = into.setdefault(line.case, Ability())
                ability.tried += 1
                ability.able += line.verdict == "pass"
                ability.beforehand |= line.control == "not-observable"

    @property
    def outlive(self) -> bool:
        """Whether vEL2's entries were seen to outlive an exit to L0."""
        return any(each.able for case, each in self.cases.items() if _family(case) == MOVED)

    def sees(self, case: str) -> bool | None:
        """Whether the machine showed that it can see the operation of ``case`` missing; None: not told."""
        if case in self.kept:
            return self.kept[case].able > 0
        ability = self.left_out.get(case)
        if ability is None:
            return None
        if ability.able and ability.beforehand and _without_exit(case) and not self.outlive:
            return None
        return ability.able > 0

    def to_json(self) -> Mapping[str, int]:
        """JSON-ready: how many cases were asked, can fail, are not-observable beforehand and can be seen."""
        able = [each for each in self.cases.values() if each.able]
        return {
            "cases": len(self.cases),
            "able": len(able),
            "beforehand": sum(each.beforehand for each in self.cases.values()),
            "proved": sum(each.beforehand and self.sees(case) is True for case, each in self.cases.items()),
            "sometimes": sum(each.able < each.tried for each in able),
            "repeats": max((each.repeats for each in able), default=0),
        }

    def words(self) -> tuple[str, ...]:
        """Return what to print of it, a line each; none without a self-test."""
        if not self.cases:
            return ()
        told = self.to_json()
        lines = [
            f"self-test of this machine: {told['able']} of {told['cases']} cases fail without their "
            f"operation; {told['proved']} of {told['beforehand']} that are called not-observable can be seen"
        ]
        if untold := sum(each.able > 0 and self.sees(case) is None for case, each in self.cases.items()):
            lines.append(
                f"{untold} cases fail without their operation, which is also without its exit to L0; only "
                f"{MOVED} and a self-test that keeps the exit tell whether vEL2's entries outlive one"
            )
        for word, wanted in (("can be seen here all the same", True), ("cannot be seen here", False)):
            if found := self._families(wanted):
                lines.append(f"{word}: {found}")
        if told["sometimes"]:
            lines.append(
                f"{told['sometimes']} cases failed in some self-tests only: their passes count after "
                f"{told['repeats']} runs ({SURE:.0%})"
            )
        return tuple(lines)

    def _families(self, proved: bool) -> str:
        """Families with cases that are other than nvh-litmus says beforehand, and how many of theirs are."""
        found: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for case, each in self.cases.items():
            family = _family(case)
            whole[family] += 1
            told = self.sees(case)
            found[family] += (told is True and each.beforehand) if proved else told is False
        return ", ".join(f"{family} ({n} of {whole[family]})" for family, n in sorted(found.items()) if n)


def _family(case: str) -> str:
    return case.partition("/")[0]


def _without_exit(case: str) -> bool:
    """Whether no exit to L0 is left between the changed descriptor and the look once the operation is out."""
    return VEL2 in _family(case) and _family(case) != MOVED

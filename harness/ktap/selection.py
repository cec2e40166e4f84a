# SPDX-License-Identifier: GPL-2.0-only
"""Which cases a bundle was asked for: the words of its log's first line, resolved against its cases."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import closest
from harness.ktap.manifest import Bundle, Known
from harness.litmus.observed import EXIT_KEPT, LEFT_OUT, NO_SELF_TEST

NONE = "-"
PROVOKE = "provoke"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the kernel's command line, or that of ``run.sh``, chose.

    ``cases``, ``skip``: globs of names, none: every case, and none. ``list``: a list of the bundle, or empty.
    ``cpus``: of cases with so many vCPUs only; 0: any. ``seconds``: no case begins after them; 0: all do.
    """

    cases: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    list: str = ""
    cpus: int = 0
    seconds: int = 0
    self_test: bool = False

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Selection:
        """Return what the words of a log's first line say; ``ValueError`` for a word that is none."""
        return cls(
            _globs(values["cases"]),
            _globs(values["skip"]),
            "" if values["list"] == NONE else values["list"],
            int(values["cpus"]),
            int(values["seconds"]),
            {NO_SELF_TEST: False, LEFT_OUT: True, EXIT_KEPT: True}[values["self-test"]],
        )

    def has(self, case: Known) -> bool:
        """Whether ``nvh-litmus`` chooses the case by its globs and vCPUs (images/payloads/litmus)."""
        if case.provoked and not any(glob.startswith(PROVOKE) for glob in self.cases):
            return False
        globs = [g for g in self.cases if not case.provoked or g.startswith(PROVOKE)]
        if self.cases and not any(matches(case.name, glob) for glob in globs):
            return False
        if self.cpus and case.cpus != self.cpus:
            return False
        return not any(matches(case.name, glob) for glob in self.skip)

    def names(self, bundle: Bundle) -> dict[str, frozenset[str]]:
        """Return the names of the chosen cases by family; ``ValueError`` for a list that the bundle lacks."""
        if self.list and self.list not in bundle.lists:
            near = closest(self.list, bundle.lists)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(
                f"the bundle has no list {self.list!r} ({', '.join(sorted(bundle.lists))}){hint}"
            )
        admitted = bundle.lists[self.list] if self.list else None
        found: dict[str, set[str]] = {}
        for case in bundle.cases.values():
            if (admitted is None or case.name in admitted) and self.has(case):
                found.setdefault(case.family, set()).add(case.name)
        return {family: frozenset(names) for family, names in found.items()}


def _globs(text: str) -> tuple[str, ...]:
    return () if text == NONE else tuple(text.split(","))


def matches(name: str, glob: str) -> bool:
    """Whether fnmatch(3) without flags matches; its ``[^…]`` is ``[!…]`` here."""
    return fnmatch.fnmatchcase(name, re.sub(r"\[\^", "[!", glob))

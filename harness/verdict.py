# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts and their one order; see docs/verdicts.md.

Everything that compares, sums or reports verdicts asks this module: a cell's process, the reports, the night,
acceptance, bisection.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from harness import errors


class Verdict(enum.Enum):
    """What a check, a cell or a run concluded, from best to worst.

    A violation that was seen outweighs an infrastructure error: the error may have hidden more, and cannot
    take back what was seen. An infrastructure error outweighs what was not decided or not exercised: those
    may be its consequence.
    """

    PASS = "pass"
    VACUOUS = "vacuous"
    UNDECIDED = "undecided"
    INFRA = "infra"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """Position in the order pass < vacuous < undecided < infra < fail."""
        return _RANK[self]

    @property
    def exit_status(self) -> int:
        """Process exit status for a run whose worst verdict this is: 0 pass, 3 infra, 1 the rest."""
        if self is Verdict.PASS:
            return errors.EXIT_PASS
        return errors.EXIT_INFRA if self is Verdict.INFRA else errors.EXIT_RED


_RANK = {verdict: place for place, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; ``PASS`` for none."""
    return max(verdicts, key=lambda v: v.rank, default=Verdict.PASS)


def of_cell(findings: Iterable[Verdict], *, infra: bool = False, allow_vacuous: bool = False) -> Verdict:
    """Return a cell's verdict from those of its findings.

    ``infra``: something of nvh's own or of its host went wrong on the way. ``allow_vacuous``: the scenario
    says that it may exercise nothing.
    """
    found = worst(findings)
    if infra:
        return worst((found, Verdict.INFRA))
    return Verdict.PASS if found is Verdict.VACUOUS and allow_vacuous else found

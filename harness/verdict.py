"""Verdicts and their order; see docs/verdicts.md."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from harness import errors


class Verdict(enum.Enum):
    """What a check, a cell or a run concluded, from best to worst."""

    PASS = "pass"
    VACUOUS = "vacuous"
    UNDECIDED = "undecided"
    FAIL = "fail"
    INFRA = "infra"

    @property
    def rank(self) -> int:
        """Position in the order pass < vacuous < undecided < fail < infra."""
        return _RANK[self]

    @property
    def exit_status(self) -> int:
        """Process exit status for a run whose worst verdict this is."""
        if self is Verdict.PASS:
            return errors.EXIT_PASS
        return errors.EXIT_INFRA if self is Verdict.INFRA else errors.EXIT_RED


_RANK = {verdict: place for place, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; ``PASS`` for none."""
    return max(verdicts, key=lambda v: v.rank, default=Verdict.PASS)

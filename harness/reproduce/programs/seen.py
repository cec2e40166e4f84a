# SPDX-License-Identifier: GPL-2.0-only
"""What a program saw where it ran, against what is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reproduce.hunt.program_findings import NOT_APPLICABLE, RED, ProgramOutcome, tokens_of
from harness.reproduce.programs.checker import Checked

NESTED, BARE = "nested", "bare"
DISASTERS = tuple(verdict for verdict in RED if verdict != "fail")


@dataclass(frozen=True, slots=True)
class ObservedProgram:
    """What one program saw at one ``place``: a token for each action (None: nothing), the verdict, and why.

    ``wrong``: the indices of actions whose observation is not allowed. ``late``: those that saw a timeout.
    """

    place: str
    tokens: tuple[str | None, ...]
    verdict: str
    why: str = ""
    wrong: tuple[int, ...] = ()
    late: tuple[int, ...] = ()


def judged(checked: Checked, place: str, outcome: ProgramOutcome) -> ObservedProgram:
    """An outcome against what is allowed, line by line."""
    if outcome.verdict in (*DISASTERS, NOT_APPLICABLE):
        return ObservedProgram(place, tuple(None for _ in checked.lines), outcome.verdict, outcome.rest)
    tokens = tuple(tokens_of(checked.program, outcome))
    pairs = list(enumerate(zip(tokens, checked.allowed, strict=True)))
    late = tuple(i for i, (token, may) in pairs if may is not None and token == "timeout")
    wrong = tuple(i for i, (token, may) in pairs if may is not None and token not in may and i not in late)
    verdict = "fail" if wrong else "vacuous" if late else "pass"
    return ObservedProgram(place, tokens, verdict, "", wrong, late)

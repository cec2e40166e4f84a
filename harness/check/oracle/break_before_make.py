# SPDX-License-Identifier: GPL-2.0-only
"""A translation becomes another one only by way of none: break-before-make (Arm ARM DDI 0487 M.a.a, D8.17.1).

Old descriptor, invalid descriptor, DSB, TLBI, DSB, new descriptor: whoever changes an output address keeps
to that, for a PE that still holds the old entry beside the new one may use either, or both. Two read-only
pages with the same contents may take each other's place without (R_WHZWS). The sanitizer
(docs/sanitizer.md) walks the tables when an operation by address takes an entry: the translation has to be
invalid then (``broken``) or unchanged, and one that is another already is ``no-break``. A use that finds
another translation than a live entry has is ``remapped``: no invalidation came between the two, or none
that was for that PE and entry and complete. What an operation takes unchanged satisfies nothing: without a
broken one the oracle is vacuous.

Judged by whose tables they are (``level``), see harness/check/breaks.py: a ``remapped`` of L1's tables may be
L1's omission or a TLBI that L0 executed wrongly for it, which the operations that came close tell. L1's own
stage 2 is walked by KVM alone; what a PE uses is the shadow.
"""

from __future__ import annotations

from harness.check.breaks import Breaks
from harness.check.finding import Finding, Observations, judge
from harness.check.oracle.physical import chosen
from harness.errors import UserError
from harness.level import Level
from harness.scenario.language import OracleCheck, Scope
from harness.verdict import Verdict

ANY = "any"
OPTIONS = {"level": (ANY, *(str(level) for level in Level))}
"""Option: its values, the default first."""


def verdict(check: OracleCheck, seen: Observations) -> Finding:
    """Fail with the first report of the level; pass with how many translations were broken."""
    levels = _levels(check)
    if check.scope != Scope():
        raise UserError(f"{check.where}: break-before-make judges the whole cell; it takes no scope")
    breaks = seen.breaks
    if breaks is None or breaks.problem:
        reason = breaks.problem if breaks else "no sanitizer watched the model"
        return judge(check, Verdict.UNDECIDED, reason)
    unbroken = [each for each in breaks.unbroken if each.keeper in levels]
    if unbroken:
        more = f"{len(unbroken)} changed without a break, the first one of {unbroken[0].keeper}'s tables:"
        return judge(check, Verdict.FAIL, f"{more}\n{unbroken[0].text}")
    if breaks.doubts:
        return judge(check, Verdict.UNDECIDED, "; ".join(breaks.doubts))
    if not any(_broken(breaks, level) for level in levels):
        return judge(
            check, Verdict.VACUOUS, f"no TLBI by address took a broken translation of {_names(levels)}"
        )
    counts = ", ".join(f"{_broken(breaks, level)} of {level}'s tables" for level in levels)
    return judge(check, Verdict.PASS, f"translations broken before their TLBI by address: {counts}")


def _levels(check: OracleCheck) -> tuple[Level, ...]:
    level = chosen(check, OPTIONS, "level")
    return tuple(Level) if level == ANY else (Level.parse(level),)


def _broken(breaks: Breaks, level: Level) -> int:
    return breaks.broken.get(level, 0)


def _names(levels: tuple[Level, ...]) -> str:
    return " or ".join(f"{level}'s tables" for level in levels)

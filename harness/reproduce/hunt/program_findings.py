# SPDX-License-Identifier: GPL-2.0-only
"""From what nvh-litmus printed of a program to findings, judged by the reference model again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.arch.table import by_name
from harness.program.allowed import allowed_of, observations_of
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.program import Access, Action, Map, Program, Sample, Tlbi
from harness.program.render import action_text, prologue_lines
from harness.program.sharp import host_actions, sharp_actions

LINE = re.compile(r"program=(\S+) observed=(\S*) verdict=([\w-]+)(.*)")
RED = ("fail", "hang", "broken")
NOT_APPLICABLE = "not-applicable"
"""nvh-litmus's verdict on a program that needs what L1 has not; it was not run, and nothing was observed."""
SPLAT = "splat "
"""Begins what was ``saw`` where a kernel complained, likewise; what it complained of follows."""
SANITIZER = "sanitizer "
"""Begins what was ``saw`` where an observer of the model tells it, about no one action."""


@dataclass(frozen=True, slots=True)
class ProgramOutcome:
    """What became of one program: a token for each observing line, the payload's own verdict."""

    name: str
    observed: dict[int, str]
    verdict: str
    rest: str = ""


def parse_results(text: str) -> Iterator[ProgramOutcome]:
    """The outcomes in nvh-litmus's output; ``ValueError`` for a line that begins as one and is none."""
    for line in text.splitlines():
        if not line.startswith("program="):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a result: {line!r}")
        name, words, verdict, rest = match.groups()
        pairs = (word.split(":", 1) for word in words.split(",") if word)
        yield ProgramOutcome(name, {int(number): token for number, token in pairs}, verdict, rest.strip())


def totals(text: str) -> dict[str, str]:
    """The words of the last line; ``ValueError`` when the run did not reach it."""
    last = text.rstrip("\n").rsplit("\n", 1)[-1]
    words = dict(word.split("=", 1) for word in shlex.split(last) if "=" in word)
    if "programs" not in words or "seconds" not in words:
        raise ValueError(f"the programs were cut off: {last[-200:]!r}")
    return words


@dataclass(frozen=True, slots=True)
class ProgramFinding:
    """An observation that the architecture does not allow, or one of the sanitizer's.

    ``action``: its index in the program; ``cause``: what findings of one cause have in common; ``known``: the
    scenario of a known defect that explains it, or an empty string. ``report``: what the sanitizer says.
    """

    action: int
    saw: str
    allowed: frozenset[str]
    cause: str
    known: str = ""
    report: str = ""


def tokens_of(program: Program, outcome: ProgramOutcome) -> list[str | None]:
    """What was observed of each action, None where nothing was."""
    first = prologue_lines(program) + 1
    return [outcome.observed.get(first + i) for i in range(len(program.actions))]


def judge(
    program: Program,
    tokens: Sequence[str | None],
    defects: Sequence[KernelDefect] = DEFECTS,
    *,
    behind: bool = False,
) -> ProgramFinding | None:
    """The first observation that is not allowed, or None.

    With ``behind`` one that no defect of ``defects`` allows goes before what is known, where it comes later.
    A timeout of the other CPU is no observation. Raises ``ValueError`` when an observation is missing.
    """
    allowed = allowed_of(program)
    first: ProgramFinding | None = None
    with_each: list[list[frozenset[str] | None]] = []
    for i, may in enumerate(allowed):
        if may is None:
            continue
        saw = tokens[i]
        if saw is None:
            raise ValueError(f"nothing was observed of action {i + 1}, {action_text(program.actions[i])!r}")
        if saw not in may and saw != "timeout":
            if first is None:
                known = _known(program, i, saw, tokens, defects)
                first = ProgramFinding(i, saw, may, cause_of(program, i, saw), known)
                if not known or not behind:
                    return first
                with_each = [allowed_of(program, [each]) for each in defects]
            elif not any(saw in (each[i] or ()) for each in with_each):
                return ProgramFinding(i, saw, may, cause_of(program, i, saw), "")
    return first


def _known(
    program: Program, at: int, saw: str, tokens: Sequence[str | None], defects: Sequence[KernelDefect]
) -> str:
    """The scenario of the first defect that allows all that was seen up to there."""
    for defect in defects:
        allowed = allowed_of(program, [defect])
        seen = zip(allowed[:at], tokens[:at], strict=True)
        if saw in (allowed[at] or ()) and all(may is None or token in may for may, token in seen):
            return defect.scenario
    return ""


def outcome_class(token: str) -> str:
    """What kind of observation: the address and the value left out."""
    return re.split(r"[=@!]", token)[0]


def cause_of(program: Program, at: int, saw: str) -> str:
    """What identifies a defect across programs: what was seen instead of what, and after which operation.

    The operation is the last one before it that could have been obliged to something; its scope and nXS form
    count, its operand does not. The context: regime, granule, stages, CPU.
    """
    action = program.actions[at]
    stale = outcome_class(saw)
    last = next(
        (each for each in reversed(program.actions[:at]) if isinstance(each, Tlbi | Map) and _obliges(each)),
        None,
    )
    if isinstance(action, Tlbi):
        return f"{stale} from {by_name(action.op).family}{' by L2' if action.by_l2 else ''}"
    after = _name(last) if last else "nothing"
    kind = action.kind if isinstance(action, Access) else type(action).__name__.lower()
    return f"{stale} by {kind} after {after}"


def sanitized(
    program: Program, key: str, report: str, defects: Sequence[KernelDefect] = DEFECTS
) -> ProgramFinding:
    """What the TLB sanitizer says of ``program``: which use it is about is in ``report`` only."""
    events = host_actions(program)
    known = next((each.scenario for each in defects if key in each.reports and events & each.events), "")
    last = next((a for a in reversed(program.actions) if isinstance(a, Tlbi | Map) and _obliges(a)), None)
    cause = f"{SANITIZER}{key} after {_name(last) if last else 'nothing'}"
    return ProgramFinding(len(program.actions) - 1, f"{SANITIZER}{key}", frozenset(), cause, known, report)


def _obliges(action: Action) -> bool:
    return not isinstance(action, Tlbi) or action.operation.family != "vmalle1"


def _name(action: Action) -> str:
    if isinstance(action, Map):
        return f"a change of {action.stage}"
    assert isinstance(action, Tlbi)
    op = action.operation
    form = "range " if op.operand.is_range else ""
    return f"{form}{op.family}{' by L2' if action.by_l2 else ''}"


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How much a program could have shown.

    ``observations``: of accesses. ``sharp``: those where one outcome alone was allowed, while without the
    program's TLBIs another one would have been. ``primed``: of these, where the machine itself was seen to
    use what had to be gone, before.
    """

    observations: int = 0
    sharp: int = 0
    primed: int = 0

    def __add__(self, other: Sharpness) -> Sharpness:
        return Sharpness(
            self.observations + other.observations, self.sharp + other.sharp, self.primed + other.primed
        )


def sharpness(program: Program, tokens: Sequence[str | None]) -> Sharpness:
    """Count, from what the program was and what was seen."""
    seen: set[tuple[object, str]] = set()
    observations = sharp = primed = 0
    flags = sharp_actions(program)
    for i, (action, could) in enumerate(
        zip(program.actions, observations_of(program, (), True), strict=True)
    ):
        token = tokens[i]
        if not isinstance(action, Access | Sample) or token is None:
            continue
        where = _where(program, i)
        observations += 1
        sharp += flags[i]
        primed += flags[i] and any((where, other) in seen for other in (could or frozenset()) - {token})
        seen.add((where, token))
    return Sharpness(observations, sharp, primed)


def _where(program: Program, at: int) -> object:
    """What makes two looks alike: context, address, kind; for a write the place it landed says the rest."""
    action = program.actions[at]
    if isinstance(action, Access):
        return (action.kind, action.ctx, action.at, action.el0)
    return action

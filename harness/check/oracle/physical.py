# SPDX-License-Identifier: GPL-2.0-only
"""What the oracles on physical operations share: which TLBIs L0 issues for guests, and how they conclude."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.arch import table
from harness.arch.registers import mask
from harness.check.finding import Finding, Observations, describe, judge
from harness.check.scope import resolve
from harness.check.window import Region, gaps, summary
from harness.errors import UserError
from harness.level import Level
from harness.scenario.language import EventPattern, OracleCheck
from harness.trace.event import Event
from harness.trace.span import PackedSpans, Span
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

HCR_TGE = mask("HCR.TGE")
"""EL0 below is the host's own."""
BROADCAST = frozenset(op.name for op in table.load() if op.scope is not table.Shareability.LOCAL)
"""Operations of the inner or outer shareable domain."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An event that breaks the rule. ``by_absence``: because something is not there that may be lost."""

    event: Event
    text: str
    by_absence: bool = False


@dataclass(slots=True)
class Violations:
    """How many there were and the first one, so that a trace full of them needs no more memory than one.

    ``seen`` and ``first_seen``: of those that are not ``by_absence``.
    """

    count: int = 0
    first: Violation | None = None
    seen: int = 0
    first_seen: Violation | None = None

    def append(self, violation: Violation) -> None:
        """Count one."""
        self.count += 1
        self.first = _earlier(self.first, violation)
        if not violation.by_absence:
            self.seen += 1
            self.first_seen = _earlier(self.first_seen, violation)


def _earlier(one: Violation | None, other: Violation) -> Violation:
    return other if one is None or other.event.seq < one.event.seq else one


def is_physical(event: Event) -> bool:
    """Whether L0 executed a TLBI of the EL1&0 regime: one for a guest.

    L0's own are of the EL2&0 regime, as {E2H,TGE} is {1,1} in the host (Arm ARM D8.17.5).
    """
    return (
        event.name == "model.tlbi"
        and event.level is Level.L0
        and event.fields.get("el") == 2
        and event.fields.get("trapped") != "yes"
        and event.fields.get("regime") == table.Regime.EL10.value
    )


def enters_guest(event: Event) -> bool:
    """Whether L0 returns from an exception into a guest, not into its own user space."""
    hcr = event.fields.get("hcr")
    return (
        event.name == "model.eret"
        and event.level is Level.L0
        and event.fields.get("el") == 2
        and event.fields.get("to_el") in (0, 1)
        and isinstance(hcr, int)
        and not hcr & HCR_TGE
    )


def cleans_own_cpu(span: Span, tlbi: Event) -> bool:
    """Whether the local ``tlbi`` answers nothing: the first DSB on its vCPU after it is an NSH.

    L0 then cleans its own PE for a vCPU that has moved there (``__kvm_flush_cpu_context()``), under the VMID
    with which that vCPU runs. A task that moves within a span does so within it.
    """
    if tlbi.fields.get("op") in BROADCAST:
        return False
    for event in span.events:
        if event.name == "model.dsb" and event.cpu == tlbi.cpu and event.seq > tlbi.seq:
            return event.fields.get("domain") == "nsh"
    return False


def chosen(check: OracleCheck, options: Mapping[str, Sequence[str]], option: str) -> str:
    """The value of an option, by default the first that it may have; ``UserError`` for another one."""
    values = options[option]
    value = str(check.options.get(option, values[0]))
    if value not in values:
        raise UserError(f"{check.where}: {option}: {value!r} is not one of {', '.join(values)}")
    return value


def instruction(span: Span) -> Event:
    """The guest's TLBI as the model saw it; L1's own trace may announce it before."""
    seen = next((event for event in span.events if event.name == "model.tlbi"), None)
    return span.events[0] if seen is None else seen


def spans_in(timeline: Timeline, window: Region, level: Level, names: Collection[str] = ()) -> Iterator[Span]:
    """Spans of instructions that code at ``level`` executed in scope.

    ``names``: of the model's events that the caller looks at, if not at all; TLBIs are among them.
    """
    spans = timeline.spans
    if names and isinstance(spans, PackedSpans):
        spans = spans.only(lambda name, _: name in names)
    for span in spans:
        event = instruction(span)
        if event.level is level and window.contains(event) is not False:
            yield span


def conclude(
    check: OracleCheck,
    seen: Observations,
    events: Iterable[str],
    violations: Violations,
    exercised: int,
    of_what: str,
    open_questions: Sequence[str] = (),
) -> Finding:
    """The finding: what is seen to be wrong fails whatever was lost; else what is lost leaves it undecided.

    ``exercised`` counts the ``of_what`` that were judged; none at all is vacuous. ``open_questions`` are
    reasons of the oracle's own why it cannot decide.
    """
    timeline = seen.timeline
    window = resolve(timeline, check.scope)
    reasons = [r for name in events for r in gaps(timeline, EventPattern(check.where, name, {}), window)]
    reasons = list(dict.fromkeys([*reasons, *open_questions]))
    first, count = violations.first, violations.count
    if reasons:
        first, count = violations.first_seen, violations.seen
    if first is not None:
        more = f" ({count} in all)" if count > 1 else ""
        text = f"{first.text}{more}: {describe(first.event)}"
        return judge(check, Verdict.FAIL, text, trigger=first.event, timeline=timeline)
    if reasons:
        suspect = violations.first
        text = f"cannot be decided: {summary(reasons)}"
        if suspect is not None:
            text += f"; {suspect.text}, unless that was lost: {describe(suspect.event)}"
        event = suspect.event if suspect else None
        return judge(check, Verdict.UNDECIDED, text, trigger=event, timeline=timeline)
    if not exercised:
        return judge(check, Verdict.VACUOUS, f"there was no {of_what}")
    return judge(check, Verdict.PASS, f"{exercised} x {of_what}")

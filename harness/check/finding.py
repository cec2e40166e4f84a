# SPDX-License-Identifier: GPL-2.0-only
"""What a check is given besides the timeline, and what it returns: the finding that reports keep and show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.check.breaks import Breaks
from harness.check.shadow import Look
from harness.level import Level
from harness.scenario.language import Expectation
from harness.trace.event import Event
from harness.trace.export.plain import event_text
from harness.trace.source import Source
from harness.trace.timeline import Timeline
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a named run ended.

    ``status`` is the exit code 0..255, 256+n when signal n ended it, None when it never ended. ``command`` is
    what ran, for messages.
    """

    status: int | None
    stdout: str = ""
    stderr: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of a finding: ``source`` and ``seq`` find it again in the timeline, ``text`` shows it.

    Events may read alike; the position tells them apart.
    """

    source: Source
    seq: int
    text: str


def line_of(event: Event) -> EventLine:
    """The event as a finding keeps it."""
    return EventLine(event.source, event.seq, event_text(event))


@dataclass(frozen=True, slots=True)
class Finding:
    """The judgement on one expectation, as the checks make it and as results keep it (docs/results.md).

    ``kind`` is the expectation's key in the YAML (``response``, ``console``, ...); ``where`` is its
    ``file:line:col``; ``bindings`` are the values of ``$`` variables without the dollar, as text; ``trigger``
    is the event that decided, and ``context`` that event among its neighbours at every level, in time order:
    empty where no event is involved. ``expected``: why it does not count although it is red (a quarantine
    entry waits for exactly this); empty when it counts.
    """

    name: str
    kind: str
    verdict: Verdict
    message: str
    where: str = ""
    bindings: Mapping[str, str] = field(default_factory=dict)
    trigger: EventLine | None = None
    context: tuple[EventLine, ...] = ()
    expected: str = ""

    def around(self, count: int) -> tuple[EventLine, ...]:
        """Return up to ``count`` events on each side of the trigger, or of the first one without it."""
        middle = self.middle
        return self.context[max(0, middle - count) : middle + count + 1]

    @property
    def middle(self) -> int:
        """Where the trigger is in ``context``; 0 if it is not there."""
        return self.context.index(self.trigger) if self.trigger in self.context else 0


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that the checks of a cell may look at. A level without a console was not captured.

    ``looks`` into the stopped machine and ``breaks`` are there where an oracle asks for them.
    """

    timeline: Timeline = field(default_factory=Timeline)
    results: Mapping[str, RunResult] = field(default_factory=dict)
    consoles: Mapping[Level, str] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    breaks: Breaks | None = None


def judge(
    expectation: Expectation,
    verdict: Verdict,
    message: str,
    *,
    bindings: Mapping[str, object] | None = None,
    trigger: Event | None = None,
    timeline: Timeline | None = None,
) -> Finding:
    """A finding on ``expectation``, with the context of ``trigger`` taken from ``timeline``.

    Of ``bindings``, integers from 10 up become hexadecimal text, as addresses and VMIDs read best.
    """
    context = timeline.around(trigger) if timeline is not None and trigger is not None else ()
    kind = type(expectation).__name__.removesuffix("Check").lower()
    return Finding(
        expectation.name,
        kind,
        verdict,
        message,
        str(expectation.where),
        {name: _shown(value) for name, value in (bindings or {}).items()},
        None if trigger is None else line_of(trigger),
        tuple(map(line_of, context)),
    )


def _shown(value: object) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:#x}" if is_number and abs(value) >= 10 else str(value)  # type: ignore[arg-type]


def describe(event: Event) -> str:
    """One line on an event for a message: when, where, what."""
    words = (f"{k}={v:#x}" if isinstance(v, int) and v > 9 else f"{k}={v}" for k, v in event.fields.items())
    seconds, nanoseconds = divmod(event.time_ns, 10**9)
    who = f"cpu{event.cpu} {event.task}".rstrip()
    return f"{event.name} at {seconds}.{nanoseconds // 1000:06d} {who}: {' '.join(words)}"


def both(first: bool | None, second: bool | None) -> bool | None:
    """Three-valued and: false if either is, else unknown (None) if either is."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True

# SPDX-License-Identifier: GPL-2.0-only
"""What a check is given besides the timeline, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.check.breaks import Breaks
from harness.check.shadow import Look
from harness.errors import Location
from harness.level import Level
from harness.scenario.language import Expectation
from harness.trace.event import Event, Value
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
class Finding:
    """The judgement on one expectation.

    ``kind`` is the expectation's pattern key (``response``, ``console``, ...); ``where`` its YAML line;
    ``bindings`` the values of ``$`` variables without the dollar; ``trigger`` the event that decided, and
    ``context`` that event with its neighbours at every level.
    """

    name: str
    kind: str
    verdict: Verdict
    message: str
    where: Location
    bindings: Mapping[str, Value] = field(default_factory=dict)
    trigger: Event | None = None
    context: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that the checks of a cell may look at. A level without a console was not captured.

    ``looks`` into the stopped machine and ``breaks`` are had where an oracle asks for them.
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
    bindings: Mapping[str, Value] | None = None,
    trigger: Event | None = None,
    timeline: Timeline | None = None,
) -> Finding:
    """A finding on ``expectation``, with the context of ``trigger`` taken from ``timeline``."""
    context = timeline.around(trigger) if timeline is not None and trigger is not None else ()
    kind = type(expectation).__name__.removesuffix("Check").lower()
    return Finding(
        expectation.name, kind, verdict, message, expectation.where, bindings or {}, trigger, context
    )


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

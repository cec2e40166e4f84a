# SPDX-License-Identifier: GPL-2.0-only
"""A timeline as plain text: a line per event, with the marks, losses and doubts where they are."""

from __future__ import annotations

from collections.abc import Iterator

from harness.trace.event import Event
from harness.trace.export.view import View, key_of, loss_times


def when_text(time_ns: int) -> str:
    """Seconds on L0's clock with nine decimals."""
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"


def fields_text(event: Event) -> str:
    """``key=value`` words; integers are hexadecimal from 10 up, as addresses and VMIDs read best."""
    words = (f"{k}={v if isinstance(v, str) or abs(v) < 10 else hex(v)}" for k, v in event.fields.items())
    return " ".join(words)


def event_text(event: Event) -> str:
    """One event as a line: level, seconds on L0's clock, CPU, task, name, fields."""
    who = f"cpu{event.cpu} {event.task}".rstrip()
    return f"{event.level} {when_text(event.time_ns)} {who} {event.name} {fields_text(event)}".rstrip()


def write(view: View) -> Iterator[str]:
    """Lines without a newline, in order of time.

    A line begins with ``>`` where the event decided on an assertion that did not hold, ``*`` where it is a
    neighbour in that assertion's message; marks, losses and doubts are lines that begin with ``--``.
    """
    timeline = view.timeline
    triggers = {key_of(h.trigger): h.name for h in view.highlights if h.trigger is not None}
    near = {key_of(event) for h in view.highlights for event in h.context}
    lines: list[tuple[int, int, str]] = []
    for mark in timeline.marks:
        lines.append((mark.time_ns, 0, f"-- {mark.source} {when_text(mark.time_ns)} mark {mark.name}"))
    for loss, begin, end in loss_times(timeline):
        count = "events" if loss.count is None else f"{loss.count} events"
        until = "the end" if loss.before_seq is None else when_text(end)
        text = f"-- {loss.source} {when_text(begin)} lost {count} until {until}: {loss.reason}"
        lines.append((begin, 2, text))
    for doubt in timeline.doubts:
        lines.append((-1, 0, f"-- {doubt.source} doubt: {doubt.text}"))
    for event in timeline.events:
        key = key_of(event)
        sign = ">" if key in triggers else "*" if key in near else " "
        span = timeline.span_of(event)
        tie = f" span={span.id}" if span is not None else ""
        why = f"  <- {triggers[key]}" if key in triggers else ""
        lines.append((event.time_ns, 1, f"{sign} {event_text(event)}{tie}{why}"))
    lines.sort(key=lambda line: line[:2])
    return (line for _, _, line in lines)

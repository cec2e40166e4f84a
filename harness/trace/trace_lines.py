# SPDX-License-Identifier: GPL-2.0-only
"""Parser of the trace text: one line to a ``TraceRecord``, one record's text to fields.

Format: kernel documentation trace/ftrace.rst, "Output format" (no latency format), with ``irq-info``:
``comm-pid [cpu] flags seconds.micros: event: text``. A comm may hold blanks, dashes and brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.trace import registry
from harness.trace.event import Value

MARK_EVENT = "tracing_mark_write"

_LINE = re.compile(
    r"\s*(?P<comm>.*?)-(?P<pid>\d+)\s+(?:\(\s*[\d-]+\)\s+)?\[(?P<cpu>\d{3,})\]\s+(?:(?P<flags>[^\s\d]\S{3,5})\s+)?"
    r"(?P<sec>\d+)\.(?P<frac>\d+): (?P<event>[^\s:]+):(?: (?P<text>.*)| *)"
)
_LOST = re.compile(r"CPU:(?P<cpu>\d+) \[LOST (?:(?P<count>\d+) )?EVENTS\]")
_ENTRIES = re.compile(r"# entries-in-buffer/entries-written: (?P<kept>\d+)/(?P<written>\d+)\s")
_STARTED = re.compile(r"##### CPU \d+ buffer started ####")
_FIELD = re.compile(
    r"(?P<key>[A-Za-z_][\w.>\-]*)(?:=|: *| (?=0x))(?![\w.]+:(?:\s|$))"
    r"(?P<value>\"[^\"]*\"|\([^()]*\)|\{[^{}]*\}|[^\s,;()]+)"
)
_NUMBER = re.compile(r"-?\d+|0[xX][0-9a-fA-F]+")
_HEX = re.compile(r"[0-9a-fA-F]+")
_LOCATION = re.compile(r"\((?P<at>[^()]*)\) ?")


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One event line. ``index`` counts records from 0, ``line`` lines from 1, ``time_ns`` is mono."""

    index: int
    line: int
    comm: str
    pid: int
    cpu: int
    time_ns: int
    event: str
    text: str

    @property
    def task(self) -> str:
        return f"{self.comm}-{self.pid}"


@dataclass(frozen=True, slots=True)
class LostLine:
    """``CPU:n [LOST m EVENTS]`` before the record number ``index``; ``count`` None if not printed."""

    index: int
    line: int
    cpu: int
    count: int | None


@dataclass(frozen=True, slots=True)
class Overwritten:
    """The header says that fewer events are in the buffer than were written."""

    count: int


@dataclass(frozen=True, slots=True)
class EventCount:
    """The header says how many events follow."""

    count: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no known kind, before the record number ``index``."""

    index: int
    line: int
    text: str


Item = TraceRecord | LostLine | Overwritten | EventCount | BadLine


def parse(lines: Iterable[str], first: int = 1) -> Iterator[Item]:
    """Parse the text of ``trace``. Every line gives an item or is a comment; none is dropped.

    ``first`` is the number of the first line, for messages.
    """
    index = 0
    for number, line in enumerate(lines, first):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        match = _LINE.fullmatch(text)
        if match is not None:
            yield TraceRecord(
                index=index,
                line=number,
                comm=match["comm"].strip(),
                pid=int(match["pid"]),
                cpu=int(match["cpu"]),
                time_ns=int(match["sec"]) * 10**9 + int(f"{match['frac']:0<9}"[:9]),
                event=match["event"],
                text=match["text"] or "",
            )
            index += 1
        elif (lost := _LOST.fullmatch(text.strip())) is not None:
            yield LostLine(index, number, int(lost["cpu"]), int(lost["count"]) if lost["count"] else None)
        elif (entries := _ENTRIES.match(text)) is not None:
            yield EventCount(int(entries["kept"]))
            missing = int(entries["written"]) - int(entries["kept"])
            if missing > 0:
                yield Overwritten(missing)
        elif not text.startswith("#") or not (text.startswith("# ") or text == "#" or _is_header(text)):
            yield BadLine(index, number, text)


def _is_header(text: str) -> bool:
    return _STARTED.fullmatch(text) is not None


def value_of(text: str) -> Value:
    """An integer for decimal or 0x-prefixed text, else the text without its quotes."""
    if _NUMBER.fullmatch(text):
        return int(text, 0) if text[:2].lower() == "0x" else int(text)
    return text.strip('"')


def fields_of(event: str, text: str) -> dict[str, Value]:
    """Fields printed by a trace event: ``key=value``, ``key: value`` and ``key 0x...``.

    The parenthesised location that probes print first becomes ``at``. Events listed under ``formats`` in
    events.yaml are read by their own expression when it matches. The first of equal keys wins.
    """
    form = registry.load().formats.get(event)
    found: dict[str, str] = {}
    match = form.regex.fullmatch(text.strip()) if form and form.regex else None
    if match is not None:
        found = match.groupdict()
    else:
        location = _LOCATION.match(text)
        if location is not None:
            found["at"] = location["at"]
            text = text[location.end() :]
        for each in _FIELD.finditer(text):
            found.setdefault(each["key"], each["value"])
    hexadecimal = form.hex if form else frozenset()
    return {
        key: int(value, 16) if key in hexadecimal and _HEX.fullmatch(value) else value_of(value)
        for key, value in found.items()
    }

# SPDX-License-Identifier: GPL-2.0-only
"""A timeline as JSON Lines: one object per line, the first one the heading (docs/traces.md)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.errors import InputError, Location, Problem
from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.event import Event
from harness.trace.order import Anchor
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Doubt, Loss, Realised, Timeline, TraceMark

VERSION = 3
END = "end"


def write(timeline: Timeline) -> Iterator[str]:
    """Lines, without a newline, that ``read`` turns into an equal timeline."""
    return sealed(_content(timeline))


def sealed(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a timeline and a last one, by which ``read`` knows that nothing is missing or changed."""
    seal = _Seal()
    for line in lines:
        seal.add(line)
        yield line
    yield _line(seal.line)


class _Seal:
    """Count and CRC-32 of lines."""

    def __init__(self) -> None:
        self._count = 0
        self._crc = 0

    def add(self, line: str) -> None:
        self._count += 1
        self._crc = zlib.crc32(line.encode("utf-8", "surrogatepass") + b"\n", self._crc)

    @property
    def line(self) -> Mapping[str, Any]:
        return {"type": END, "lines": self._count, "crc32": f"{self._crc:08x}"}


def _content(timeline: Timeline) -> Iterator[str]:
    heading = {
        "nvh-timeline": VERSION,
        "clocks": {
            str(level): {"offset_ns": c.offset_ns, "error_ns": c.error_ns, "doubts": list(c.doubts)}
            for level, c in timeline.clocks.items()
        },
        "realised": {
            name: {"how": r.how, "blind": {k: sorted(v) for k, v in r.blind.items()} if r.blind else None}
            | ({"source": r.source} if r.source else {})
            for name, r in timeline.realised.items()
        },
        "missing": dict(timeline.missing),
    }
    yield _line(heading)
    for kind, items in (
        ("mark", timeline.marks),
        ("loss", timeline.losses),
        ("doubt", timeline.doubts),
        ("anchor", timeline.anchors),
        ("event", timeline.events),
        ("span", timeline.spans),
    ):
        for item in items:
            yield _line({"type": kind, **_plain(item)})


def _line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _plain(item: Event | TraceMark | Loss | Doubt | Anchor | Span) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in item.__slots__}
    if isinstance(item, Event):
        values["level"] = str(item.level)
        if item.seen_by is None:
            del values["seen_by"]
    elif isinstance(item, Span):
        values["events"] = [[event.source, event.seq] for event in item.events]
    return values


_KINDS: Mapping[str, type[Any]] = {
    "event": Event,
    "mark": TraceMark,
    "loss": Loss,
    "doubt": Doubt,
    "anchor": Anchor,
    "span": Span,
}


def _item(kind: type[Any], data: dict[str, Any], events: Mapping[tuple[Source, int], Event]) -> Any:
    """Any wrong key or value raises; spans are resolved to ``events``, which come before them."""
    if kind is Event:
        data["level"] = Level.parse(data["level"])
        if "seen_by" in data:
            data["seen_by"] = Source(data["seen_by"])
    elif kind is Span:
        data["events"] = tuple(events[Source(source), seq] for source, seq in data["events"])
    else:
        data["source"] = Source(data["source"])
    item = kind(**data)
    if isinstance(item, Event) and item.source.level not in (None, item.level):
        raise ValueError(f"{item.name} at {item.level}")
    return item


def read(lines: Iterable[str], path: str = "timeline.jsonl") -> Timeline:
    """The timeline that ``write`` wrote; ``InputError`` names every line that is wrong."""
    found: dict[type, list[Any]] = {kind: [] for kind in _KINDS.values()}
    events: dict[tuple[Source, int], Event] = {}
    problems: list[Problem] = []
    heading: Mapping[str, Any] = {}
    seal, ended = _Seal(), False
    for number, line in _numbered(lines, path, problems):
        try:
            data = json.loads(line)
            if number == 1:
                if data.get("nvh-timeline") != VERSION:
                    raise ValueError(f"not a timeline of version {VERSION}")
                heading = data
            elif data.get("type") == END:
                if data != seal.line and not problems:
                    raise ValueError(f"not as it was written: {seal.line} expected")
                ended = True
            else:
                kind = _KINDS[data.pop("type")]
                item = _item(kind, data, events)
                found[kind].append(item)
                if isinstance(item, Event):
                    events[item.source, item.seq] = item
        except json.JSONDecodeError as error:
            problems.append(Problem(Location(path, number, error.colno), "not JSON", "a line of a timeline"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            problems.append(Problem(Location(path, number), f"{type(error).__name__}: {error}"))
        seal.add(line)
    if not heading and not problems:
        problems.append(Problem(Location(path), "empty", "a timeline"))
    elif not ended and not problems:
        problems.append(Problem(Location(path), "cut short: it has no last line", "a whole timeline"))
    if problems:
        raise InputError(problems)
    try:
        clocks, realised = _clocks(heading["clocks"]), _realised(heading["realised"])
        missing = {str(name): str(why) for name, why in heading["missing"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError([Problem(Location(path), f"heading: {type(error).__name__}: {error}")]) from None
    return Timeline(
        events=tuple(found[Event]),
        marks=tuple(found[TraceMark]),
        losses=tuple(found[Loss]),
        doubts=tuple(found[Doubt]),
        realised=realised,
        missing=missing,
        clocks=clocks,
        anchors=tuple(found[Anchor]),
        spans=tuple(found[Span]),
    )


def _numbered(lines: Iterable[str], path: str, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """Lines without their ends, from 1; what follows the last line, or is no UTF-8, is a problem."""
    ended = False
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\n")
            if ended:
                problems.append(Problem(Location(path, number), "a line after the last one"))
                return
            yield number, text
            ended = text.startswith(f'{{"type":"{END}"')
    except UnicodeDecodeError as error:
        problems.append(Problem(Location(path, number + 1), f"not UTF-8: {error.reason}"))


def _clocks(data: Mapping[str, Any]) -> dict[Level, ClockRelation]:
    return {
        Level.parse(level): ClockRelation(c["offset_ns"], c["error_ns"], tuple(c["doubts"]))
        for level, c in data.items()
    }


def _realised(data: Mapping[str, Any]) -> dict[str, Realised]:
    return {
        name: Realised(
            r["how"],
            {k: frozenset(v) for k, v in r["blind"].items()} if r["blind"] else None,
            Source(r["source"]) if "source" in r else None,
        )
        for name, r in data.items()
    }

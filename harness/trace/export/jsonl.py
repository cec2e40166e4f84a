"""A timeline as JSON Lines: one object per line, the first one the heading (docs/traces.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.errors import InputError, Location, Problem
from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.event import Event
from harness.trace.timeline import Doubt, Loss, Mark, Realised, Timeline

VERSION = 1


def write(timeline: Timeline) -> Iterator[str]:
    """Lines, without a newline, that ``read`` turns into an equal timeline."""
    heading = {
        "nvh-timeline": VERSION,
        "clocks": {
            str(level): {"offset_ns": c.offset_ns, "error_ns": c.error_ns, "doubts": list(c.doubts)}
            for level, c in timeline.clocks.items()
        },
        "realised": {
            name: {"how": r.how, "blind": {k: sorted(v) for k, v in r.blind.items()} if r.blind else None}
            for name, r in timeline.realised.items()
        },
        "missing": dict(timeline.missing),
    }
    objects: list[Mapping[str, Any]] = [heading]
    for kind, items in (
        ("mark", timeline.marks),
        ("loss", timeline.losses),
        ("doubt", timeline.doubts),
        ("event", timeline.events),
    ):
        objects += [{"type": kind, **_plain(item)} for item in items]
    for each in objects:
        yield json.dumps(each, separators=(",", ":"))


def _plain(item: Event | Mark | Loss | Doubt) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in item.__slots__}
    return values | {"level": str(values["level"])}


_KINDS: Mapping[str, type[Event] | type[Mark] | type[Loss] | type[Doubt]] = {
    "event": Event,
    "mark": Mark,
    "loss": Loss,
    "doubt": Doubt,
}


def read(lines: Iterable[str], path: str = "timeline.jsonl") -> Timeline:
    """The timeline that ``write`` wrote; ``InputError`` names every line that is wrong."""
    found: dict[type, list[Any]] = {kind: [] for kind in _KINDS.values()}
    problems: list[Problem] = []
    heading: Mapping[str, Any] = {}
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            if number == 1:
                if data.get("nvh-timeline") != VERSION:
                    raise ValueError(f"not a timeline of version {VERSION}")
                heading = data
                continue
            kind = _KINDS[data.pop("type")]
            data["level"] = Level.parse(data["level"])
            found[kind].append(kind(**data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(Problem(Location(path, number), f"{type(error).__name__}: {error}"))
    if not heading and not problems:
        problems.append(Problem(Location(path), "empty", "a timeline"))
    if problems:
        raise InputError(problems)
    clocks = {
        Level.parse(level): ClockRelation(c["offset_ns"], c["error_ns"], tuple(c["doubts"]))
        for level, c in heading["clocks"].items()
    }
    realised = {
        name: Realised(r["how"], {k: frozenset(v) for k, v in r["blind"].items()} if r["blind"] else None)
        for name, r in heading["realised"].items()
    }
    return Timeline(
        events=tuple(found[Event]),
        marks=tuple(found[Mark]),
        losses=tuple(found[Loss]),
        doubts=tuple(found[Doubt]),
        realised=realised,
        missing=heading["missing"],
        clocks=clocks,
    )

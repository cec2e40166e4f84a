# SPDX-License-Identifier: GPL-2.0-only
"""Raw traces of the levels to one timeline."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.level import Level
from harness.trace import registry
from harness.trace.clock import IDENTITY, UNRELATED, ClockRelation
from harness.trace.decode import decoders
from harness.trace.decoded import Decoded, Trouble
from harness.trace.event import Event
from harness.trace.facts import Collected, Facts, parse_collected, parse_facts
from harness.trace.model.add_to_timeline import ModelTrace, add_model
from harness.trace.order import Written
from harness.trace.registry import Realisation
from harness.trace.source import Source
from harness.trace.timeline import Doubt, Loss, Realised, Timeline, TraceMark, in_time
from harness.trace.trace_lines import (
    MARK_EVENT,
    BadLine,
    EventCount,
    LostLine,
    Overwritten,
    TraceRecord,
    fields_of,
    parse,
)
from harness.trace.tracefs_shell import MARK_PREFIX
from harness.trace.vocabulary import is_raw_event, split_raw


@dataclass(frozen=True, slots=True)
class RawTrace:
    """One level's output of ``setup_script`` and of ``collect_script``."""

    setup: str
    collected: str


@dataclass(slots=True)
class _LevelTrace:
    """What one level contributes to the timeline."""

    events: list[Event] = field(default_factory=list)
    marks: list[TraceMark] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    realised: dict[str, Realised] = field(default_factory=dict)


def build_timeline(
    raw: Mapping[Level, RawTrace],
    clocks: Mapping[Level, ClockRelation],
    model: ModelTrace | None = None,
) -> Timeline:
    """Decode, number and merge. Nothing in the text raises: what is not understood becomes a doubt.

    A level without a clock relation has its events in their own order but in none towards other levels.
    ``model``: the hardware model's trace, to be merged too.
    """
    relations = {level: IDENTITY if level is Level.L0 else clocks.get(level, UNRELATED) for level in raw}
    parts: list[_LevelTrace] = []
    missing: dict[str, str] = {}
    for level, trace in raw.items():
        facts = parse_facts(trace.setup)
        missing.update(facts.missing)
        parts.append(_level(level, facts, parse_collected(trace.collected), relations[level]))
    events = [event for part in parts for event in part.events]
    timeline = Timeline(
        events=in_time(events),
        marks=tuple(mark for part in parts for mark in part.marks),
        losses=tuple(loss for part in parts for loss in part.losses),
        doubts=tuple(doubt for part in parts for doubt in part.doubts),
        realised={name: how for part in parts for name, how in part.realised.items()},
        missing=missing,
        clocks=relations,
    )
    if model is None:
        return timeline
    return add_model(timeline, [each for part in parts for each in part.written], model)


def _level(level: Level, facts: Facts, collected: Collected, relation: ClockRelation) -> _LevelTrace:
    part = _LevelTrace()
    source = Source.of(level)
    items = list(parse(collected.trace, collected.first_line))
    records = [item for item in items if isinstance(item, TraceRecord)]
    decoded, troubles = _decode(level, facts, records, part)
    found: list[tuple[int, Decoded | TraceRecord]] = [(each.record.index, each) for each in decoded]
    found += [(r.index, r) for r in records if r.event == MARK_EVENT and r.text.startswith(MARK_PREFIX)]
    found.sort(key=lambda pair: pair[0])
    for seq, (_, each) in enumerate(found):
        if isinstance(each, TraceRecord):
            time = each.time_ns + relation.offset_ns
            part.marks.append(TraceMark(each.text.removeprefix(MARK_PREFIX).strip(), source, seq, time))
        else:
            part.events.append(_event(level, seq, each, relation))
    if level is Level.L0:
        part.written = _written(records, found, relation)
    place = _Place([index for index, _ in found])
    part.losses += _losses(source, items, records, collected, place)
    for text in (*facts.doubts, *collected.doubts):
        part.doubts.append(Doubt(source, None, text))
    for trouble in troubles:
        part.doubts.append(Doubt(source, place.seq(trouble.record.index), trouble.text))
    for item in items:
        if isinstance(item, BadLine):
            text = f"line {item.line} is not understood: {item.text[:120]!r}"
            part.doubts.append(Doubt(source, None, text))  # it may have stood anywhere
    part.doubts += [Doubt(source, None, text) for text in _miscounted(items)]
    for earlier, later in itertools.pairwise(records):
        if later.time_ns < earlier.time_ns:  # then no line's place says anything
            part.doubts.append(Doubt(source, None, f"line {later.line} goes back in time"))
    part.doubts += _strangers(source, facts, records, place)
    return part


def _strangers(source: Source, facts: Facts, records: Sequence[TraceRecord], place: _Place) -> list[Doubt]:
    """Records of events that nobody enabled: the name of one that was may be damaged."""
    known = {event for _, event in facts.enabled} | set(registry.load().probes) | {MARK_EVENT}
    return [
        Doubt(source, place.seq(each.index), f"line {each.line} has {each.event}, which was not enabled")
        for each in records
        if each.event not in known
    ]


def _miscounted(items: Sequence[object]) -> list[str]:
    """Whether the trace has as many events as its header says; every trace has one header."""
    said = [item.count for item in items if isinstance(item, EventCount)]
    there = sum(isinstance(item, TraceRecord | BadLine) for item in items)
    if said != [there]:
        header = f"{said[0]} by its header" if said else "its header is missing"
        return [f"the trace has {there} events, {header}"]
    return []


def _decode(
    level: Level, facts: Facts, records: Sequence[TraceRecord], part: _LevelTrace
) -> tuple[list[Decoded], list[Trouble]]:
    """Decode every realised event; what the realisations are goes to ``part``."""
    specs = registry.load().events
    groups: dict[str, dict[str, Realisation]] = {}
    raw: dict[str, str] = {}
    for name, how in facts.realised.items():
        if is_raw_event(name):
            raw[split_raw(name)[2]] = name
            part.realised[name] = Realised(how)
            continue
        try:
            realisation = specs[name].realisation(how)
        except KeyError:
            part.doubts.append(Doubt(Source.of(level), None, f"{name} is traced in an unknown way, {how!r}"))
            continue
        groups.setdefault(realisation.decoder, {})[name] = realisation
        part.realised[name] = Realised(how, realisation.blind)
    results: list[Decoded | Trouble] = []
    for decoder, wanted in groups.items():
        results += decoders()[decoder](level, wanted, records)
    for record in records:
        if record.event in raw:
            results.append(Decoded(raw[record.event], record, fields_of(record.event, record.text)))
    troubles = [each for each in results if isinstance(each, Trouble)]
    return [each for each in results if isinstance(each, Decoded)], troubles


def _written(
    records: Sequence[TraceRecord],
    found: Sequence[tuple[int, Decoded | TraceRecord]],
    relation: ClockRelation,
) -> list[Written]:
    """Every record with the position that it has among the events and marks, if any."""
    seqs = {index: seq for seq, (index, _) in enumerate(found)}
    marks = {index for index, each in found if isinstance(each, TraceRecord)}
    return [
        Written(
            each.cpu,
            each.event,
            seqs.get(each.index),
            each.time_ns + relation.offset_ns,
            each.text.removeprefix(MARK_PREFIX).strip() if each.index in marks else None,
        )
        for each in records
    ]


def _event(level: Level, seq: int, decoded: Decoded, relation: ClockRelation) -> Event:
    record = decoded.record
    return Event(
        name=decoded.name,
        level=level,
        seq=seq,
        time_ns=record.time_ns + relation.offset_ns,
        cpu=record.cpu,
        task=record.task,
        fields=dict(decoded.fields),
        error_ns=relation.error_ns or 0,
        line=record.line,
    )


class _Place:
    """Record index to position among a level's events and marks."""

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = indices

    def seq(self, index: int) -> int:
        """``seq`` of the first event or mark from record ``index`` on; their number if none follows."""
        return bisect.bisect_left(self.indices, index)

    def loss(self, source: Source, gap: tuple[int, int | None], count: int | None, reason: str) -> Loss:
        """Loss after record ``gap[0]`` (-1: the start) and before ``gap[1]`` (None: the end)."""
        after = bisect.bisect_right(self.indices, gap[0]) - 1
        before = None if gap[1] is None else self.seq(gap[1])
        return Loss(source, after, before if before != len(self.indices) else None, count, reason)


def _losses(
    source: Source,
    items: Sequence[object],
    records: Sequence[TraceRecord],
    collected: Collected,
    place: _Place,
) -> list[Loss]:
    losses: list[Loss] = []
    first: dict[int, int] = {}
    for record in records:
        first.setdefault(record.cpu, record.index)
    latest: dict[int, int] = {}
    for item in items:
        if isinstance(item, TraceRecord):
            latest[item.cpu] = item.index
        elif isinstance(item, LostLine):
            lost_gap = (latest.get(item.cpu, -1), item.index)
            losses.append(place.loss(source, lost_gap, item.count, f"buffer of cpu {item.cpu} overran"))
    for cpu, stats in collected.stats.items():
        # In overwrite mode the oldest events go: everything before the first one that is left.
        if stats.get("overrun", 0) > 0:
            gap = (-1, first.get(cpu))
            losses.append(place.loss(source, gap, stats["overrun"], f"buffer of cpu {cpu} overran"))
        for name in ("commit overrun", "dropped events"):
            if stats.get(name, 0) > 0:
                losses.append(place.loss(source, (-1, None), stats[name], f"{name} on cpu {cpu}"))
    for item in items:
        if isinstance(item, Overwritten) and not losses:
            losses.append(place.loss(source, (-1, None), item.count, "fewer events kept than written"))
    for probe, count in collected.misses.items():
        if probe in registry.load().probes:
            losses.append(place.loss(source, (-1, None), count, f"probe {probe} missed hits"))
    return losses

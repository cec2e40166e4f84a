# SPDX-License-Identifier: GPL-2.0-only
"""A timeline as a Perfetto trace file (https://perfetto.dev/docs/reference/trace-packet-proto).

Tracks: one per level and CPU of each source below a track per level, one with the level's marks, one with its
losses, and one or more with the spans. Events are instants with their fields as debug annotations; an arrow
(flow) leads through the events of each span, from the instruction at L1 to the return. Only the protobuf
classes of the package are used: its TraceProcessor, which fetches a program, is not on any path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from harness.errors import UserError
from harness.level import Level
from harness.trace.event import Event, Value
from harness.trace.export.view import (
    Key,
    View,
    key_of,
    lanes,
    loss_times,
    shown_times,
    track_name,
    track_of,
    tracks_of,
)
from harness.trace.source import Source
from harness.trace.timeline import Timeline

SEQUENCE = 1
"""All packets are of one writer."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """The flow that an event belongs to (an id above 0), and whether it ends there."""

    flow: int
    ends: bool


def write(view: View, stream: IO[bytes]) -> list[str]:
    """Write the trace file; returns notes for the user, here none. ``UserError`` without the package."""
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos
        from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder
    except ImportError as error:
        raise UserError(f"the Perfetto format needs the Python package perfetto ({error})") from error
    _Writer(protos, StreamingTraceProtoBuilder(stream)).write(view)
    return []


class _Writer:
    def __init__(self, protos: Any, builder: Any) -> None:
        self._protos = protos
        self._builder = builder
        self._uuids = 0
        self._first = True

    def write(self, view: View) -> None:
        timeline = view.timeline
        times = shown_times(timeline.events)
        parents = {level: self._track(str(level).upper(), rank=level) for level in Level}
        self._marks_and_losses(view, parents)
        arrows = self._spans(timeline, times)
        tracks = {
            track: self._track(track_name(track), parents[track[0]], rank)
            for rank, track in enumerate(tracks_of(timeline), 2)
        }
        decided = {key_of(h.trigger): h for h in view.highlights if h.trigger is not None}
        for event in timeline.events:
            key = key_of(event)
            fields: dict[str, Value] = dict(event.fields)
            if key in decided:
                fields["nvh"] = f"{decided[key].verdict}: {decided[key].name}"
            if event.task:
                fields["task"] = event.task
            track = tracks[track_of(event)]
            self._event("INSTANT", track, times[key], _name(event), fields, arrows.get(key))

    def _packet(self) -> Any:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = SEQUENCE
        if self._first:
            packet.sequence_flags = self._protos.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
            self._first = False
        return packet

    def _track(self, name: str, parent: int = 0, rank: int = 0) -> int:
        """Describe a track; returns its uuid."""
        self._uuids += 1
        packet = self._packet()
        descriptor = packet.track_descriptor
        descriptor.uuid = self._uuids
        descriptor.name = name
        descriptor.sibling_order_rank = rank
        descriptor.child_ordering = self._protos.TrackDescriptor.EXPLICIT
        if parent:
            descriptor.parent_uuid = parent
        self._builder.write_packet(packet)
        return self._uuids

    def _event(
        self,
        kind: str,
        track: int,
        time_ns: int,
        name: str = "",
        fields: Mapping[str, Value] | None = None,
        arrow: Arrow | None = None,
    ) -> None:
        """``kind`` is INSTANT, SLICE_BEGIN or SLICE_END."""
        packet = self._packet()
        packet.timestamp = max(0, time_ns)
        event = packet.track_event
        event.type = getattr(self._protos.TrackEvent, f"TYPE_{kind}")
        event.track_uuid = track
        if name:
            event.name = name
        if arrow is not None:
            (event.terminating_flow_ids if arrow.ends else event.flow_ids).append(arrow.flow)
        for key, value in (fields or {}).items():
            annotation = event.debug_annotations.add()
            annotation.name = key
            if isinstance(value, int) and 10 <= value < 2**64:
                annotation.pointer_value = value  # shown in hexadecimal
            else:
                annotation.string_value = str(value)
        self._builder.write_packet(packet)

    def _marks_and_losses(self, view: View, parents: Mapping[Level, int]) -> None:
        marks: dict[Source, int] = {}
        for mark in view.timeline.marks:
            if mark.source not in marks:
                marks[mark.source] = self._track(f"marks ({mark.source})", parents[_level(mark.source)], 0)
            self._event("INSTANT", marks[mark.source], mark.time_ns, mark.name)
        for loss, begin, end in loss_times(view.timeline):
            track = self._track(f"lost events ({loss.source})", parents[_level(loss.source)], 1)
            name = "lost events" if loss.count is None else f"{loss.count} lost events"
            self._event("SLICE_BEGIN", track, begin, name, {"reason": loss.reason})
            self._event("SLICE_END", track, end)

    def _spans(self, timeline: Timeline, times: Mapping[Key, int]) -> dict[Key, Arrow]:
        """Slices of the spans; returns the arrow of each event that belongs to one."""

        def when(event: Event) -> int:
            return times.get(key_of(event), event.time_ns)

        ends = [(min(map(when, s.events)), max(map(when, s.events)), s) for s in timeline.spans]
        ends.sort(key=lambda each: each[:2])
        parent = self._track("spans", rank=len(Level)) if ends else 0
        places: dict[int, int] = {}
        arrows = {}
        for (begin, end, span), lane in zip(ends, lanes((b, e) for b, e, _ in ends), strict=True):
            if lane not in places:
                places[lane] = self._track(f"spans {lane}", parent, lane)
            facts: dict[str, Value] = {"span": span.id, "kind": span.kind, "events": len(span.events)}
            facts |= {"open": span.open} if span.open else {}
            self._event("SLICE_BEGIN", places[lane], begin, span.op or span.kind, facts)
            self._event("SLICE_END", places[lane], end)
            for event in span.events:
                arrows[key_of(event)] = Arrow(span.id + 1, event is span.events[-1])
        return arrows


def _level(source: Source) -> Level:
    """Where what a source says of itself is shown; the model stands below everything."""
    return Level.L0 if source.level is None else source.level


def _name(event: Event) -> str:
    """The event with the operation, function or register that it is about."""
    about = event.fields.get("op") or event.fields.get("function") or event.fields.get("reg")
    return f"{event.name} {about}" if about else event.name

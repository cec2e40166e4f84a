"""A timeline as a Perfetto trace file (https://perfetto.dev/docs/reference/trace-packet-proto).

Tracks: one per level and CPU of each source below a track per level, one with the level's marks, one with its
losses, and one or more with the spans. Events are instants with their fields as debug annotations; an arrow
(flow) leads through the events of each span, from the instruction at L1 to the return. Only the protobuf
classes of the package are used: its TraceProcessor, which fetches a program, is not on any path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from harness.errors import UserError
from harness.level import Level
from harness.trace.event import Event, Value
from harness.trace.export.view import (
    Track,
    View,
    lanes,
    loss_times,
    source_of,
    spans_of,
    track_name,
    track_of,
    tracks_of,
)

SEQUENCE = 1
"""All packets are of one writer."""


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
        levels = {each.level for each in (*timeline.events, *timeline.marks, *timeline.losses)}
        parents = {level: self._track(str(level).upper(), rank=level) for level in sorted(levels)}
        self._marks_and_losses(view, parents)
        arrows = self._spans(view)
        tracks = {
            track: self._track(track_name(track), parents[track[0]], rank)
            for rank, track in enumerate(tracks_of(timeline), 2)
        }
        self._events(view, tracks, arrows)

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
        arrow: tuple[int, bool] | None = None,
    ) -> None:
        """``kind`` is INSTANT, SLICE_BEGIN or SLICE_END; ``arrow`` a flow's id and whether it ends here."""
        packet = self._packet()
        packet.timestamp = time_ns
        event = packet.track_event
        event.type = getattr(self._protos.TrackEvent, f"TYPE_{kind}")
        event.track_uuid = track
        if name:
            event.name = name
        if arrow is not None:
            (event.terminating_flow_ids if arrow[1] else event.flow_ids).append(arrow[0])
        for key, value in (fields or {}).items():
            annotation = event.debug_annotations.add()
            annotation.name = key
            if isinstance(value, str):
                annotation.string_value = value
            elif 0 <= value < 10 or not -(2**63) <= value < 2**64:
                annotation.string_value = str(value)
            elif value < 0:
                annotation.int_value = value
            else:
                annotation.pointer_value = value  # shown in hexadecimal
        self._builder.write_packet(packet)

    def _marks_and_losses(self, view: View, parents: Mapping[Level, int]) -> None:
        marks = {level: 0 for level in parents}
        for mark in view.timeline.marks:
            if not marks[mark.level]:
                marks[mark.level] = self._track("marks", parents[mark.level], 0)
            self._event("INSTANT", marks[mark.level], mark.time_ns, mark.name)
        found = loss_times(view.timeline)
        for lane, (loss, begin, end) in zip(lanes((b, e) for _, b, e in found), found, strict=True):
            track = self._track("lost events" if lane == 0 else f"lost events {lane}", parents[loss.level], 1)
            name = "lost events" if loss.count is None else f"{loss.count} lost events"
            self._event("SLICE_BEGIN", track, begin, name, {"reason": loss.reason})
            self._event("SLICE_END", track, end)

    def _spans(self, view: View) -> dict[tuple[str, int], tuple[int, bool]]:
        """Slices of the spans; returns the arrow of each event that belongs to one."""
        spans = sorted(spans_of(view.timeline), key=lambda span: min(e.time_ns for e in span.events))
        if not spans:
            return {}
        parent = self._track("spans", rank=len(Level))
        times = [(min(e.time_ns for e in s.events), max(e.time_ns for e in s.events)) for s in spans]
        places: dict[int, int] = {}
        arrows = {}
        for span, (begin, end), lane in zip(spans, times, lanes(times), strict=True):
            if lane not in places:
                places[lane] = self._track(f"spans {lane}", parent, lane)
            facts = {"span": span.id, "kind": span.kind, "events": len(span.events)}
            self._event("SLICE_BEGIN", places[lane], begin, span.op or span.kind, facts)
            self._event("SLICE_END", places[lane], end)
            for event in span.events:
                arrows[source_of(event), event.seq] = (span.id + 1, event is span.events[-1])
        return arrows

    def _events(
        self,
        view: View,
        tracks: Mapping[Track, int],
        arrows: Mapping[tuple[str, int], tuple[int, bool]],
    ) -> None:
        decided = {(source_of(h.trigger), h.trigger.seq): h for h in view.highlights if h.trigger is not None}
        for event in view.timeline.events:
            key = (source_of(event), event.seq)
            fields: dict[str, Value] = dict(event.fields)
            if key in decided:
                fields["nvh"] = f"{decided[key].verdict}: {decided[key].name}"
            fields |= {"task": event.task} if event.task else {}
            self._event(
                "INSTANT", tracks[track_of(event)], event.time_ns, _name(event), fields, arrows.get(key)
            )


def _name(event: Event) -> str:
    """The event with the operation or function that it is about."""
    about = event.fields.get("op") or event.fields.get("function") or event.fields.get("reg")
    return f"{event.name} {about}" if about else event.name



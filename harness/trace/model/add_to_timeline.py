# SPDX-License-Identifier: GPL-2.0-only
"""Adds the model's trace to the timeline of the levels: events, marks, order, spans, and what is in doubt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InfraError
from harness.trace import registry
from harness.trace.event import Event
from harness.trace.model import emulated, tie
from harness.trace.model import records as columns
from harness.trace.model.chunks import BadUnits, Reader
from harness.trace.model.events import Maker
from harness.trace.model.layout import UnitKind
from harness.trace.model.packed_records import RecordStore
from harness.trace.model.recording_plan import LARGE, ModelPlan
from harness.trace.model.records import Records
from harness.trace.model.span_table import SpanTable
from harness.trace.model.spans import Spans
from harness.trace.order import Anchor, Clock, Written
from harness.trace.packed import Merged, Packed
from harness.trace.source import Source
from harness.trace.span import Beside, PackedSpans
from harness.trace.timeline import Doubt, Loss, Realised, Timeline, TraceMark, in_time

OBJECTS = 1 << 17
"""Events of the model that are kept as objects, some 60 MiB; of more, only where they are (``Packed``)."""


@dataclass(frozen=True)
class ModelTrace:
    """The plugin's file of a cell and what was wanted of it; ``absent`` functions L0's kernel has not."""

    path: Path
    plan: ModelPlan
    absent: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def add_model(timeline: Timeline, written: Sequence[Written], trace: ModelTrace) -> Timeline:
    """Return ``timeline`` with the model's trace in it.

    ``written``: every record of L0's trace text, in order. A file that is no trace makes every wanted event
    missing; anything wrong within it is a loss or a doubt. Why order to a level is not known goes to
    ``notes``.
    """
    model = registry.load().model
    wanted = [name for name, spec in model.items() if UnitKind[spec.kind] in trace.plan.kinds]
    wanted += [emulated.EVENT] * trace.plan.emulated
    try:
        reader = Reader(trace.path)
        return _add(timeline, written, trace, reader, wanted)
    except InfraError as error:
        missing = dict(timeline.missing) | {name: str(error) for name in wanted}
        return dataclasses.replace(timeline, missing=missing)


def _add(
    timeline: Timeline, written: Sequence[Written], trace: ModelTrace, reader: Reader, wanted: list[str]
) -> Timeline:
    functions = [name for _, name in reader.header.functions]
    announced = timeline.by_name.get("l1.tlbi", ())
    ties = tie.Ties(functions, tie.announced(announced))
    faults: list[BadUnits] = []
    seen = emulated.Emulated()
    spans_seen = Spans(functions, (), (), seen) if trace.plan.emulated else None
    for records, wrong in columns.read(reader):
        ties.feed(records)
        faults += wrong
        if spans_seen:
            spans_seen.feed(records)
            for fault in wrong:
                spans_seen.damage(fault.text)
    if spans_seen:
        spans_seen.finish()
    pairs, notes = tie.pair(ties, written)
    trace.notes.extend(notes)
    guest, why = tie.guest_anchors(ties, announced)
    if why:
        trace.notes.append(why)
    anchors = (*tie.anchors(pairs), *guest)
    clock = Clock(sorted((writing.call, each.time_ns) for each, writing in pairs))
    tlbis = tuple(seen.events(clock))
    beside = {
        **_beside(timeline.events, anchors),
        **emulated.beside({event.seq: event for event in tlbis}),
    }
    chosen, spans = _events(reader, Maker(functions, clock), trace.plan, beside)
    missing = dict(timeline.missing)
    if "model.call" in wanted and not functions:
        missing["model.call"] = "L0's kernel comes without its symbols (System.map)"
    elif "model.call" in wanted and trace.absent:
        missing["model.call"] = f"L0's kernel has no function {', '.join(trace.absent)}"
    how = {n: Realised(f"plugin interface {reader.header.api}") for n in wanted if n not in missing}
    if trace.plan.emulated:
        how[emulated.EVENT] = Realised(emulated.HOW, source=Source.MODEL)
    marks = [
        TraceMark(each.mark, Source.MODEL, writing.call, each.time_ns)
        for each, writing in pairs
        if each.mark is not None
    ]
    losses, doubts = _damage(faults)
    return dataclasses.replace(
        timeline,
        events=_together((*timeline.events, *tlbis), chosen),
        marks=(*timeline.marks, *sorted(marks, key=lambda mark: mark.seq)),
        losses=(*timeline.losses, *losses),
        doubts=(*timeline.doubts, *doubts),
        realised={**timeline.realised, **how},
        missing=missing,
        anchors=(*timeline.anchors, *anchors),
        spans=spans if len(chosen) > OBJECTS else tuple(spans),
    )


def _together(kernels: Sequence[Event], model: Packed) -> Sequence[Event]:
    """All events in order of time, as objects if they are few enough."""
    if len(model) > OBJECTS:
        return Merged(in_time(kernels), model)
    return in_time((*kernels, *model))


def _events(
    reader: Reader, maker: Maker, plan: ModelPlan, beside: Mapping[int, Sequence[Beside]]
) -> tuple[Packed, PackedSpans]:
    """The wanted events and those of every span, each once."""
    functions = [name for _, name in reader.header.functions]
    large = reader.header.used > LARGE
    store = RecordStore(reader.path, maker)
    table = SpanTable(store.columns, beside)
    spans = Spans(functions, plan.shown, beside, table)
    for records, faults in columns.read(reader):
        wanted = _wanted(records, plan, functions, large)
        if not plan.order_only and (plan.spans or not large):
            wanted[spans.feed(records)] = True
        for fault in faults:
            spans.damage(f"the model's trace is damaged here: {fault.text}")
        store.add(records, np.flatnonzero(wanted))
    spans.finish()
    chosen = store.events()
    return chosen, table.spans(chosen)


def _wanted(
    records: Records, plan: ModelPlan, functions: Sequence[str], large: bool
) -> npt.NDArray[np.bool_]:
    mask = np.isin(records.kind, list(plan.kinds))
    for kind, only in plan.only.items() if large else ():
        fits = np.isin(records.el, list(only.els)) & ~np.isin(records.info, list(only.without))
        mask &= (records.kind != kind) | fits
    hidden = [index for index, name in enumerate(functions) if name not in plan.shown]
    return np.asarray(mask & ~((records.kind == UnitKind.CALL) & np.isin(records.info, hidden)))


def _damage(faults: Sequence[BadUnits]) -> tuple[list[Loss], list[Doubt]]:
    losses = []
    doubts = []
    for fault in faults:
        if fault.lost:
            before = fault.end if fault.end > fault.first else None
            losses.append(Loss(Source.MODEL, fault.first - 1, before, None, fault.text))
        else:
            doubts.append(Doubt(Source.MODEL, None, f"at record {fault.first}: {fault.text}"))
    return losses, doubts


def _beside(kernels: Sequence[Event], anchors: Sequence[Anchor]) -> Mapping[int, Sequence[Beside]]:
    """By position, what the levels' own traces say of that record, through what both saw."""
    events = {(event.source, event.seq): event for event in kernels}
    beside: dict[int, list[Beside]] = {}
    for anchor in anchors:
        event = events.get((anchor.source, anchor.seq))
        if event is None:
            continue
        if anchor.source is Source.L0 and anchor.after is not None:
            beside.setdefault(anchor.after, []).append((anchor.after, 1, event))
        elif anchor.source is Source.L1 and anchor.before is not None:
            beside.setdefault(anchor.before, []).append((anchor.before, -1, event))
    return beside

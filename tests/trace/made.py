# SPDX-License-Identifier: GPL-2.0-only
"""Made-up timelines with the model in them, as the exports and the page must show them."""

from __future__ import annotations

from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.event import Event, Value
from harness.trace.order import Anchor
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Loss, Realised, Timeline, TraceMark

VTTBR = 0x0003_0000_4A1F_0000
SHADOW = 0x0007_0000_4B00_0000
PERIOD_NS = 100_000


class Maker:
    """Adds events of a source one after the other."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.seqs = dict.fromkeys(Source, 0)

    def add(self, name: str, level: Level, time_ns: int, cpu: int = 0, **fields: Value) -> Event:
        source = Source(name.partition(".")[0])
        task = "" if source is Source.MODEL else "qemu-41"
        error = 400 if source is Source.MODEL else 0
        event = Event(name, level, self.seqs[source], time_ns, cpu, task, fields, error, self.seqs[source])
        self.seqs[source] += 1
        self.events.append(event)
        return event

    def operation(self, begin: int, op: str = "ipas2e1is", ipa: int = 0x4F123_0000) -> tuple[Event, ...]:
        """L1's instruction, its trap, what L0 does about it, and the return: 10 events of three sources."""
        raw, l0, l1 = ipa >> 12, Level.L0, Level.L1
        asked = self.add("l1.tlbi", l1, begin, op=op, vmid=3, ipa=ipa)
        at = begin + 2_000
        trapped = self.add(
            "model.tlbi", l1, at, op=op, operand=raw, ipa=ipa, el=1, pc=0xFFFF_8000_8010_0000, vttbr=VTTBR,
            vmid=3, trapped="yes",
        )  # fmt: skip
        rest = [
            self.add("model.exception", l0, at, from_el=1, to_el=2, vector=0x400, ec=0x18, esr=0x6000_0000),
            self.add("l0.tlbi", l0, at + 1_000, op=op, vmid=3, ipa=ipa, regime="el1&0"),
            self.add("l0.shadow_unmap", l0, at + 2_000, vmid=3, vttbr=VTTBR, start=ipa, size=0x1000),
            self.add("model.dsb", l0, at + 3_000, domain="ish", access="st", el=2, pc=0xFFFF_8000_8020_0000),
            self.add(
                "model.tlbi", l0, at + 3_000, op="vmalls12e1is", el=2, pc=0xFFFF_8000_8020_0004, vttbr=SHADOW,
                vmid=7, trapped="no",
            ),
            self.add("model.dsb", l0, at + 3_000, domain="ish", access="all", el=2, pc=0xFFFF_8000_8020_0008),
            self.add("model.isb", l0, at + 3_000, el=2, pc=0xFFFF_8000_8020_000C),
            self.add("model.eret", l0, at + 4_000, el=2, to_el=1, elr=0xFFFF_8000_8010_0004, vttbr=VTTBR),
        ]  # fmt: skip
        return (asked, trapped, *rest)


def timeline(operations: int = 3, noise: int = 0) -> Timeline:
    """``operations`` spans, ``PERIOD_NS`` apart, each with ``noise`` exits of L2 between."""
    maker = Maker()
    spans, anchors = [], []
    start = 18_000_000_000
    for number in range(operations):
        begin = start + number * PERIOD_NS
        events = maker.operation(begin, ipa=0x4F123_0000 + 0x1000 * number)
        spans.append(Span(number, "tlbi", "ipas2e1is", events))
        anchors.append(Anchor(Source.L1, events[0].seq, None, events[1].seq))
        for exits in range(noise):
            at = begin + 20_000 + exits * 70_000 // noise
            maker.add("l0.kvm.kvm_exit", Level.L0, at, 1, ret="TRAP", pc=0xFFFF_8000_0800_0000 + 4 * exits)
    events = tuple(sorted(maker.events, key=lambda e: (e.time_ns, e.source, e.seq)))
    end = start + operations * PERIOD_NS
    return Timeline(
        events=events,
        marks=(
            TraceMark("remap.begin", Source.L0, -1, start - 5_000),
            TraceMark("remap.begin", Source.L1, -1, start - 4_000),
            TraceMark("remap.end", Source.L0, maker.seqs[Source.L0], end),
        ),
        losses=(Loss(Source.L0, maker.seqs[Source.L0] - 2, None, 12, "buffer of cpu 0 overran"),),
        realised={name: Realised("series") for name in {e.name for e in events}},
        clocks={Level.L0: ClockRelation(), Level.L1: ClockRelation(0, 0)},
        anchors=tuple(anchors),
        spans=tuple(spans),
    )

# SPDX-License-Identifier: GPL-2.0-only
"""The formats: what is written is read back, or taken apart by a reader of the test's own."""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from harness.errors import UserError
from harness.level import Level
from harness.trace import export
from harness.trace.export import casemate, perfetto
from harness.trace.export import plain as text
from harness.trace.export.formats import FORMATS
from harness.trace.export.thin import thin
from harness.trace.export.view import Highlight, View, key_of, lanes, shown_times
from harness.trace.source import Source
from harness.trace.timeline import Timeline
from tests.trace import made
from tests.trace.recorded import load

MADE = made.timeline(3, 4)
TRIGGER = next(e for e in MADE.events if e.name == "l0.tlbi")
RED = Highlight("shadow-unmapped", "fail", "nothing followed", TRIGGER, MADE.around(TRIGGER))
VIEW = View(MADE, "fail: cell", (RED,))


def written(name: str, view: View = VIEW) -> tuple[bytes, list[str]]:
    stream = io.BytesIO()
    notes = FORMATS[name].write(view, stream)
    return stream.getvalue(), notes


def test_json_reads_back() -> None:
    data, _ = written("json")
    assert export.read(data.decode().splitlines()) == MADE


def test_text_has_every_event_in_order_with_what_decided() -> None:
    lines = list(text.write(VIEW))
    events = [line[2:] for line in lines if not line.startswith("--")]
    assert len(events) == len(MADE.events)
    for event, line in zip(MADE.events, events, strict=True):
        assert line.startswith(text.event_text(event))
        span = MADE.span_of(event)
        assert (f"span={span.id}" in line) if span else "span=" not in line
    (decided,) = [line for line in lines if line.startswith(">")]
    assert decided.endswith("<- shadow-unmapped")
    assert "vmid=3" in decided
    assert sum(line.startswith("*") for line in lines) == len(RED.context) - 1
    assert any("mark remap.begin" in line for line in lines)
    assert any("lost 12 events until the end: buffer of cpu 0 overran" in line for line in lines)


def parsed(view: View = VIEW) -> tuple[dict[int, Any], list[Any]]:
    trace = Trace()
    trace.ParseFromString(written("perfetto", view)[0])
    tracks = {
        p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")
    }
    return tracks, [p for p in trace.packet if p.HasField("track_event")]


def test_perfetto_has_a_track_per_level_and_vcpu() -> None:
    tracks, packets = parsed()
    names = {t.name: tracks[t.parent_uuid].name for t in tracks.values() if t.parent_uuid}
    assert names["L0 CPU 0 (kernel)"] == names["L0 CPU 1 (kernel)"] == names["L0 vCPU 0 (model)"] == "L0"
    assert names["L1 CPU 0 (kernel)"] == names["L1 vCPU 0 (model)"] == "L1"
    shown = [p for p in packets if "CPU" in tracks[p.track_event.track_uuid].name]
    assert len(shown) == len(MADE.events)
    for event, packet in zip(MADE.events, shown, strict=True):
        assert packet.track_event.name.startswith(event.name)
        assert packet.track_event.type == TrackEvent.TYPE_INSTANT
        assert abs(packet.timestamp - event.time_ns) <= event.error_ns
        said = {a.name: a.pointer_value or a.string_value for a in packet.track_event.debug_annotations}
        for key, value in event.fields.items():
            assert said[key] == (value if isinstance(value, int) and value > 9 else str(value))
    (red,) = [p for p in shown if any(a.name == "nvh" for a in p.track_event.debug_annotations)]
    assert red.timestamp == TRIGGER.time_ns
    assert {p.track_event.name for p in packets if "marks" in tracks[p.track_event.track_uuid].name} == {
        "remap.begin", "remap.end",
    }  # fmt: skip
    assert any(p.track_event.name == "12 lost events" for p in packets)


def test_perfetto_has_spans_as_slices_and_arrows_through_their_events() -> None:
    tracks, packets = parsed()
    slices = [p for p in packets if tracks[p.track_event.track_uuid].name.startswith("spans")]
    assert len(slices) == 2 * len(MADE.spans)
    for span, begin, end in zip(MADE.spans, slices[::2], slices[1::2], strict=True):
        assert begin.track_event.name == "ipas2e1is"
        assert (begin.track_event.type, end.track_event.type) == (
            TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_SLICE_END,
        )  # fmt: skip
        assert begin.timestamp <= min(e.time_ns for e in span.events) + 400
        assert end.timestamp >= max(e.time_ns for e in span.events) - 400
        steps = [p for p in packets if span.id + 1 in p.track_event.flow_ids]
        ends = [p for p in packets if span.id + 1 in p.track_event.terminating_flow_ids]
        assert len(steps) == len(span.events) - 1
        assert steps[0].track_event.name == "l1.tlbi ipas2e1is"
        assert [p.track_event.name for p in ends] == ["model.eret"]
        assert ends[0].timestamp > max(p.timestamp for p in steps)


def test_perfetto_needs_no_program_and_no_network() -> None:
    code = (
        "import io, sys\nfrom harness.trace.export import perfetto\n"
        "from harness.trace.export.view import View\nfrom harness.trace.timeline import Timeline\n"
        "perfetto.write(View(Timeline()), io.BytesIO())\n"
        "print([m for m in sys.modules if 'trace_processor' in m or m == 'socket'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_overlapping_spans_get_lanes() -> None:
    assert lanes([(0, 10), (5, 7), (6, 8), (7, 9), (10, 12)]) == [0, 1, 2, 1, 0]


def test_events_of_one_time_are_spread_in_their_order_and_stay_within_their_error() -> None:
    times = shown_times(MADE.events)
    assert len(times) == len(MADE.events)
    for events in MADE.by_source.values():
        shown = [times[key_of(e)] for e in events]
        assert shown == sorted(shown)
        assert all(abs(t - e.time_ns) <= e.error_ns for t, e in zip(shown, events, strict=True))
    model = [times[key_of(e)] for e in MADE.by_source[Source.MODEL]]
    assert len(set(model)) == len(model)


TOKEN = re.compile(r'"[^"]*"|[()]|[^\s()"]+')


def records(data: bytes) -> list[list[Any]]:
    """S-expressions, one per line."""

    def one(tokens: list[str]) -> Any:
        word = tokens.pop(0)
        if word != "(":
            assert word != ")"
            return word
        items = []
        while tokens[0] != ")":
            items.append(one(tokens))
        tokens.pop(0)
        return items

    found = []
    for line in data.decode().splitlines():
        tokens = TOKEN.findall(line)
        found.append(one(tokens))
        assert not tokens
    return found


# What casemate's offline checker reads after id and tid (rems-project/casemate, doc/trace-format.md).
HEX = r"0x[0-9a-f]+"
CASEMATE = {
    "tlbi": rf"(vmalls12e1|vmalls12e1is|vmalle1|vmalle1is|alle1|alle1is|alle2|alle2is) "
    rf"|(ipas2e1is|vae2is|vale2is) \(value {HEX}\) ",
    "barrier": r"isb |dsb \(kind (ish|ishst|nsh)\) ",
    "sysreg-write": rf"\(sysreg (vttbr_el2|ttbr0_el2|vtcr_el2|hcr_el2|tcr_el2)\) \(value {HEX}\) ",
}


def test_casemate_reads_what_l0_executed() -> None:
    data, notes = written("casemate")
    assert notes == [
        f"3 x model.{name}: casemate has no word for it, left out" for name in ("exception", "eret")
    ]
    for line in data.decode().splitlines():
        kind = line[1:].split(" ", 1)[0]
        assert re.fullmatch(
            rf'\({kind} \(id \d+\) \(tid 0\) ({CASEMATE[kind]})\(src "0x[0-9a-f]+:\d+"\)\)', line
        ), line
    kinds = [(r[0], r[3] if isinstance(r[3], str) else r[3][0]) for r in records(data)]
    assert kinds == [("barrier", "dsb"), ("tlbi", "vmalls12e1is"), ("barrier", "dsb"), ("barrier", "isb")] * 3
    assert [r[4] for r in records(data) if r[3] == "dsb"] == [["kind", "ishst"], ["kind", "ish"]] * 3


def test_casemate_of_l1_has_its_instructions_and_nothing_of_l0s() -> None:
    data, _ = written("casemate", dataclasses.replace(VIEW, level=Level.L1))
    assert [r[3:5] for r in records(data)] == [
        ["ipas2e1is", ["value", hex(0x4F1230 + n)]] for n in range(3)
    ]  # fmt: skip


def test_casemate_of_a_trace_without_instructions_is_refused() -> None:
    with pytest.raises(UserError, match=r"trace model\.tlbi"):
        written("casemate", View(load("good_ipas2_series")))


def test_a_barrier_casemate_does_not_know_is_counted_not_invented() -> None:
    maker = made.Maker()
    for domain, access in (("ish", "ld"), ("osh", "all"), ("sy", "all")):
        maker.add("model.dsb", Level.L0, 1, domain=domain, access=access, el=2, pc=1)
    maker.add("model.tlbi", Level.L0, 2, op="rvae1is", el=2, pc=5, operand=7)
    stream = io.BytesIO()
    notes = casemate.write(View(Timeline(events=tuple(maker.events))), stream)
    assert len(notes) == 3
    assert [r[4] for r in records(stream.getvalue())] == [["kind", "ish"]]


def test_thinning_keeps_what_matters_and_says_what_it_leaves_out() -> None:
    timeline = made.timeline(50, 60)
    trigger = [e for e in timeline.events if e.name == "l0.tlbi"][25]
    view = View(timeline, "t", (Highlight("h", "fail", "", trigger, timeline.around(trigger)),))
    thinned = thin(view, limit=1000)
    assert len(thinned.events) <= 1000
    kept = {key_of(e) for e in thinned.events}
    assert {key_of(e) for e in view.highlights[0].context} <= kept
    place = timeline.events.index(trigger)
    assert {key_of(e) for e in timeline.events[place - 20 : place + 21]} <= kept
    assert [e for e in thinned.events if e.name != "l0.kvm.kvm_exit"] == [
        e for e in timeline.events if e.name != "l0.kvm.kvm_exit"
    ]
    ((name, (here, there)),) = thinned.left_out.items()
    assert (name, there) == ("l0.kvm.kvm_exit", 3000)
    assert here == sum(e.name == name for e in thinned.events) < there
    places = [timeline.events.index(e) for e in thinned.events if e.name == name]
    assert max(b - a for a, b in itertools.pairwise(places)) < 60
    assert thin(view, limit=10**6).left_out == {}


def test_formats_write_an_empty_timeline() -> None:
    for name in ("text", "json", "perfetto", "html"):
        data, notes = written(name, View(Timeline()))
        assert notes == []
        assert data or name == "text"


def test_perfetto_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perfetto.trace_builder.proto_builder", None)
    with pytest.raises(UserError, match="package perfetto"):
        perfetto.write(VIEW, io.BytesIO())


def test_package_data_names_the_pages_parts() -> None:
    parts = Path(perfetto.__file__).with_name("page")
    assert {p.name for p in parts.iterdir()} >= {"timeline.html.j2", "timeline.css", "page.js"}

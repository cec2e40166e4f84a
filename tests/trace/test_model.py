# SPDX-License-Identifier: GPL-2.0-only
"""The model's trace: records, what trapped, spans, order to L0 and L1, and every kind of damage."""

from __future__ import annotations

import dataclasses
import random
import struct
from pathlib import Path

import pytest

from harness.check.evaluate import evaluate
from harness.errors import InfraError
from harness.level import Level
from harness.scenario.language import Existence, Response, Scope
from harness.trace.event import Event, Value
from harness.trace.model import layout
from harness.trace.model import recording_plan as model_plan
from harness.trace.model.add_to_timeline import ModelTrace, add_model
from harness.trace.model.chunks import Reader
from harness.trace.model.layout import UnitKind, read_header
from harness.trace.order import Written
from harness.trace.source import Source
from harness.trace.timeline import Realised, Timeline, TraceMark
from harness.verdict import Verdict
from tests.check.build import HERE, pattern
from tests.trace.model_file import GUEST, HOST, NESTED, PC, ModelFile

EVERYTHING = (
    "model.tlbi",
    "model.dsb",
    "model.isb",
    "model.at",
    "model.eret",
    "model.exception",
    "model.msr",
    "model.call",
)
L1 = PC + 0x5000


def timeline(
    file: ModelFile,
    place: Path,
    written: tuple[Written, ...] = (),
    kernels: Timeline | None = None,
    wanted: tuple[str, ...] = EVERYTHING,
) -> Timeline:
    trace = ModelTrace(file.write(place / "model.trace"), model_plan.make(wanted, (), ()))
    return add_model(kernels or Timeline(), written, trace)


def emulated(file: ModelFile, *, vcpu: int = 0, pc: int = L1) -> tuple[int, int]:
    """L1 executes VAE1IS at ``pc``; L0 does the same, DSB, ISB and goes back. First and last position."""
    first = file.tlbi(0, 3, 1, 0x54321, el=1, pc=pc, vcpu=vcpu, hcr=GUEST)
    file.trap(pc, vcpu=vcpu)
    file.tlbi(0, 3, 1, 0x54321, vcpu=vcpu, hcr=GUEST)
    file.add(UnitKind.DSB, 2, 0b1011, vcpu=vcpu)
    file.add(UnitKind.ISB, 2, 15, vcpu=vcpu)
    return first, file.eret(pc + 4, vcpu=vcpu)


def test_every_kind_is_decoded(tmp_path: Path) -> None:
    file = ModelFile()
    file.tlbi(0, 3, 1, 0x0005000000012345, el=2, hcr=HOST & ~(1 << 27))
    file.tlbi(4, 0, 1, 0x48123, el=1, hcr=GUEST)
    file.add(UnitKind.DSB, 2, 0b1010)
    file.add(UnitKind.DSB, 1, 0b0111, hcr=NESTED)
    file.add(UnitKind.DSB, 0, 0x10 | 0b1011)
    file.add(UnitKind.ISB, 2, 15)
    file.add(UnitKind.AT, 2, 4 << 11 | 7 << 7 | 8 << 3 | 4, 0x1234)
    file.eret(0x10, to_el=0, hcr=HOST)
    file.trap(L1, ec=0x24, far=0x7000, hpfar=0x480)
    file.trap(L1, ec=0x18, far=0x7000, hpfar=0x480)
    file.add(UnitKind.EXCEPTION, 1, 5, 0x20, 0x9, 0xFFFFFFFF, hcr=GUEST)
    file.add(UnitKind.MSR, 2, 4 << 11 | 2 << 7 | 1 << 3, 0x7000000001000)
    file.call("handle_tlbi_el1", 1, 2, 3, 4, 5, 6, 7, 8, 9)
    seen = timeline(file, tmp_path)
    physical, trapped, *rest = seen.events
    assert physical.name == "model.tlbi"
    assert {
        "op": "vae1is",
        "family": "vae1",
        "scope": "is",
        "regime": "el1&0",
    }.items() <= physical.fields.items()
    assert (physical.fields["asid"], physical.fields["va"], physical.fields["vmid"]) == (5, 0x12345000, 1)
    assert (physical.level, physical.cpu, physical.fields["el"]) == (Level.L0, 0, 2)
    assert (trapped.fields["op"], trapped.fields["ipa"], trapped.level) == ("ipas2e1is", 0x48123000, Level.L1)
    st, nsh, nxs, isb, at, eret, abort, access, irq, msr, call = rest
    assert (st.fields["domain"], st.fields["access"]) == ("ish", "st")
    assert (nsh.fields["domain"], nsh.fields["access"], nsh.level) == ("nsh", "all", Level.L2)
    assert (nxs.fields["nxs"], nxs.level) == ("yes", Level.L0)
    assert isb.name == "model.isb"
    assert (at.fields["op"], at.fields["operand"]) == ("s12e1r", 0x1234)
    assert (eret.fields["to_el"], eret.fields["elr"]) == (0, 0x10)
    assert (abort.fields["ec"], abort.fields["from_el"], abort.fields["vector"]) == (0x24, 1, "sync")
    assert (abort.fields["far"], abort.fields["hpfar"]) == (0x7000, 0x480)
    assert access.fields["esr"] == 0x18 << 26
    assert not {"far", "hpfar"} & access.fields.keys()  # left from an earlier abort
    assert (irq.fields["vector"], irq.fields["from_el"], irq.fields["to_el"]) == ("irq", 1, 1)
    assert "esr" not in irq.fields  # an interrupt leaves the syndrome as it was
    assert (msr.fields["reg"], msr.fields["value"]) == ("vttbr_el2", 0x7000000001000)
    assert (call.fields["function"], call.fields["x7"], call.fields["lr"]) == ("handle_tlbi_el1", 8, 9)
    assert [event.seq for event in seen.events] == sorted(event.seq for event in seen.events)
    assert not seen.doubts
    assert not seen.losses


@pytest.mark.parametrize("chunk", [3, 5, 64])
def test_what_trapped_is_told_from_what_follows(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trace.model.chunks.CHUNK_UNITS", chunk)
    monkeypatch.setattr(Reader.__init__, "__defaults__", (chunk,))
    file = ModelFile()
    file.tlbi(0, 3, 0, 0, el=1, pc=L1, hcr=GUEST)
    file.add(UnitKind.ISB, 2, 15, vcpu=1)  # another vCPU in between
    file.trap(L1)
    file.tlbi(0, 3, 0, 0, el=1, pc=L1 + 8, hcr=GUEST)
    file.trap(L1 + 12)  # from another instruction: the TLBI was executed
    file.tlbi(0, 7, 0, 0, el=2)
    file.add(UnitKind.EXCEPTION, 2, 9, PC, 0x9)  # an interrupt with the same address is no trap
    last = file.tlbi(0, 3, 0, 0, el=2)
    seen = timeline(file, tmp_path)
    assert [event.fields["trapped"] for event in seen.by_name["model.tlbi"][:3]] == ["yes", "no", "no"]
    assert seen.by_name["model.tlbi"][3].seq == last
    assert seen.by_name["model.tlbi"][3].fields["trapped"] == "?"  # nothing follows that could tell


def test_a_span_has_everything_from_the_trap_to_the_return(tmp_path: Path) -> None:
    file = ModelFile()
    file.add(UnitKind.DSB, 2, 0b1111)
    first, last = emulated(file)
    file.add(UnitKind.DSB, 1, 0b1011, hcr=GUEST)
    seen = timeline(file, tmp_path)
    (span,) = seen.spans
    assert (span.op, span.kind, span.open) == ("vae1is", "tlbi", "")
    words = [event.name.removeprefix("model.") for event in span.events]
    assert words == ["tlbi", "exception", "tlbi", "dsb", "isb", "eret"]
    assert (span.events[0].seq, span.events[-1].seq) == (first, last)
    assert seen.span_of(seen.by_name["model.dsb"][1]) is span
    assert seen.span_of(seen.by_name["model.dsb"][0]) is None


def test_a_span_follows_its_task_and_leaves_out_others(tmp_path: Path) -> None:
    file = ModelFile()
    file.tlbi(4, 3, 6, 0, el=1, pc=L1, hcr=GUEST)
    file.trap(L1)
    file.add(UnitKind.DSB, 2, 0b1010)
    other = file.add(UnitKind.DSB, 2, 0b1111, vcpu=1)
    file.trap(PC, from_el=2)  # an interrupt at L0
    nested = file.tlbi(0, 3, 1, 1)
    file.call("__switch_to", 0xA, 0xB)
    foreign = file.tlbi(0, 3, 1, 2)
    file.call("__switch_to", 0xC, 0xA, vcpu=1)  # the task goes on at another CPU, in its interrupt
    file.add(UnitKind.ISB, 2, 15, vcpu=1)
    file.eret(PC, vcpu=1, to_el=2, hcr=HOST)
    mine = file.tlbi(0, 3, 0, 0, vcpu=1)
    file.eret(L1 + 4, vcpu=1)
    seen = timeline(file, tmp_path)
    (span,) = seen.spans
    assert span.open == ""
    inside = {event.seq for event in span.events}
    assert mine in inside
    assert not inside & {other, nested, foreign}


@pytest.mark.parametrize("end", ["cut", "user"])
def test_a_span_whose_end_was_not_seen_says_so(tmp_path: Path, end: str) -> None:
    file = ModelFile()
    file.tlbi(4, 3, 6, 0, el=1, pc=L1, hcr=GUEST)
    file.trap(L1)
    if end == "user":
        file.eret(0x4000, to_el=0, hcr=HOST)
    (span,) = timeline(file, tmp_path).spans
    assert (
        span.open
        == {
            "cut": "the trace ends before L1 went on",
            "user": "L0 went to its user space before L1 went on",
        }[end]
    )


def written(seq: int | None, event: str, time_ns: int, mark: str | None = None, cpu: int = 0) -> Written:
    return Written(cpu, event, seq, time_ns, mark)


def tied(file: ModelFile) -> tuple[Timeline, tuple[Written, ...], list[int]]:
    """One emulated TLBI between two marks, announced at L1 and traced at L0."""
    positions = [file.call("tracing_mark_write"), file.call("ring_buffer_unlock_commit")]
    index = 14  # vae1is is row 14 of images/tlbi.csv
    stub = L1 + 16 * index + 4
    positions.append(file.tlbi(0, 3, 1, 0x54321, el=1, pc=stub, hcr=GUEST))
    file.trap(stub)
    positions.append(file.call("trace_event_raw_event_kvm_nv_tlbi"))
    positions.append(file.call("ring_buffer_unlock_commit"))
    positions.append(file.tlbi(0, 3, 1, 0x54321, hcr=GUEST))
    file.eret(stub + 4)
    positions += [file.call("tracing_mark_write"), file.call("ring_buffer_unlock_commit")]
    fields: dict[str, Value] = {"op": "vae1is", "operand": 0x54321}
    events = (
        Event("l0.tlbi", Level.L0, 1, 2000, 0, "qemu-1", fields),
        Event("l1.tlbi", Level.L1, 0, 1500, 0, "nvh-1", fields),
    )
    records = (
        written(0, "tracing_mark_write", 1000, "m.begin"),
        written(1, "kvm_nv_tlbi", 2000),
        written(2, "tracing_mark_write", 3000, "m.end"),
    )
    return Timeline(events=events), records, positions


def test_order_and_spans_across_the_sources(tmp_path: Path) -> None:
    file = ModelFile()
    kernels, records, positions = tied(file)
    seen = timeline(file, tmp_path, records, kernels)
    (span,) = seen.spans
    names = [event.name for event in span.events]
    assert names == ["l1.tlbi", "model.tlbi", "model.exception", "l0.tlbi", "model.tlbi", "model.eret"]
    l1, trapped, _, l0, physical, _ = span.events
    assert seen.before(l1, trapped) is True
    assert seen.before(l0, physical) is True
    assert seen.before(l1, l0) is True  # clocks say nothing here; the model does
    assert [(mark.name, mark.seq) for mark in seen.marks] == [
        ("m.begin", positions[0]),
        ("m.end", positions[6]),
    ]
    assert all(mark.source is Source.MODEL for mark in seen.marks)
    assert 1000 < physical.time_ns < 3000
    within = Scope(after="m.begin", before="m.end")
    response = Response(HERE, "r", pattern("l0.tlbi", op="$o"), pattern("model.tlbi", op="$o", el=2), within)
    host = (TraceMark("m.begin", Source.L0, 0, 1000), TraceMark("m.end", Source.L0, 2, 3000))
    realised = {**seen.realised, "l0.tlbi": Realised("series")}
    marked = dataclasses.replace(seen, marks=(*seen.marks, *host), realised=realised)
    (finding,) = evaluate([response], marked, {}, {})
    assert finding.verdict is Verdict.PASS, finding.message
    (finding,) = evaluate([response], dataclasses.replace(marked, anchors=()), {}, {})
    assert finding.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("change", ["a record too many", "another cpu", "a call too many"])
def test_counts_that_differ_give_no_order(tmp_path: Path, change: str) -> None:
    file = ModelFile()
    kernels, records, _ = tied(file)
    if change == "a record too many":
        records = (*records, written(None, "kvm_nv_tlbi", 2500))
    elif change == "another cpu":
        records = tuple(written(r.seq, r.event, r.time_ns, r.mark, 1) for r in records)
    else:
        file.call("trace_event_raw_event_kvm_nv_tlbi")
        file.call("ring_buffer_unlock_commit")
    trace = ModelTrace(file.write(tmp_path / "t"), model_plan.make(EVERYTHING, (), ()))
    seen = add_model(kernels, records, trace)
    l0 = seen.by_name["l0.tlbi"][0]
    if change == "another cpu":
        assert not seen.marks
    assert all(anchor.source is not Source.L0 or anchor.seq != l0.seq for anchor in seen.anchors)
    assert any("kvm_nv_tlbi" in note for note in trace.notes)
    assert all("l0.tlbi" not in [e.name for e in span.events] for span in seen.spans)


def test_l1_is_not_tied_when_two_places_fit(tmp_path: Path) -> None:
    file = ModelFile()
    kernels, records, _ = tied(file)
    emulated(file, pc=L1 + 0x10000 + 16 * 14 + 4)
    trace = ModelTrace(file.write(tmp_path / "t"), model_plan.make(EVERYTHING, (), ()))
    seen = add_model(kernels, records, trace)
    assert all(anchor.source is not Source.L1 for anchor in seen.anchors)
    assert any("2 places in L1" in note for note in trace.notes)


def test_a_call_that_wrote_nothing_is_no_record(tmp_path: Path) -> None:
    file = ModelFile()
    file.call("trace_event_raw_event_kvm_nv_tlbi")  # tracing is off: it does not commit
    kernels, records, _ = tied(file)
    assert any(anchor.seq == 1 for anchor in timeline(file, tmp_path, records, kernels).anchors)


def test_cpus_by_their_own_offsets(tmp_path: Path) -> None:
    file = ModelFile(keys=(0, 0x7000, 0x3000))
    for number in range(3):
        file.add(UnitKind.ISB, 2, 15, vcpu=number)
    assert [event.cpu for event in timeline(file, tmp_path).events] == [0, 1, 0]
    file.keys = (1, 2, 3)
    missing = timeline(file, tmp_path).missing
    assert "does not tell its CPUs apart" in missing["model.isb"]


COUNT = Existence(HERE, "e", pattern("model.isb"), Scope(), "== 4")
NONE = Existence(HERE, "n", pattern("model.isb", el=3), Scope(), "== 0")


def verdicts(path: Path) -> set[Verdict]:
    """Of two expectations that hold on the whole trace of ``four``."""
    trace = ModelTrace(path, model_plan.make(("model.isb",), (), ()))
    seen = add_model(Timeline(), (), trace)
    return {finding.verdict for finding in evaluate([COUNT, NONE], seen, {}, {})}


def four() -> ModelFile:
    file = ModelFile()
    for _ in range(4):
        file.add(UnitKind.ISB, 2, 15)
        file.eret(0x10)
    return file


def test_the_whole_trace_passes(tmp_path: Path) -> None:
    assert verdicts(four().write(tmp_path / "t")) == {Verdict.PASS}


def test_header_damage_is_a_clear_error(tmp_path: Path) -> None:
    good = four().write(tmp_path / "t").read_bytes()
    damaged = {
        "is empty": b"",
        "ends within its header": good[:100],
        "is not a trace": b"X" + good[1:],
        "format 9": good[:8] + struct.pack("<I", 9) + good[12:],
        "makes no sense": good[:16] + struct.pack("<I", 64) + good[20:],
    }
    for words, data in damaged.items():
        path = tmp_path / "bad"
        path.write_bytes(data)
        with pytest.raises(InfraError, match=words):
            read_header(path)
        assert verdicts(path) == {Verdict.UNDECIDED}
    with pytest.raises(InfraError, match="cannot be read"):
        read_header(tmp_path / "none")
    assert verdicts(tmp_path / "none") == {Verdict.UNDECIDED}


@pytest.mark.parametrize(
    "what", ["cut", "cut within a unit", "garbage", "swapped", "repeated", "hole", "lost"]
)
def test_damage_is_never_a_pass(tmp_path: Path, what: str) -> None:
    file = four()
    head, unit = layout.HEADER_BYTES, layout.UNIT.itemsize
    data = bytearray(file.write(tmp_path / "t").read_bytes())
    if what == "cut":
        del data[-unit:]
    elif what == "cut within a unit":
        del data[-7:]
    elif what == "garbage":
        data[head + 40] ^= 1
    elif what == "swapped":
        one, two = data[head : head + unit], data[head + 3 * unit : head + 4 * unit]
        data[head : head + unit], data[head + 3 * unit : head + 4 * unit] = two, one
    elif what == "repeated":
        data[head + 3 * unit : head + 4 * unit] = data[head : head + unit]
    elif what == "hole":
        data[head : head + unit] = bytes(unit)
    else:
        file.lost = 1
        data[:head] = file.header()
    (tmp_path / "t").write_bytes(data)
    assert verdicts(tmp_path / "t") == {Verdict.UNDECIDED}


def test_fuzz(tmp_path: Path) -> None:
    """Random damage behind the header: no exception, and no verdict but undecided."""
    good = four().write(tmp_path / "t").read_bytes()
    head = layout.HEADER_BYTES
    dice = random.Random(5)
    for _ in range(300):
        data = bytearray(good)
        match dice.randrange(4):
            case 0:
                data = data[: dice.randrange(len(data))]
            case 1:
                for _ in range(dice.randrange(1, 9)):
                    at = dice.randrange(head, len(data))
                    data[at] ^= 1 << dice.randrange(8)
            case 2:
                at = dice.randrange(head, len(data))
                size = dice.randrange(1, 200)
                noise = dice.randbytes(len(data[at : at + size]))
                data[at : at + size] = noise
            case 3:
                at, size = dice.randrange(head, len(data)), dice.randrange(1, 100)
                del data[at : at + size]
        path = tmp_path / "fuzzed"
        path.write_bytes(data)
        if bytes(data) != good:
            assert Verdict.PASS not in verdicts(path), data[head:].hex()


def test_noise_instead_of_a_header(tmp_path: Path) -> None:
    dice = random.Random(6)
    good = four().write(tmp_path / "t").read_bytes()
    for _ in range(200):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 20)):
            data[dice.randrange(72)] = dice.randrange(256)
        path = tmp_path / "fuzzed"
        path.write_bytes(data)
        verdicts(path)  # whatever it says, it says it without a crash


def test_a_ruined_file_is_reported_in_a_few_lines(tmp_path: Path) -> None:
    file = ModelFile()
    for _ in range(500):
        file.add(UnitKind.ISB, 2, 15)
    data = bytearray(file.write(tmp_path / "t").read_bytes())
    for row in range(0, 500, 2):
        data[layout.HEADER_BYTES + 32 * row + 9] ^= 1
    (tmp_path / "t").write_bytes(data)
    trace = ModelTrace(tmp_path / "t", model_plan.make(("model.isb",), (), ()))
    seen = add_model(Timeline(), (), trace)
    assert 2 <= len(seen.doubts) <= 40


def test_a_function_that_the_kernel_has_not_is_missing(tmp_path: Path) -> None:
    system_map = tmp_path / "System.map"
    system_map.write_text(
        "ffff800080001000 T handle_alle1is\nffff800080002000 t x.isra.0\nffff800080003000 D y\n"
    )
    assert model_plan.symbols(system_map, ["handle_alle1is", "x", "y"]) == {
        "handle_alle1is": 0xFFFF800080001000
    }
    assert model_plan.symbols(tmp_path / "none", ["x"]) == {}
    trace = ModelTrace(
        ModelFile().write(tmp_path / "t"), model_plan.make(("model.call",), ("f",), ()), ("f",)
    )
    assert "no function f" in add_model(Timeline(), (), trace).missing["model.call"]


def test_the_plan_enables_what_is_wanted_and_what_spans_need() -> None:
    plan = model_plan.make(("model.dsb",), ("my_function",), ("kvm:kvm_nv_tlbi",))
    assert plan.enabled & layout.bit(UnitKind.DSB, 1)
    assert plan.enabled & layout.bit(UnitKind.TLBI, 1)
    assert plan.enabled & layout.bit(UnitKind.EXCEPTION, 2)
    assert not plan.enabled & layout.bit(UnitKind.ISB, 2)
    assert not plan.enabled & layout.bit(UnitKind.CALL, 1)
    assert {"my_function", "trace_event_raw_event_kvm_nv_tlbi", "__switch_to"} <= set(plan.functions)
    assert "my_function" in plan.shown
    assert "__switch_to" not in plan.shown

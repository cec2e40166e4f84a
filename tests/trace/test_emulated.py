# SPDX-License-Identifier: GPL-2.0-only
"""``l0.tlbi`` made of the model's trace: what L1 had in its registers, what was UNDEFINED, order, damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch import table
from harness.check.evaluate import evaluate
from harness.level import Level
from harness.scenario.language import Absence, Existence, Response, Scope
from harness.trace import export
from harness.trace.decoded import HCR_E2H, HCR_TGE
from harness.trace.event import UNKNOWN, Event
from harness.trace.model import recording_plan as model_plan
from harness.trace.model.add_to_timeline import ModelTrace, add_model
from harness.trace.model.emulated import EVENT, HCR_NV1, NOT_READ
from harness.trace.order import Written
from harness.trace.source import Source
from harness.trace.timeline import Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import HERE, pattern
from tests.trace.model_file import GUEST, PC, ModelFile

L1 = PC + 0x5000
VTTBR, HCR, VTCR = 7 << 48 | 0x4A1F0000, HCR_E2H | 1, 0x80023558
FUNCTIONS = (*model_plan.NEEDED, "trace_event_raw_event_kvm_nv_shadow_unmap")


def add(file: ModelFile, virtual: tuple[int, int, int], *, op1: int = 0, undefined: bool = False) -> int:
    """L1 executes VAE1IS or VAE2IS; L0 emulates it or makes it UNDEFINED. Position of the instruction."""
    first = file.tlbi(op1, 3, 1, 0x0005000000012345, el=1, pc=L1, hcr=GUEST)
    file.trapped_system(L1, virtual, guest=3)
    if undefined:
        file.call("kvm_inject_undefined")
    file.eret(L1 + 4)
    return first


def timeline(
    file: ModelFile, place: Path, written: tuple[Written, ...] = (), kernels: Timeline | None = None
) -> Timeline:
    plan = model_plan.make((), (), (), emulated=True)
    return add_model(kernels or Timeline(), written, ModelTrace(file.write(place / "model.trace"), plan))


def test_fields_are_those_that_the_series_gives(tmp_path: Path) -> None:
    file = ModelFile(FUNCTIONS)
    first = add(file, (VTTBR, HCR, VTCR))
    add(file, (VTTBR, HCR | HCR_TGE, VTCR))
    seen = timeline(file, tmp_path)
    guest, host = seen.by_name[EVENT]
    assert guest.fields == {
        "op": "vae1is",
        "family": "vae1",
        "operand": 0x0005000000012345,
        "asid": 5,
        "va": 0x12345000,
        "ttl": 0,
        "regime": "el1&0",
        "vmid": 7,
        "hcr": HCR,
        "vtcr": VTCR,
        "vcpu": 3,
    }
    assert (host.fields["regime"], guest.level, guest.source) == ("el2", Level.L0, Source.MODEL)
    assert guest.seq > first
    assert seen.realised[EVENT] == Realised("model", source=Source.MODEL)
    span = seen.span_of(guest)
    assert span is not None
    assert [event.name for event in span.events][:3] == ["model.tlbi", "model.exception", EVENT]


@pytest.mark.parametrize(("physical", "e2h"), [(GUEST & ~HCR_NV1, HCR_E2H), (GUEST | HCR_NV1, 0)])
def test_e2h_is_what_kvm_takes_it_for(tmp_path: Path, physical: int, e2h: int) -> None:
    """A hypervisor for which E2H is RES1 may have written 0; KVM runs one without VHE with NV1."""
    file = ModelFile(FUNCTIONS)
    file.tlbi(0, 3, 1, 0, el=1, pc=L1, hcr=physical)
    file.trapped_system(L1, (VTTBR, 1, VTCR))
    file.eret(L1 + 4)
    (event,) = timeline(file, tmp_path).by_name[EVENT]
    assert event.fields["hcr"] == 1 | e2h


def test_what_was_not_emulated_is_no_event(tmp_path: Path) -> None:
    file = ModelFile(FUNCTIONS)
    add(file, (VTTBR, HCR, VTCR), undefined=True)
    file.tlbi(0, 3, 1, 0, el=1, pc=L1, hcr=GUEST & ~(1 << 42))  # L2's own, that L1 or L0 traps
    file.trap(L1)
    file.eret(L1 + 4)
    add(file, (VTTBR, HCR, VTCR), op1=4)
    seen = timeline(file, tmp_path)
    assert [event.fields["op"] for event in seen.by_name[EVENT]] == ["vae2is"]


def test_memory_that_could_not_be_read_is_not_guessed(tmp_path: Path) -> None:
    file = ModelFile(FUNCTIONS)
    add(file, (NOT_READ,) * 3)
    seen = timeline(file, tmp_path)
    (event,) = seen.by_name[EVENT]
    assert [event.fields[name] for name in ("vmid", "hcr", "vtcr", "regime")] == [UNKNOWN] * 4
    assert event.fields["op"] == "vae1is"


def test_order_to_l1_comes_from_the_model_and_not_from_clocks(tmp_path: Path) -> None:
    """L1's event is well within the bound of the clocks, and yet it is known that L0's came after it."""
    index = next(index for index, op in enumerate(table.load()) if op.name == "vae1is")
    pc = PC + 0x8000 + 16 * index + 4  # the module's stub (harness/trace/model/tie.py)
    file = ModelFile(FUNCTIONS)
    file.tlbi(0, 3, 1, 0x54321, el=1, pc=pc, hcr=GUEST)
    file.trapped_system(pc, (VTTBR, HCR, VTCR))
    file.eret(pc + 4)
    announced = Event("l1.tlbi", Level.L1, 0, 1000, 0, "nvh", {"op": "vae1is", "operand": 0x54321}, 10**6)
    seen = timeline(file, tmp_path, (), Timeline((announced,), realised={"l1.tlbi": Realised("module")}))
    check = Response(HERE, "r", pattern("l1.tlbi", op="$o"), pattern(EVENT, op="$o"), Scope())
    (finding,) = evaluate([check], seen, {}, {})
    assert finding.verdict is Verdict.PASS, finding.message
    (event,) = seen.by_name[EVENT]
    assert seen.before(announced, event)


def test_damage_makes_absence_undecided(tmp_path: Path) -> None:
    file = ModelFile(FUNCTIONS, lost=3)
    add(file, (VTTBR, HCR, VTCR))
    seen = timeline(file, tmp_path)
    check = Absence(HERE, "a", pattern(EVENT, op="alle1"), Scope(), pattern(EVENT, op="vae1is"))
    (finding,) = evaluate([check], seen, {}, {})
    assert finding.verdict is Verdict.UNDECIDED
    seen = timeline(ModelFile(FUNCTIONS), tmp_path)
    (finding,) = evaluate([Existence(HERE, "e", pattern(EVENT), Scope(), "== 0")], seen, {}, {})
    assert finding.verdict is Verdict.PASS


def test_the_timeline_keeps_who_saw_it(tmp_path: Path) -> None:
    file = ModelFile(FUNCTIONS)
    add(file, (VTTBR, HCR, VTCR))
    seen = timeline(file, tmp_path)
    again = export.read(export.write(seen))
    assert again.by_name[EVENT] == seen.by_name[EVENT]
    assert again.source_of(EVENT) is Source.MODEL
    assert again.span_of(again.by_name[EVENT][0]) is not None


def test_for_order_alone_little_is_recorded(tmp_path: Path) -> None:
    plan = model_plan.make((), (), ("kvm:kvm_nv_shadow_unmap",))
    assert plan.order_only
    assert plan.enabled.bit_count() == 2  # L0's calls, and L1's TLBIs
    file = ModelFile(FUNCTIONS)
    call = file.call("trace_event_raw_event_kvm_nv_shadow_unmap")
    commit = file.call("ring_buffer_unlock_commit")
    event = Event("l0.shadow_unmap", Level.L0, 0, 1000, 0, "qemu-1", {"vmid": 1})
    written = (Written(0, "kvm_nv_shadow_unmap", 0, 1000),)
    trace = ModelTrace(file.write(tmp_path / "model.trace"), plan)
    seen = add_model(Timeline((event,)), written, trace)
    assert seen.events == (event,)
    (anchor,) = seen.anchors
    assert (anchor.after, anchor.before) == (call, commit)

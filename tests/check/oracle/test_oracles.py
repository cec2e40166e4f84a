# SPDX-License-Identifier: GPL-2.0-only
"""Each oracle on the trace of a right kernel and on those of wrong ones; nothing to judge; lost events."""

from __future__ import annotations

import pytest

from harness.check.finding import Observations
from harness.check.oracle import ORACLES
from harness.errors import Location, UserError
from harness.level import Level
from harness.scenario.language import OracleCheck, Scope
from harness.trace.event import Event, Value
from harness.trace.order import Anchor
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Loss, Realised, Timeline
from harness.verdict import Verdict
from tests.check.oracle.model import (
    GUEST_HCR,
    HOST_HCR,
    L1_VTTBR,
    OTHER,
    SHADOW,
    Model,
    judged,
    named,
    without,
)

TRACE_ORACLES = [name for name, oracle in ORACLES.items() if oracle.events]
MODEL_ORACLES = [name for name in TRACE_ORACLES if name != "every-context"]


def good() -> Model:
    model = Model()
    model.runs_l2()
    model.stage2()
    model.stage1()
    model.runs_l2()
    return model


@pytest.mark.parametrize(
    ("name", "count"), [("barrier-discipline", 2), ("inner-shareable", 2), ("vmid-loaded", 2)]
)
def test_a_right_kernel_passes(name: str, count: int) -> None:
    found = judged(name, good())
    assert (found.verdict, found.message[:1]) == (Verdict.PASS, str(count)), found.message


@pytest.mark.parametrize("name", TRACE_ORACLES)
def test_nothing_to_judge_is_vacuous(name: str) -> None:
    model = Model()
    model.runs_l2()
    model.tlbi("vae1is", 0, hcr=HOST_HCR, regime="el2")  # the host's own
    model.dsb("nsh")
    assert judged(name, model).verdict is Verdict.VACUOUS


@pytest.mark.parametrize("name", TRACE_ORACLES)
def test_missing_events_leave_it_undecided(name: str) -> None:
    for event in ORACLES[name].events:
        if (name, event) in {("barrier-discipline", "model.call"), ("forwarded", "l0.tlbi_forward")}:
            continue
        found = judged(name, good(), missing={event: "no plugin"})
        assert found.verdict is Verdict.UNDECIDED, event
        assert "no plugin" in found.message


@pytest.mark.parametrize("name", MODEL_ORACLES)
def test_lost_records_leave_it_undecided(name: str) -> None:
    model = good()
    model.losses = [Loss(Source.MODEL, 3, 5, None, "overrun")]
    found = judged(name, model)
    assert found.verdict is Verdict.UNDECIDED
    assert "overrun" in found.message


# --- barrier discipline ---


@pytest.mark.parametrize(
    ("text", "number"),
    [("no DSB of stores", 0), ("no DSB that finishes it", 1), ("no DSB that finishes it", 2)],
)
def test_a_missing_barrier_fails(text: str, number: int) -> None:
    model = good()
    found = judged("barrier-discipline", without(model, named(model, "model.dsb")[number]))
    assert found.verdict is Verdict.FAIL
    assert text in found.message
    assert found.trigger is not None
    assert " model.tlbi " in found.trigger.text
    assert found.context


@pytest.mark.parametrize(
    ("before", "after", "op", "verdict"),
    [
        (("ish", "st"), ("ish", "all"), "vmalls12e1is", Verdict.PASS),
        (("sy", "all"), ("sy", "all"), "vmalls12e1is", Verdict.PASS),
        (("ish", "ld"), ("ish", "all"), "vmalls12e1is", Verdict.FAIL),
        (("nsh", "st"), ("ish", "all"), "vmalls12e1is", Verdict.FAIL),
        (("ish", "st"), ("nsh", "all"), "vmalls12e1is", Verdict.FAIL),
        (("ish", "st"), ("ish", "st"), "vmalls12e1is", Verdict.FAIL),
        (("nsh", "st"), ("nsh", "all"), "vmalls12e1", Verdict.PASS),
    ],
)
def test_domain_and_access_of_barriers(
    before: tuple[str, str], after: tuple[str, str], op: str, verdict: Verdict
) -> None:
    model = Model()
    model.trap()
    model.dsb(*before)
    model.tlbi(op, SHADOW)
    model.dsb(*after)
    model.isb()
    model.eret(L1_VTTBR)
    assert judged("barrier-discipline", model).verdict is verdict


def test_a_barrier_before_the_table_change_orders_nothing() -> None:
    model = Model()
    model.trap()
    model.dsb("ish", "st")
    model.call("kvm_stage2_unmap_range")
    model.tlbi("vmalls12e1is", SHADOW)
    model.dsb()
    model.eret(L1_VTTBR)
    assert judged("barrier-discipline", model).verdict is Verdict.FAIL


def test_another_vcpus_barrier_does_not_count() -> None:
    model = Model()
    model.trap()
    model.dsb("ish", "st")
    model.tlbi("vmalls12e1is", SHADOW)
    model.dsb(cpu=1)
    model.eret(L1_VTTBR)
    assert judged("barrier-discipline", model).verdict is Verdict.FAIL


def test_options_of_barrier_discipline() -> None:
    assert judged("barrier-discipline", good(), {"before": "every"}).verdict is Verdict.FAIL
    bent = without(good(), named(good(), "model.dsb")[0])
    assert judged("barrier-discipline", bent, {"before": "none"}).verdict is Verdict.PASS
    no_isb = Model()
    no_isb.trap()
    no_isb.tlbi("vmalle1is", SHADOW)
    no_isb.dsb()
    no_isb.eret(L1_VTTBR)
    assert judged("barrier-discipline", no_isb).verdict is Verdict.PASS
    found = judged("barrier-discipline", no_isb, {"isb": "required"})
    assert (found.verdict, "no ISB" in found.message) == (Verdict.FAIL, True)
    with pytest.raises(UserError, match="'sometimes' is not one of stage2, every, none"):
        judged("barrier-discipline", good(), {"before": "sometimes"})


def test_the_hosts_user_space_is_no_guest() -> None:
    model = Model()
    model.trap()
    model.tlbi("vmalle1is", SHADOW)
    model.eret(0, hcr=HOST_HCR, to_el=0)
    model.add("model.exception", from_el=0, to_el=2, vector="sync", ec=0x15)
    model.dsb()
    model.eret(L1_VTTBR)
    assert judged("barrier-discipline", model).verdict is Verdict.PASS


def test_a_trace_that_ends_before_the_barrier_is_undecided() -> None:
    model = Model()
    model.trap()
    model.tlbi("vmalle1is", SHADOW)
    found = judged("barrier-discipline", model)
    assert (found.verdict, "trace ends" in found.message) == (Verdict.UNDECIDED, True)


# --- inner shareable ---


def test_a_local_answer_fails() -> None:
    model = Model()
    model.stage1(answer="vae1")
    found = judged("inner-shareable", model)
    assert found.verdict is Verdict.FAIL
    assert "answers L1's vae1 with the local vae1" in found.message


def test_cleaning_ones_own_pe_is_no_answer() -> None:
    model = Model()
    model.begin()
    model.tlbi("vae1", L1_VTTBR, Level.L1)
    model.trap()
    model.tlbi("vmalle1", SHADOW)
    model.dsb("nsh")
    model.tlbi("vae1is", SHADOW)
    answer = model.events[-1]
    model.dsb()
    model.eret(L1_VTTBR)
    model.end()
    assert judged("inner-shareable", model).verdict is Verdict.PASS
    found = judged("inner-shareable", without(model, answer))
    assert (found.verdict, "nothing but local" in found.message) == (Verdict.FAIL, True)


def test_a_local_answer_fails_even_when_records_were_lost() -> None:
    model = Model()
    model.stage1(answer="vae1")
    model.losses = [Loss(Source.MODEL, 1, None, None, "overrun")]
    assert judged("inner-shareable", model).verdict is Verdict.FAIL


# --- VMID loaded ---


def test_the_wrong_vmid_fails() -> None:
    model = Model()
    model.runs_l2()
    model.stage2(shadow=L1_VTTBR)
    found = judged("vmid-loaded", model)
    assert (found.verdict, "L1's own VMID 0x2" in found.message) == (Verdict.FAIL, True)


def test_a_vmid_with_anothers_tables_fails() -> None:
    model = Model()
    model.runs_l2(SHADOW)
    model.runs_l2(OTHER)
    model.stage2(shadow=(OTHER >> 48 << 48) | (SHADOW & (1 << 48) - 1))
    found = judged("vmid-loaded", model)
    assert (found.verdict, "runs with VMID 0x7" in found.message) == (Verdict.FAIL, True)


def test_vel2s_own_operations_are_under_l1s_vmid() -> None:
    for op, answer in (("vae2is", "vae1is"), ("vae1is", "vae1is")):
        for vttbr, verdict in ((L1_VTTBR, Verdict.PASS), (SHADOW, Verdict.FAIL)):
            model = Model()
            model.runs_l2()
            model.begin()
            model.tlbi(op, L1_VTTBR, Level.L1)
            model.trap()
            model.tlbi(answer, vttbr)  # no handler ran: L0 finished it on leaving L1
            model.dsb()
            model.call("handle_tlbi_el1")  # for the VNCR page's mapping
            model.eret(L1_VTTBR)
            model.end()
            assert judged("vmid-loaded", model).verdict is verdict, (op, vttbr)


def test_cleaning_ones_own_pe_is_under_the_vcpus_vmid() -> None:
    """The task that serves L1 moves to another CPU within the span, where it loads L1 and cleans for it."""
    for domain, verdict in (("nsh", Verdict.PASS), ("ish", Verdict.FAIL)):
        model = Model()
        model.runs_l2()
        model.begin()
        model.tlbi("ipas2e1is", L1_VTTBR, Level.L1)
        model.trap()
        model.call("handle_ipas2e1is")
        model.tlbi("vmalle1", L1_VTTBR, cpu=1)
        model.dsb(cpu=0)  # another vCPU's
        model.dsb(domain, cpu=1)
        model.tlbi("vmalls12e1is", SHADOW, cpu=1)
        model.dsb(cpu=1)
        model.eret(L1_VTTBR, cpu=1)
        model.end()
        found = judged("vmid-loaded", model)
        assert found.verdict is verdict, domain
    assert "L1's own VMID 0x2" in found.message


def test_cleaning_ones_own_pe_under_anothers_tables_fails() -> None:
    model = Model()
    model.runs_l2(SHADOW)
    model.runs_l2(OTHER)
    model.begin()
    model.tlbi("ipas2e1is", L1_VTTBR, Level.L1)
    model.trap()
    model.call("handle_ipas2e1is")
    model.tlbi("vmalle1", (OTHER >> 48 << 48) | (SHADOW & (1 << 48) - 1))
    model.dsb("nsh")
    model.eret(L1_VTTBR)
    model.end()
    assert judged("vmid-loaded", model).verdict is Verdict.FAIL


def test_alle1_is_for_every_vmid() -> None:
    model = Model()
    model.stage2(op="alle1is", shadow=L1_VTTBR, answer="alle1is")
    assert judged("vmid-loaded", model).verdict is Verdict.VACUOUS


# --- every context ---


def unmaps(*contexts: tuple[int | str, int], op: str = "ipas2e1is") -> Model:
    """Two contexts of VMID 3 are known, one of VMID 4; the operation under VMID 3 unmaps ``contexts``."""
    model = Model()
    for context, vmid in ((0, 3), (1, 3), (2, 4)):
        model.add(
            "l0.shadow_unmap", task="qemu-7", context=context, vmid=vmid, vttbr=vmid << 48, reason="notifier"
        )
    model.add("l0.tlbi", task="qemu-7", op=op, family=op.removesuffix("is"), vmid=3, regime="el1&0")
    for served, vmid in contexts:
        model.add("l0.shadow_unmap", task="qemu-7", context=served, vmid=vmid, vttbr="?", reason="tlbi")
    return model


def test_every_context_of_the_vmid_is_served() -> None:
    found = judged("every-context", unmaps((0, 3), (1, 3)))
    assert (found.verdict, "several contexts: 1" in found.message) == (Verdict.PASS, True)
    found = judged("every-context", unmaps((1, 3)))
    assert (found.verdict, "1 of 2 contexts with VMID 3" in found.message) == (Verdict.FAIL, True)
    assert judged("every-context", unmaps((2, 4))).verdict is Verdict.VACUOUS
    assert judged("every-context", unmaps(("?", 3))).verdict is Verdict.UNDECIDED
    assert judged("every-context", unmaps((1, 3), op="vae1is")).verdict is Verdict.VACUOUS


def test_contexts_that_nobody_shows_leave_nothing_to_judge() -> None:
    """A kernel that serves the first context only never unmaps in another one."""
    model = Model()
    for _ in range(2):
        model.add("l0.tlbi", task="qemu-7", op="ipas2e1is", family="ipas2e1", vmid=3)
        model.add("l0.shadow_unmap", task="qemu-7", context=0, vmid=3, vttbr="?", reason="tlbi")
    assert judged("every-context", model).verdict is Verdict.PASS
    assert judged("every-context", model, {"contexts": "several"}).verdict is Verdict.VACUOUS
    with pytest.raises(UserError, match="not one of any, several"):
        judged("every-context", model, {"contexts": "all"})


def test_a_recycled_context_owes_nothing_and_another_tasks_unmap_serves_nothing() -> None:
    model = Model()
    for context, reason in ((0, "notifier"), (1, "notifier"), (1, "recycle")):
        model.add("l0.shadow_unmap", task="qemu-7", context=context, vmid=3, vttbr="?", reason=reason)
    model.add("l0.tlbi", task="qemu-7", op="ipas2e1is", family="ipas2e1", vmid=3)
    model.add("l0.shadow_unmap", task="qemu-7", context=0, vmid=3, vttbr="?", reason="tlbi")
    assert judged("every-context", model).verdict is Verdict.PASS
    bent = unmaps((0, 3))
    bent.add("l0.shadow_unmap", task="qemu-8", context=1, vmid=3, vttbr="?", reason="tlbi")
    assert judged("every-context", bent).verdict is Verdict.FAIL


def by_model(*served: int, spans: bool = True, anchors: bool = True) -> Timeline:
    """Two contexts of VMID 3 are known; the model shows L1's operation, and L0 unmaps ``served`` in its span.

    L0's own trace counts by itself, and does not know the operation.
    """
    made = realised(("l0.tlbi", Source.MODEL), ("l0.shadow_unmap", None))
    earlier = [unmap(seq, seq, "notifier") for seq in (0, 1)]
    fields: dict[str, Value] = {"op": "ipas2e1is", "family": "ipas2e1", "vmid": 3}
    asked = Event("l0.tlbi", Level.L0, 50, 0, 0, "", fields, seen_by=Source.MODEL)
    later = [unmap(2 + at, context, "tlbi") for at, context in enumerate(served)]
    places = [10, 20, *(60 + 2 * at for at in range(len(later)))]
    tied = [Anchor(Source.L0, seq, place, place + 1) for seq, place in enumerate(places)]
    span = Span(0, "tlbi", "ipas2e1is", (asked, *later))
    return Timeline(
        (*earlier, asked, *later),
        realised=made,
        anchors=tuple(tied) if anchors else (),
        spans=(span,) if spans else (),
    )


def realised(*names: tuple[str, Source | None]) -> dict[str, Realised]:
    return {name: Realised("test", source=source) for name, source in names}


def unmap(seq: int, context: int, reason: str) -> Event:
    fields: dict[str, Value] = {"context": context, "vmid": 3, "vttbr": 3 << 48, "reason": reason}
    return Event("l0.shadow_unmap", Level.L0, seq, 0, 0, "qemu-7", fields)


@pytest.mark.parametrize(
    ("timeline", "verdict", "words"),
    [
        (by_model(0, 1), Verdict.PASS, "several contexts: 1"),
        (by_model(1), Verdict.FAIL, "1 of 2 contexts with VMID 3 were not served"),
        (by_model(), Verdict.VACUOUS, ""),
        (by_model(0, 1, spans=False), Verdict.UNDECIDED, "has no span of it"),
        (by_model(0, 1, anchors=False), Verdict.UNDECIDED, "order of the model's trace and L0's own"),
    ],
)
def test_contexts_are_served_where_the_model_shows_the_operation(
    timeline: Timeline, verdict: Verdict, words: str
) -> None:
    """By default: L0's own trace then has the unmaps alone, of a task that the model does not know."""
    check = OracleCheck(
        Location("s.yaml"), "every-context", "every-context", Scope(), {"contexts": "several"}
    )
    found = ORACLES["every-context"](check, Observations(timeline=timeline))
    assert found.verdict is verdict, found.message
    assert words in found.message


def test_scope_limits_what_is_judged() -> None:
    model = unmaps((1, 3))
    found = judged("every-context", model, scope=Scope(after="later"))
    assert found.verdict is Verdict.UNDECIDED  # the mark is in no trace


# --- forwarded ---


def l2_operation(to: int = L1_VTTBR, *, executed: bool = False, returns: bool = True) -> Model:
    model = Model()
    model.begin()
    model.tlbi("vae1is", SHADOW, Level.L2)
    model.trap()
    if executed:
        model.tlbi("vae1is", SHADOW)
        model.dsb()
    if returns:
        model.eret(to)
    model.end("" if returns else "the trace ends")
    return model


def test_a_trapped_operation_of_l2_reaches_vel2() -> None:
    assert judged("forwarded", l2_operation()).verdict is Verdict.PASS
    found = judged("forwarded", l2_operation(SHADOW))
    assert (found.verdict, "without vEL2 having run" in found.message) == (Verdict.FAIL, True)
    found = judged("forwarded", l2_operation(executed=True))
    assert (found.verdict, "L0 executed vae1is" in found.message) == (Verdict.FAIL, True)
    assert judged("forwarded", l2_operation(returns=False)).verdict is Verdict.UNDECIDED


def test_cleaning_ones_own_pe_executes_nothing_for_l2() -> None:
    for domain, verdict in (("nsh", Verdict.PASS), ("ish", Verdict.FAIL)):
        model = Model()
        model.begin()
        model.tlbi("vae1is", SHADOW, Level.L2)
        model.trap()
        model.tlbi("vmalle1", L1_VTTBR)
        model.dsb(domain)
        model.eret(L1_VTTBR)
        model.end()
        assert judged("forwarded", model).verdict is verdict, domain


@pytest.mark.parametrize(
    ("op", "bit", "wrong"),
    [
        ("vae1", 25, True), ("vae1is", 25, True), ("vae1is", 54, True), ("vae1os", 55, True),
        ("vae1", 54, False), ("vae1is", 55, False), ("vae1os", 54, False),
    ],
)  # fmt: skip
def test_a_model_that_ignores_the_trap_bit_fails(op: str, bit: int, wrong: bool) -> None:
    model = l2_operation()
    model.tlbi(op, SHADOW, Level.L2, trapped="no", hcr=GUEST_HCR | 1 << bit)
    found = judged("forwarded", model)
    assert found.verdict is (Verdict.FAIL if wrong else Verdict.PASS)

# SPDX-License-Identifier: GPL-2.0-only
"""Tracing TLBIs changes nothing in L0 but that it traces: the same functions of KVM, whatever is recorded.

The model's trace sees which functions L0 enters from L1's TLBI until L1 goes on. Two machines begin from one
snapshot and execute the v8 patch's 26 operations, one with L0's event for TLBIs on and one without.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import pytest
from rich.console import Console

from harness.arch import table
from harness.check.scope import resolve
from harness.host.cache import Store
from harness.level import Level
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.scenario.language import Scope
from harness.trace import export
from harness.trace.event import Event, Value
from harness.trace.executed import kvm_functions, symbols
from harness.trace.executed.counts import INSN
from harness.trace.executed.symbols import KernelText
from harness.trace.timeline import Timeline
from tests.real.conftest import Run

KERNEL = os.environ.get("NVH_TEST_KERNEL", "nv")
TIMES = 6
"""How often each operation is executed: an interrupt of L1's may fall into one of them."""

OURS = re.compile(
    r"handle|tlbi|tlb_|s2_mmu|nested|sys_?reg|trap|_hyp_|inject|vncr|fixup|exit|skip|undef|inval|emulat|adjust_pc"
    r"|vcpu_(read|write|run)|perform_access|guest_enter|reg_masks|trace_"
)
"""KVM's functions that are recorded: those on the way of a trapped system instruction."""
OTHERS = re.compile(
    r"nvhe|vgic|gic_|^its_|^el\d|timer|pmu|psci|stats|dirty|ioctl|debugfs|pgtable|^stage2|^perf_|raw_output|probestub"
)
"""Of these, what no TLBI comes to, or what depends on interrupts that wait for L1."""

SCHEDULING = re.compile(r"vcpu_(put|load)")
"""Where the vCPU leaves its CPU and comes back: L0's tick has found something else to run."""
LONG = re.compile(r"alle1|vmalls12e1")
"""Operations that walk whole shadow contexts, which takes longer than L0's tick."""
OBSERVING = re.compile(r"trace|^perf_|^bpf_|^kvm_nv_trace_held_tlbis$")
"""Functions that exist to record."""

SCENARIO = """\
scenario: NAME
summary: L0's functions for each of the v8 patch's operations
stack: {model: qemu-v1}
steps:
  - boot: l2
  - {run: kill -STOP $(cat /run/nvh/vmm.pid), on: l1}
  - run: |
OPERATIONS
    on: l1
    name: work
    mark: work
    timeout: 300
  - {run: kill -CONT $(cat /run/nvh/vmm.pid), on: l1}
expect:
  - result: works
    of: work
  - existence: functions
    of: {event: model.call, function: "FUNCTIONS"}
    scope: work
    count: ">= 26"
  - existence: operations
    of: {event: EVENT}
    scope: work
    count: ">= COUNT"
  - existence: seen-by-the-model
    of: {event: l0.tlbi}
    scope: work
    count: ">= COUNT"
"""
OPERAND = {"va": 0x0001000000012345, "asid": 0x0001 << 48, "ipa": 0x48123}
Paths = Mapping[str, Counter[tuple[str, ...]]]
"""By operation: the functions entered, in order, with how often L0 went that way."""
EVENTS = {"quiet": "model.tlbi", "traced": "l0.kvm.kvm_nv_tlbi"}


def commands() -> Iterator[str]:
    """What L1 executes: operations that take shadow mappings away come last."""
    seed = (op for op in table.load() if op.nv_tlbi_v8)
    for op in sorted(seed, key=lambda op: op.op1 == 4):
        operand = OPERAND.get(op.operand.value)
        words = f" --operand {operand:#x}" if operand is not None else ""
        yield f"      nvh-tlbi {op.name}{words} --vmid 1 --count {TIMES} || exit 1"


def functions(known: KernelText) -> list[str]:
    """KVM's functions in this kernel that its TLBI emulation may enter."""
    names = dict(zip(known.addresses, known.names, strict=True))  # of several for one address the last
    chosen = {names[each.first] for each in kvm_functions.functions(known)}
    return sorted(name for name in chosen if OURS.search(name) and not OTHERS.search(name))


def observes(event: Event, known: KernelText) -> bool:
    """Whether the function that was entered records something, or is called by one that does."""
    names = str(event.fields["function"]), known.name_at(int(event.fields["lr"]) - INSN)
    return any(OBSERVING.search(name) for name in names)


def paths(timeline: Timeline, known: KernelText) -> Paths:
    """What L0 did for each of L1's operations in one go, without what it did to record it."""
    found: dict[str, Counter[tuple[str, ...]]] = {}
    for span in timeline.spans:
        if not span.open and span.events[0].level is Level.L1:
            calls = [event for event in span.events if event.name == "model.call"]
            if any(SCHEDULING.search(str(each.fields["function"])) for each in calls):
                continue
            path = tuple(str(each.fields["function"]) for each in calls if not observes(each, known))
            found.setdefault(span.op, Counter())[path] += 1
    return found


def differences(quiet: Paths, traced: Paths, ops: Collection[str]) -> dict[str, str]:
    """Operations for which L0 goes another way when they are traced.

    The shortest ways are compared: an interrupt makes one longer. L2 is stopped meanwhile: it would fill
    its shadow again between two operations in one machine and not in the other.
    """
    found = {}
    for op in ops:
        if not quiet.get(op) or not traced.get(op):
            found[op] = "was not seen"
            continue
        usual, other = (min(each[op], key=lambda path: (len(path), path)) for each in (quiet, traced))
        if usual != other:
            more, fewer = Counter(other) - Counter(usual), Counter(usual) - Counter(other)
            found[op] = f"more calls: {dict(more)}, fewer: {dict(fewer)}"
    return found


def said(timeline: Timeline, name: str) -> Counter[tuple[Value, ...]]:
    """What the events of that name between the marks say of each operation.

    Outside the marks the sources differ: the model records from a little before tracefs to a little after it.
    """
    found: Counter[tuple[Value, ...]] = Counter()
    marked = resolve(timeline, Scope(after="work.begin", before="work.end"))
    for event in timeline.by_name[name]:
        inside = marked.contains(event)
        assert inside is not None, f"{event} may lie between the marks or not"
        if not inside:
            continue
        op = event.fields.get("op")
        if op is None:
            known = table.by_sys_insn(int(event.fields["instr"]))
            op = known.name if known else "?"
        found[op, *(event.fields[each] for each in ("operand", "vmid", "hcr", "vtcr", "vcpu"))] += 1
    return found


def test_differences_are_noticed() -> None:
    quiet: Paths = {"vae2": Counter({("a", "b"): 5, ("a", "irq", "b"): 1}), "alle2": Counter({("a",): 3})}
    assert differences(quiet, quiet, ("vae2", "alle2")) == {}
    slow: Paths = {"vae2": Counter({("a", "b", "handle_exit"): 6}), "alle2": Counter({("a",): 3})}
    assert differences(quiet, slow, ("vae2", "alle2")) == {
        "vae2": "more calls: {'handle_exit': 1}, fewer: {}"
    }
    assert list(differences(quiet, {}, ("vae2",))) == ["vae2"]


@pytest.fixture(scope="module")
def kernel() -> KernelText:
    """L0's kernel; NVH_TEST_KERNEL names another one, or its file, to see the tests fail."""
    with Progress(Console(file=sys.stderr)) as progress:
        return symbols.load(Builder(Store(), progress).kernel(KERNEL).path / "System.map")


@pytest.fixture(scope="module")
def runs(kernel: KernelText, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Timeline]]:
    """The timelines of both cells."""
    text = SCENARIO.replace("OPERATIONS", "\n".join(commands()))
    text = text.replace("FUNCTIONS", "|".join(functions(kernel)))
    scenarios = {
        name: text.replace("NAME", name).replace("EVENT", event).replace("COUNT", str(26 * TIMES))
        for name, event in EVENTS.items()
    }
    run = Run(tmp_path_factory.mktemp("runs"), scenarios, "--l0-kernel", KERNEL)
    try:
        assert run.finish(600) == 0, run.log.read_text()
        seen = {}
        for name in EVENTS:
            with (run.place(name) / "timeline.jsonl").open() as stream:
                seen[name] = export.read(stream)
        yield seen
    finally:
        run.end()


def test_l0_goes_the_same_way_traced_or_not(kernel: KernelText, runs: Mapping[str, Timeline]) -> None:
    ops = [op.name for op in table.load() if op.nv_tlbi_v8]
    assert len(ops) == 26
    quiet, traced = (paths(runs[name], kernel) for name in ("quiet", "traced"))
    compared = [op for op in ops if not LONG.match(op) or (quiet.get(op) and traced.get(op))]
    assert len(compared) >= 22
    assert differences(quiet, traced, compared) == {}


def test_the_model_says_of_each_operation_what_the_kernel_says(runs: Mapping[str, Timeline]) -> None:
    """``l0.tlbi`` by the model and KVM's own event agree in every field, for all operations of the run."""
    traced = runs["traced"]
    assert traced.realised["l0.tlbi"].how == "model"
    by_model, by_kernel = said(traced, "l0.tlbi"), said(traced, EVENTS["traced"])
    assert sum(by_kernel.values()) >= 26 * TIMES
    assert by_model == by_kernel

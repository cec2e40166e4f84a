# SPDX-License-Identifier: GPL-2.0-only
"""Splats: a sample of every kind, near misses, and the console expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check.console import output_findings, splat_findings
from harness.check.evaluate import evaluate
from harness.check.finding import RunResult
from harness.check.splat import FATAL, SplatKey, fatal, find_splats, splat_kinds
from harness.errors import Location
from harness.level import Level
from harness.scenario.language import ConsoleCheck
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

SAMPLES = Path(__file__).with_name("splats")
HERE = Location("s.yaml", 9, 3)
KINDS = sorted((kind.name for kind in splat_kinds()), key=len, reverse=True)


def kind_of(path: Path) -> str:
    return next(kind for kind in KINDS if path.stem == kind or path.stem.startswith(f"{kind}-"))


@pytest.mark.parametrize("path", sorted(set(SAMPLES.glob("*.txt")) - {SAMPLES / "near_misses.txt"}), ids=str)
def test_samples(path: Path) -> None:
    for text in (path.read_text(), path.read_text().replace("\n", "\r\n")):
        (splat,) = find_splats(text)
        assert splat.kind == kind_of(path)
        assert text.splitlines()[splat.line - 1] == splat.excerpt[0]
        (finding,) = splat_findings({Level.L1: text})
        assert (finding.verdict, finding.name, finding.where) == (
            Verdict.FAIL,
            "no-splat-l1",
            f"console.l1:{splat.line}:1",
        )
        assert splat.excerpt[0] in finding.message


def test_every_kind_has_a_sample() -> None:
    assert {kind_of(path) for path in SAMPLES.glob("*.txt") if path.stem != "near_misses"} == set(KINDS)


def test_only_what_ends_a_kernel_ends_a_cell() -> None:
    names = {kind.name for kind in splat_kinds()}
    assert names > FATAL
    for path in sorted(SAMPLES.glob("*.txt")):
        ends = path.stem != "near_misses" and kind_of(path) in FATAL
        assert bool(fatal(path.read_text())) == ends, path.name


def test_what_ends_a_kernel_is_named_after_its_cause() -> None:
    text = "".join((SAMPLES / f"{name}.txt").read_text() for name in ("unable-to-handle", "oops"))
    assert fatal(text).startswith("unable-to-handle: Unable to handle kernel")
    assert "; then oops: Internal error" in fatal(text)


def test_near_misses() -> None:
    text = (SAMPLES / "near_misses.txt").read_text()
    assert find_splats(text) == []
    findings = splat_findings({Level.L1: "", Level.L0: text})
    assert [(f.name, f.verdict) for f in findings] == [
        ("no-splat-l0", Verdict.PASS),
        ("no-splat-l1", Verdict.PASS),
    ]


def test_several_splats_are_named_the_cause_first() -> None:
    text = "".join((SAMPLES / f"{name}.txt").read_text() for name in ("oops", "panic", "oops"))
    (finding,) = splat_findings({Level.L2: text})
    first = finding.message.splitlines()[0]
    assert first.startswith("oops: Internal error: Oops: X [#N] SMP; then panic: Kernel panic")
    assert first.endswith("(3 splat lines, the first at line 2)")


STAMP = "[   12.345690] "
KEYS = {
    "WARNING: CPU: 1 PID: 417 at arch/arm64/kvm/nested.c:732 kvm_s2_mmu_iterate+0x44/0x120": (
        "warn in kvm_s2_mmu_iterate at arch/arm64/kvm/nested.c:732"
    ),
    "WARNING: arch/arm64/kvm/sys_regs.c:4281 at handle_tlbi_el1+0x18/0x1c0, CPU#0: qemu/417": (
        "warn in handle_tlbi_el1 at arch/arm64/kvm/sys_regs.c:4281"
    ),
    "WARNING: at handle_tlbi_el1.isra.0+0x18/0x1c0, CPU#0: qemu/417": "warn in handle_tlbi_el1",
    "BUG: KASAN: slab-use-after-free in kvm_stage2_unmap_range+0x40/0x90": "kasan in kvm_stage2_unmap_range",
    "UBSAN: shift-out-of-bounds in arch/arm64/kvm/at.c:88:14": "ubsan in arch/arm64/kvm/at.c:88",
    "kernel BUG at arch/arm64/kvm/mmu.c:120!": "bug in arch/arm64/kvm/mmu.c:120",
    "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b": (
        "panic: Kernel panic - not syncing: Attempted to kill init! exitcode=X"
    ),
    "INFO: task qemu-system-aar:417 blocked for more than 120 seconds.": (
        "hung-task: INFO: task qemu-system-aar:N blocked for more than N seconds."
    ),
}


@pytest.mark.parametrize("line", KEYS)
def test_what_a_splat_is(line: str) -> None:
    (splat,) = find_splats(f"$ {STAMP}{line}\r\n")
    assert str(splat.key) == KEYS[line]
    assert SplatKey.from_bindings(splat.key.to_bindings()) == splat.key


def test_the_function_of_an_abort_stands_lines_below() -> None:
    lines = ["Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010"]
    lines += ["Mem abort info:", *("  more" for _ in range(20))]
    lines += ["pc : kvm_nested_s2_unmap+0x10/0x80", "---[ end trace 0000000000000000 ]---"]
    (splat,) = find_splats("\n".join(STAMP + line for line in lines))
    assert splat.key.function == "kvm_nested_s2_unmap"
    cut = [lines[0], lines[-1], lines[-2]]  # another trace's
    (splat,) = find_splats("\n".join(STAMP + line for line in cut))
    assert splat.key.function == ""


def same(line: str) -> tuple[str, ...]:
    (splat,) = find_splats(STAMP + line)
    return splat.key.same


def test_two_warnings_are_two_causes_and_a_moved_one_is_not() -> None:
    old = "WARNING: CPU: 0 PID: 9 at arch/arm64/kvm/mmu.c:{} {}+0x18/0x1c0"
    new = "WARNING: arch/arm64/kvm/mmu.c:{} at {}+0x1c/0x2c0, CPU#1: vmm/4"
    assert same(old.format(7, "f")) == same(old.format(9, "f")) == same(new.format(12, "f"))
    assert same(old.format(7, "f")) != same(old.format(7, "g"))
    assert same(old.format(7, "f")) != same(old.format(7, "f").replace("mmu.c", "nested.c"))
    assert same("kernel BUG at mm/a.c:7!") != same("kernel BUG at mm/a.c:8!"), "no function: the line counts"
    assert same(old.format(7, "f")) != same("BUG: KASAN: wild-access in f+0x0/0x4"), "another kind"
    stuck = "watchdog: BUG: soft lockup - CPU#{} stuck for {}s! [qemu:{}]"
    assert same(stuck.format(0, 22, 417)) == same(stuck.format(1, 26, 90))


@pytest.mark.parametrize(
    ("matches", "negated", "verdict"),
    [
        ("mode initialized", False, Verdict.PASS),
        ("^absent$", False, Verdict.FAIL),
        ("mode initialized", True, Verdict.FAIL),
        ("^absent$", True, Verdict.PASS),
    ],
)
def test_console_expectation(matches: str, negated: bool, verdict: Verdict) -> None:
    console = "first\n[ 1.0] kvm [1]: VHE+NV2 mode initialized successfully\nlast\n"
    expectation = ConsoleCheck(HERE, "c", Level.L0, matches, negated)
    (finding,) = evaluate([expectation], Timeline(), {}, {Level.L0: console})
    assert (finding.verdict, finding.kind, finding.where) == (verdict, "console", str(HERE))
    if "mode" in matches:
        assert "line 2" in finding.message
    (finding,) = evaluate([expectation], Timeline(), {}, {Level.L1: console})
    assert finding.verdict is Verdict.UNDECIDED


TRACED = """\
[   12.345690] WARNING: CPU: 1 PID: 417 at arch/arm64/kvm/nested.c:289 walk_nested_s2_pgd+0x44/0x120
[   12.345700] Modules linked in:
[   12.345701] pc : walk_nested_s2_pgd+0x44/0x120
[   12.345702] lr : kvm_walk_nested_s2+0x10/0x40
[   12.345710] Call trace:
[   12.345711]  walk_nested_s2_pgd+0x44/0x120 (P)
[   12.345712]  kvm_walk_nested_s2.part.0+0x1c/0x50
[   12.345713]  kvm_handle_guest_abort+0x2f0/0xa00
[   12.345714] ---[ end trace 0000000000000000 ]---
[   12.345715]  not_of_it+0x0/0x4
"""


def test_a_splat_says_who_called() -> None:
    (finding,) = splat_findings({Level.L0: TRACED})
    lines = finding.message.split("\n")
    assert lines[0].startswith("warn in walk_nested_s2_pgd at arch/arm64/kvm/nested.c:289 (")
    assert lines[1] == "trace: walk_nested_s2_pgd < kvm_walk_nested_s2 < kvm_handle_guest_abort"
    (finding,) = splat_findings({Level.L0: TRACED.replace("Call trace:", "Nothing:")})
    assert "trace:" not in finding.message


def test_splats_in_the_output_of_a_run() -> None:
    oops = (SAMPLES / "oops.txt").read_text()
    quiet = (SAMPLES / "near_misses.txt").read_text()
    results = {
        "quiet": RunResult(0, quiet, quiet),
        "suite": RunResult(0, "ok 1\n", f"guest's console:\n{oops}"),
        "wanted": RunResult(0, oops, ""),
    }
    (found,) = output_findings(results, {"wanted"})
    assert (found.name, found.verdict) == ("no-splat-in-suite", Verdict.FAIL)
    assert found.message.startswith("oops: ")
    assert "in the output of run suite" in found.message.splitlines()[0]
    assert found.where.startswith("output/suite.stderr:")
    assert len(output_findings(results)) == 2

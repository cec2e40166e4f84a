# SPDX-License-Identifier: GPL-2.0-only
"""A realistic run with every verdict, and a run whose every text is hostile."""

from __future__ import annotations

import dataclasses

from harness.check.finding import EventLine, Finding
from harness.report.results import ArtefactVersion, CellResult, FileRef, HostMachine, RunSummary, StageTime
from harness.scenario.load import slug as make_slug
from harness.trace.source import Source
from harness.verdict import Verdict

QEMU = ArtefactVersion("11.1.3+ds-1~bpo13+1", "4f5a" * 16)
KERNEL = ArtefactVersion("7.3.4-1 + nv series", "09bc" * 16)
ROOTFS = ArtefactVersion("trixie 2026-11-20", "77ee" * 16)

TRIGGER = "l1 18.402113907 cpu0 litmus-212 l1.tlbi op=ipas2e1is vmid=1 ipa=0x40200000 level=2"
CONTEXT = (
    "l2 18.401870012 cpu0 stress-ng-88 l2.mark name=remap.begin",
    "l0 18.401990114 cpu1 qemu-system-aar-341 l0.kvm_exit ec=0x18 pc=0xffff80008004a1c0",
    "l1 18.402001552 cpu0 litmus-212 l1.stage2_change vmid=1 ipa=0x40200000 new=0x8f51400000",
    "l0 18.402099801 cpu1 qemu-system-aar-341 l0.sys_access op=ipas2e1is is_write=1",
    TRIGGER,
    "l0 18.402161004 cpu1 qemu-system-aar-341 l0.tlbi op=ipas2e1is vmid=1 ipa=0x40200000 regime=el10",
    "l0 18.402190377 cpu1 qemu-system-aar-341 l0.shadow_unmap vmid=2 start=0x40200000 size=0x200000",
    "l0 18.402244093 cpu1 qemu-system-aar-341 l0.kvm_entry pc=0xffff80008004a1c4",
    "l1 18.402250119 cpu0 litmus-212 l1.mark name=remap.end",
)
EVENTS = tuple(EventLine(Source(text[:2]), seq, text) for seq, text in enumerate(CONTEXT))
STAGES = (
    StageTime("boot l0", 0.0, 2.1),
    StageTime("boot l1", 2.1, 13.4),
    StageTime("boot l2", 15.5, 14.9),
    StageTime("steps", 30.4, 6.8),
    StageTime("traces", 37.2, 1.2),
    StageTime("check", 38.4, 0.3),
)
FILES = (
    FileRef("console-l0.txt", "console", "l0"),
    FileRef("console-l1.txt", "console", "l1"),
    FileRef("console-l2.txt", "console", "l2"),
    FileRef("trace-l0.txt", "trace", "l0"),
    FileRef("trace-l1.txt", "trace", "l1"),
    FileRef("timeline.txt", "timeline"),
    FileRef("qemu-command.txt", "command"),
    FileRef("manifest.json", "manifest"),
    FileRef("runs/step-1.stdout", "output", "l1"),
)
EXERCISED = Finding("exercised", "existence", Verdict.PASS, "42 matches, expected >= 1")
NO_SPLAT = Finding("no-splat", "console", Verdict.PASS, "no splat at l0, l1, l2")
UNMAPPED = Finding(
    "shadow-unmapped",
    "response",
    Verdict.FAIL,
    "no l0.shadow_unmap with vmid=1 covering 0x40200000 followed; the nearest has vmid=2",
    where="scenarios/stage2/ipas2e1-unmaps-block.yaml:21:5",
    bindings={"v": "1", "a": "0x40200000"},
    trigger=next(line for line in EVENTS if line.text == TRIGGER),
    context=EVENTS,
)


def cell(cell_id: str, verdict: Verdict, findings: tuple[Finding, ...], **changes: object) -> CellResult:
    """Return a cell of the default stack; ``changes`` replace fields."""
    base = CellResult(
        id=cell_id,
        slug=make_slug(cell_id),
        scenario=cell_id.split("[")[0],
        summary="L1 changes a stage-2 block and invalidates it; L2 must not see the old page.",
        model="qemu",
        timing="icount",
        kernels={"l0": "nv", "l1": "nv", "l2": "nv"},
        verdict=verdict,
        started="2026-11-22T01:02:03Z",
        seconds=38.7,
        command=f"./nvh run --model qemu --timing icount --kernel nv --seed 42 --cell '{cell_id}'",
        params={"op": "ipas2e1is", "granule": "4k"},
        claims=("3: forward the invalidation of a stage-2 range to every shadow context of the VMID",),
        findings=findings,
        stages=STAGES,
        guest_seconds=9.25,
        seed=42,
        files=FILES,
        versions={"qemu": QEMU, "kernel nv": KERNEL, "rootfs l1": ROOTFS},
        facts={"probes": "kvm_nested:tlbi, kvm_nested:shadow_unmap (series)"},
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


PASSED = cell("vmalls12e1-drops-shadow", Verdict.PASS, (EXERCISED, NO_SPLAT), params={}, seconds=31.2)
FAILED = cell(
    "ipas2e1-unmaps-block[op=ipas2e1is,granule=4k,block=block]",
    Verdict.FAIL,
    (EXERCISED, UNMAPPED, NO_SPLAT),
)
VACUOUS = cell(
    "vmid-reuse[guests=9]",
    Verdict.VACUOUS,
    (Finding("context-recycled", "precedence", Verdict.VACUOUS, "no l0.shadow_recycle in 5120 events"),),
    seconds=187.0,
)
UNDECIDED = cell(
    "l1-dirty-logging",
    Verdict.UNDECIDED,
    (Finding("write-protected", "response", Verdict.UNDECIDED, "l0 lost 1832 events on cpu 1"), NO_SPLAT),
    kernels={"l0": "debian", "l1": "nv", "l2": "nv"},
    facts={"probes": "dynamic: p:kvm_stage2_unmap_range"},
)
INFRA = cell(
    "l0-reclaims-l1-memory",
    Verdict.INFRA,
    (),
    reason="l1 did not answer within 90 s after its last console output: "
    "\x1b[31m[   14.2] virtio_blk: probe\x1b[0m\nQEMU ended with signal 9 (killed)",
    stages=STAGES[:1],
    files=FILES[:2],
    seconds=104.2,
    seed=None,
    guest_seconds=None,
)


def run(*cells: CellResult) -> RunSummary:
    """Return a run of these cells."""
    return RunSummary(
        id="20261122T010203Z",
        started="2026-11-22T01:02:03Z",
        seconds=246.5,
        host=HostMachine(cpus=2, memory_mib=24576),
        nvh_version="0.1.0",
        nvh_commit="3f2a91c0d4e8",
        command="./nvh run scenarios/",
        cells=cells,
        artefacts={"qemu": QEMU, "kernel nv": KERNEL, "rootfs l0": ROOTFS, "rootfs l1": ROOTFS},
    )


EVERY = run(PASSED, FAILED, VACUOUS, UNDECIDED, INFRA)


def hostile(evil: str) -> RunSummary:
    """Return a run with ``evil`` in every field that holds free text."""
    lines = tuple(EventLine(Source.L0, seq, text) for seq, text in enumerate((evil, "next", evil)))
    finding = Finding(evil, evil, Verdict.FAIL, evil, evil, {evil: evil}, lines[0], lines)
    version = {evil: ArtefactVersion(evil)}
    bad = CellResult(
        id=evil,
        slug=make_slug(evil),
        scenario=evil,
        summary=evil,
        model=evil,
        timing=evil,
        kernels={"l0": evil, "l1": "nv", "l2": evil},
        verdict=Verdict.FAIL,
        started="2026-11-22T01:02:03Z",
        seconds=1.0,
        command=evil,
        params={evil: evil},
        claims=(evil,),
        findings=(finding, dataclasses.replace(finding, name=f"2 {evil}", verdict=Verdict.PASS)),
        reason=evil,
        stages=(StageTime(evil, 0.0, 1.0),),
        files=(FileRef("<b>'\"?#%.txt", "console", "l0"),),
        versions=version,
        facts={evil: evil},
    )
    return dataclasses.replace(
        run(bad), id=evil, nvh_version=evil, nvh_commit=evil, command=evil, artefacts=version
    )

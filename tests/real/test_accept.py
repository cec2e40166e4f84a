# SPDX-License-Identifier: GPL-2.0-only
"""The real machine under the plugin nvh-coverage: what L0 executed, apart from other levels, and again."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from harness.accept import cost
from harness.accept.coverage import dwarf_lines
from harness.accept.lab import Lab, SeriesStep, StepBuild
from harness.host.cache import Store
from harness.host.paths import IMAGES
from harness.report.progress import Progress
from harness.scenario.defaults import KERNEL
from harness.scenario.scenario import NO_OVERRIDES
from harness.trace.executed import counts, symbols

CELL = "tlbi-el2"
OPERATIONS = ("alle2", "alle2is", "vae2", "vae2is", "vale2", "vale2is")  # what the cell executes at L1
RUNS = 4
FILE = "arch/arm64/kvm/sys_regs.c"


def watched(lab: Lab, built: StepBuild) -> counts.Trace:
    (found,) = lab.watch(built).values()
    return found


def test_what_l0_executes_is_exact_and_repeatable(tmp_path: Path) -> None:
    step = SeriesStep(0, "base", IMAGES / "kernels" / f"{KERNEL}.yaml")
    traces: list[counts.Trace] = []
    with Progress(Console(file=sys.stderr)) as progress:
        # Two are equal, unless the host is so loaded that QEMU moves time on early (docs/snapshots.md).
        while len(traces) < RUNS and len(set(traces)) == len(traces):
            place = tmp_path / str(len(traces))
            with Lab(Store(), progress, place, ((), [CELL]), NO_OVERRIDES, 1) as lab:
                built = lab.build(step)
                assert built.artefact
                traces.append(watched(lab, built))
    assert len(set(traces)) < len(traces), [(each.executed, each.costs) for each in traces]
    seen = traces[-1]
    assert built.artefact

    table = symbols.load(built.artefact.path / "System.map")
    reached = table.functions(seen.addresses())
    # What only L1's kernel does while it boots is not L0's.
    # EL2 TLBIs stay on the fast path, traced or not.
    assert {"kvm_handle_sys_reg", "__kvm_tlbi_s1e2"} <= reached
    assert "start_kernel" not in reached
    ranges = dwarf_lines.load(built.artefact.path / "vmlinux", [FILE])[FILE]
    source = [number for number, places in ranges.items() if any(seen.has(a, b) for a, b in places)]
    assert 0 < len(source) < len(ranges)

    # Whichever CPU of L0 an operation was emulated on, it was seen to its end, and became one of L0's own.
    rows = {row.op: row for row in cost.compare({CELL: seen}, {CELL: seen})}
    assert set(OPERATIONS) <= rows.keys()
    for row in (rows[op] for op in OPERATIONS):
        assert row.level == "l1"
        assert row.insns_min[0] > 100
        assert row.exits[0] >= 1
        assert row.tlbis[0] >= 1
        assert row.change == 0

# SPDX-License-Identifier: GPL-2.0-only
"""Why litmus cases enter L0, and what each entry makes the model forget: counts from the model's trace.

``.venv/bin/python -m bench.litmus_exits [--model qemu] [--every 200] [--case GLOB]...`` boots an L0 with
nvh-trace (docs/model-trace.md), runs each N-th quick case with one vCPU, and prints three tables: exits of
the guests to L0 by who and why, exceptions of L0 itself, and writes of EL2 that change a register of
translation, of which most empty QEMU's TLB. Counts do not depend on how busy this machine is. The VMs'
beginnings are among them, their ends are not (``--leave``).
"""

from __future__ import annotations

import argparse
import collections
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.litmus import PARTS, cases
from harness.attempt.watch import FILE, ModelWatch
from harness.host.cache import Store
from harness.level import Level
from harness.litmus.case_lines import summary
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.stack.stack import Stack
from harness.trace.model import layout
from harness.trace.model.layout import UnitKind
from harness.trace.tracing_plan import make_plan

DEADLINE_S = 240.0
LEAST = 0.005
"""Part of all below which a row is one of ``others``."""
HCR_NV, HCR_TGE = 1 << 42, 1 << 27
"""HCR_EL2 (DDI 0487 M.a.a, D24.2)."""
EC_SYS = 0x18
CAUSES = {
    0x15: "SVC",
    0x16: "HVC",
    EC_SYS: "system instruction",
    0x1A: "ERET",
    0x20: "fetch",
    0x24: "access",
    0x25: "access of its own EL",
}
"""ESR_EL2.EC (D24.2): a fetch or an access that aborts is a fault, or the doorbell."""
Units = NDArray[Any]


def who(spsr: int, hcr: int) -> str:
    """Whom an exception to EL2 interrupted, by SPSR_EL2.M[3:2] and the physical HCR_EL2."""
    el = spsr >> 2 & 3
    if el == 2 or (el == 0 and hcr & HCR_TGE):
        return "L0" if el == 2 else "L0's programs"
    return "vEL2" if hcr & HCR_NV else "L2"


def cause(vector: int, esr: int) -> str:
    """Why, in words. ``vector``: its number, of which the lower two bits say what kind of exception it is."""
    if vector & 3:
        return "interrupt"
    ec = esr >> 26
    if ec != EC_SYS:
        return CAUSES.get(ec, f"EC {ec:#x}")
    op0, op1, crn = esr >> 20 & 3, esr >> 14 & 7, esr >> 10 & 15
    if op0 == 1 and crn in (8, 9):  # 9: the nXS forms
        return "TLBI"
    if (op0, crn) == (1, 7) and esr >> 1 & 15 in (8, 9):
        return "AT"
    return f"S{op0}_{op1}_C{crn}_C{esr >> 1 & 15}_{esr >> 17 & 7}"


def exits(units: Units) -> collections.Counter[tuple[str, str]]:
    """Count the exceptions to EL2 of a trace by who and why."""
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    at_el2 = (units["kind"] == UnitKind.EXCEPTION) & (units["info"] >> 14 == 2)
    for i in np.flatnonzero(at_el2[:-1]):
        hcr, vector = int(units[i]["c"]), int(units[i]["info"]) & 15
        spsr, esr = int(units[i + 1]["b"]), int(units[i + 1]["c"])
        found[who(spsr, hcr), cause(vector, esr)] += 1
    return found


def changes(units: Units) -> collections.Counter[str]:
    """Count the writes of EL2 that change a register of translation, by register."""
    found: collections.Counter[str] = collections.Counter()
    last: dict[str, int] = {}
    for i in np.flatnonzero(((units["kind"] == UnitKind.MSR) & (units["info"] >> 14 == 2))[:-1]):
        info, value = int(units[i]["info"]), int(units[i + 1]["a"])
        name = f"S3_{info >> 11 & 7}_C{info >> 7 & 15}_C{info >> 3 & 15}_{info & 7}"
        found[NAMES.get(name, name)] += last.get(name) != value
        last[name] = value
    return found


NAMES = {
    "S3_4_C1_C1_0": "HCR_EL2",
    "S3_4_C2_C1_0": "VTTBR_EL2",
    "S3_4_C2_C1_2": "VTCR_EL2",
    "S3_4_C2_C2_0": "VNCR_EL2",
    "S3_5_C2_C0_0": "TTBR0_EL12",
    "S3_5_C2_C0_1": "TTBR1_EL12",
    "S3_5_C2_C0_2": "TCR_EL12",
    "S3_0_C2_C0_0": "TTBR0_EL1 (TTBR0_EL2)",
    "S3_0_C2_C0_1": "TTBR1_EL1 (TTBR1_EL2)",
    "S3_0_C2_C0_2": "TCR_EL1 (TCR_EL2)",
}
"""As Linux with VHE writes them at EL2."""


def counted(title: str, rows: Mapping[str, int], count: int) -> Table:
    """Rows a case, the most frequent first, and their part of all; those below ``LEAST`` together."""
    table = Table(title, "a case", "of all", box=None)
    total = sum(rows.values()) or 1
    rest = sum(number for number in rows.values() if number < LEAST * total)
    for name, number in sorted(rows.items(), key=lambda row: (-row[1], row[0])):
        if number >= LEAST * total:
            table.add_row(name, f"{number / count:.2f}", f"{number / total:.1%}")
    if rest:
        table.add_row("others", f"{rest / count:.2f}", f"{rest / total:.1%}")
    table.add_row("all", f"{total / count:.2f}", "")
    return table


def trace(model: str, every: int, globs: Iterable[str]) -> tuple[int, Units]:
    """Run the cases; returns how many ran, and the trace."""
    spec = PARTS[0].stack(model, "icount")
    with Progress(Console()) as progress:
        images = Builder(Store(), progress).images(spec, watched=True)
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        place = Path(name)
        watch = ModelWatch(images, spec.timing, make_plan(("model.exception", "model.msr")), (), place)
        with Stack(images, spec, place, plugins=(watch.plugin,)) as stack:
            stack.boot(Level.L0)
            watch.start()
            words = " ".join(
                ("nvh-litmus --cpus 1 --quick --quiet --leave", f"--every {every}", *cases(*globs))
            )
            done = stack.run(Level.L0, words, DEADLINE_S)
        header = layout.read_header(place / FILE)
        assert not header.lost, f"{header.lost} records lost: fewer cases"
        units = np.fromfile(place / FILE, dtype=layout.UNIT, offset=layout.HEADER_BYTES, count=header.next)
    words_of = summary(done.text)
    return int(words_of["cases"]) - int(words_of["not_applicable"]), units


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="qemu")
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--case", action="append", default=[])
    options = parser.parse_args()
    count, units = trace(options.model, options.every, options.case)
    console = Console()
    console.print(f"{count} cases")
    found = exits(units)
    console.print(
        counted("exits to L0", {f"{a}: {b}": n for (a, b), n in found.items() if a in ("vEL2", "L2")}, count)
    )
    console.print(
        counted(
            "L0 itself", {f"{a}: {b}": n for (a, b), n in found.items() if a not in ("vEL2", "L2")}, count
        )
    )
    console.print(counted("changed at EL2", changes(units), count))


if __name__ == "__main__":
    main()

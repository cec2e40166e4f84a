# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of KVM's nested code some cells execute at L0, and which none of them does.

``.venv/bin/python -m bench.executed --out DIR [PATHS or cell patterns]`` runs the cells once, each with the
plugin nvh-coverage (docs/accept.md, "Patch coverage"), and prints for each file of ``FILES`` how many of the
lines that have code were executed. ``DIR/executed.txt`` has the lines that were not, by file. ``--again``
prints those of a run that is there. Default: ``scenarios/covering`` and ``scenarios/random``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from harness.accept.coverage.dwarf_lines import Ranges, load
from harness.accept.coverage.measure import plugin_for, read_all
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted
from harness.host.cache import Store
from harness.host.paths import SCENARIOS
from harness.report.progress import Progress
from harness.report.store import CELLS
from harness.runner.choice import Chooser, Start
from harness.runner.prepare import Builder, build_all
from harness.runner.processes import LocalRunner
from harness.runner.project import find_cells
from harness.runner.run import history, make_jobs
from harness.runner.snapshots import Snapshots
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides
from harness.trace.executed.counts import FILE as TRACE
from harness.trace.executed.counts import Trace

KVM = "arch/arm64/kvm"
FILES = (
    f"{KVM}/nested.c",
    f"{KVM}/at.c",
    f"{KVM}/sys_regs.c",
    f"{KVM}/emulate-nested.c",
    f"{KVM}/mmu.c",
    f"{KVM}/hyp/vhe/tlb.c",
    f"{KVM}/hyp/vhe/switch.c",
    f"{KVM}/hyp/pgtable.c",
    "arch/arm64/include/asm/kvm_nested.h",
)
"""What a TLBI, a walk or an abort reaches of KVM; each file has lines of other purposes, too."""
DEFAULT = (SCENARIOS / "covering", SCENARIOS / "random")
KERNEL = "nv"


def executed(rows: Ranges, traces: Iterable[Trace]) -> set[int]:
    """Return the lines of which some instruction is in one of ``traces``."""
    seen = list(traces)
    return {line for line, parts in rows.items() if any(t.has(*part) for t in seen for part in parts)}


def runs(lines: Iterable[int]) -> Iterator[str]:
    """Yield ascending line numbers as ``12`` and ``14-16``."""
    first = last = None
    for line in [*sorted(lines), None]:
        if first is not None and last is not None and line != last + 1:
            yield f"{first}" if first == last else f"{first}-{last}"
            first = None
        first, last = line if first is None else first, line


def run(chosen: list[str], out: Path, store: Store, progress: Progress) -> Path:
    """Run the cells, one after the other; returns the kernel's vmlinux."""
    builder = Builder(store, progress)
    paths = [Path(each) for each in chosen if Path(each).exists()]
    cells = find_cells(paths, [each for each in chosen if not Path(each).exists()], Overrides())
    images = dict(build_all(cells, builder))
    kernel = builder.kernel(KERNEL)
    orders = []
    for model in sorted({cell.stack.model for cell in cells}):
        plugin = plugin_for(builder.model(model), kernel, store, progress)
        some = [cell for cell in cells if cell.stack.model == model]
        orders += make_jobs(some, images, Overrides(), out / slug(model), 1, watch=(plugin,))
    chooser = Chooser(Snapshots(store, progress.note), Start())
    runner = LocalRunner(progress, 1, chooser, history(store), Booted(store.root / BOOTED))
    for result in runner.run(orders):
        progress.note(f"{result.id}: {result.verdict.value}")
    return kernel.path / "vmlinux"


def report(found: Mapping[str, Ranges], traces: Mapping[str, Trace], out: Path) -> str:
    """Return a line for each file, and write the lines that no cell executed."""
    table, missing = [], []
    for file in FILES:
        rows = found.get(file, {})
        hit = executed(rows, traces.values())
        table.append(f"{len(hit):5} of {len(rows):5}  {file}")
        missing.append(f"{file}: {' '.join(runs(set(rows) - hit)) or 'none'}")
    (out / "executed.txt").write_text("\n".join(missing) + "\n", encoding="utf-8")
    return "\n".join(table)


def main() -> int:
    """Run, or read what is there, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cells", nargs="*", default=[str(each) for each in DEFAULT])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--again", action="store_true", help="of a run that is in --out already")
    arguments = parser.parse_args()
    store, progress = Store(), Progress(Console(stderr=True))
    if arguments.again:
        vmlinux = Builder(store, progress).kernel(KERNEL).path / "vmlinux"
    else:
        arguments.out.mkdir(parents=True, exist_ok=True)
        vmlinux = run(arguments.cells, arguments.out, store, progress)
    places = {path.parent.name: path.parent for path in arguments.out.glob(f"*/{CELLS}/*/{TRACE}")}
    traces = read_all(places, progress)
    print(f"{len(traces)} cells\n{report(load(vmlinux, FILES), traces, arguments.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

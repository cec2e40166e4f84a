# SPDX-License-Identifier: GPL-2.0-only
"""The litmus matrix: cases a second of its one-vCPU part on one booted L0, and the time of the whole.

``.venv/bin/python -m bench.litmus [--model qemu] [--timing icount] [--parts one,two,…] [--every N]
[--jobs N]`` prints, for each part, the model, cases, seconds by this machine's clock (the boot of L0 apart)
and cases a second. Goals on two idle cores: part ``one`` at 300 a second, all parts with their boots in 6
minutes with ``--jobs 2``. Far more seconds than QEMU's own CPU seconds tell that the machine was busy with
something else; cases a CPU second are what it would have been alone. ``--every N`` takes a sample.

Two more columns do not depend on how busy it is: millions of instructions a case (of the model's clock,
icount only), and flushes of the model's TLB a case. ``--families`` prints the instructions of each family.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.host.cache import Store
from harness.level import Level
from harness.litmus.case_cost import FamilyCost, by_family, flushes
from harness.litmus.case_lines import parse, summary
from harness.machine.process import cpu_seconds
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.language import StackSpec
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.stack.stack import Stack

DEADLINE_S = 900.0
GOAL_RATE = 300.0
GOAL_S = 360.0
WHOLE = ("s2-all/*", "s2-vmids/*", "l0-*/*", "flags-l2/*")
"""Families in which KVM walks whole shadow contexts: on the model where that is quick."""

KNOWN = ("*/no-read*", "*/hardware-af-execute*")
"""Linux 7.3 makes a loop of such a case (docs/defects.md); nvh-litmus gives up after 20 s of guest time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One call of nvh-litmus on one L0. ``model`` and ``timing``: other than the command line's, or None."""

    name: str
    cpus: int
    arguments: tuple[str, ...]
    model: str | None = None
    timing: str | None = None

    def command(self, families: bool = False, every: int = 1) -> str:
        """The call, for the shell at L0; it prints each case for ``families``. ``every``: each N-th case."""
        words = ["nvh-litmus", f"--cpus {self.cpus}", *self.arguments]
        words += [] if families else ["--quiet"]
        words += [f"--every {every}"] if every > 1 else []
        return " ".join(words)

    def stack(self, model: str, timing: str) -> StackSpec:
        """L0 has as many CPUs as the part has vCPUs."""
        spec = default_stack(Overrides(model=self.model or model, timing=self.timing or timing))
        level = dataclasses.replace(spec.levels[Level.L0], cpus=self.cpus)
        return dataclasses.replace(spec, levels={**spec.levels, Level.L0: level})


def cases(*globs: str) -> tuple[str, ...]:
    """Options that choose the cases of some globs."""
    return tuple(f"--case '{glob}'" for glob in globs)


PARTS = (
    Part("one", 1, ("--quick", "--leave", *(f"--skip '{glob}'" for glob in (*KNOWN, "flags-l2/*")))),
    Part("two", 2, ("--quick", "--skip 'race-*/*'")),
    Part("four", 4, ("--quick",)),
    Part("whole-one", 1, cases(*WHOLE), "qemu-v1-40bit"),
    Part("whole-two", 2, cases("s2-vmids/*", "*s2-remote-all/*"), "qemu-v1-40bit"),
    Part("whole-four", 4, cases("s2-vmids/*", "*s2-remote-all-4/*"), "qemu-v1-40bit"),
    Part("whole-forms", 1, cases("s2-all/*os/*", "s2-all/*nxs/*"), "qemu-40bit"),
    Part("races", 2, cases("race-*/*"), "qemu-v1", "mttcg"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """``boot_s`` until L0 answered, ``run_s`` and QEMU's ``cpu_s`` of nvh-litmus, its last line."""

    boot_s: float
    run_s: float
    cpu_s: float
    words: dict[str, str]
    flushes: Mapping[str, int]
    families: Sequence[FamilyCost]

    @property
    def flushed(self) -> float:
        """Flushes of the model's TLB a case that emptied something."""
        return (self.flushes["full"] + self.flushes["partial"]) / int(self.words["cases"])

    @property
    def minstructions(self) -> float:
        """Millions of instructions a case, by the model's clock."""
        return float(self.words["seconds"]) * 1e3 / int(self.words["cases"])

    @property
    def rate(self) -> float:
        """Cases a second."""
        return int(self.words["cases"]) / self.run_s

    @property
    def cpu_rate(self) -> float:
        """Cases a second of QEMU's own CPU time: what the rate is where nothing else runs."""
        return int(self.words["cases"]) / self.cpu_s


def told(stack: Stack) -> Mapping[str, int]:
    """QEMU's counters of TLB flushes.

    Between two commands the machine waits for its turn, and its monitor with it (harness/stack/link.py).
    """
    with stack.agent.running_freely():
        return flushes(str(stack.machine.qmp("human-monitor-command", **{"command-line": "info jit"})))


def measure(
    images: StackImages, spec: StackSpec, part: Part, families: bool = False, every: int = 1
) -> Measured:
    """Boot an L0 and run one part on it, or each N-th case of it."""
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name, Stack(images, spec, Path(name)) as stack:
        started = time.monotonic()
        stack.boot(Level.L0)
        booted, cpu = time.monotonic(), cpu_seconds(stack.machine.pid)
        before = told(stack)
        done = stack.run(Level.L0, part.command(families, every), DEADLINE_S)
        took, used = time.monotonic() - booted, cpu_seconds(stack.machine.pid) - cpu
        counts = {kind: count - before.get(kind, 0) for kind, count in told(stack).items()}
        costs = by_family(parse(done.text, part.name)) if families else ()
        return Measured(booted - started, took, used, summary(done.text), counts, costs)


def family_table(name: str, costs: Sequence[FamilyCost]) -> Table:
    """What the families of a part cost, the dearest first."""
    table = Table("family", "cases", "Minstr", "median", "most", "of", title=name, box=None)
    for cost in costs:
        numbers = (cost.total_ns, cost.median_ns, cost.most_ns)
        table.add_row(cost.family, str(cost.cases), *(f"{each / 1e6:.2f}" for each in numbers), cost.most)
    return table


def rates(parts: Sequence[Part], specs: Sequence[StackSpec], found: Sequence[Measured]) -> Table:
    """A row for each part."""
    words = ("part", "model", "L0 up (s)", "cases", "passed", "n/a", "seconds", "CPU s")
    table = Table(*words, "Minstr/case", "flushes/case", "cases/s", "cases/CPU s", box=None)
    for part, spec, each in zip(parts, specs, found, strict=True):
        goal = f" ({each.rate / GOAL_RATE:.1f}x the goal)" if part.name == "one" else ""
        table.add_row(
            part.name,
            spec.model,
            f"{each.boot_s:.1f}",
            *(each.words[word] for word in ("cases", "passed", "not_applicable")),
            f"{each.run_s:.1f}",
            f"{each.cpu_s:.1f}",
            f"{each.minstructions:.2f}" if spec.timing == "icount" else "",
            f"{each.flushed:.0f}",
            f"{each.rate:.0f}{goal}",
            f"{each.cpu_rate:.0f}",
        )
    return table


def measured(
    parts: Sequence[Part], specs: Sequence[StackSpec], jobs: int, families: bool = False, every: int = 1
) -> tuple[list[Measured], float]:
    """Run the parts, ``jobs`` machines side by side; returns what each took, and seconds of all of them."""
    with Progress(Console()) as progress:
        builder = Builder(Store(), progress)
        images = [builder.images(spec) for spec in specs]
    begun = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:  # a machine dies with the thread that started it
        running = [
            pool.submit(measure, its, spec, part, families, every)
            for part, spec, its in zip(parts, specs, images, strict=True)
        ]
        found = [each.result() for each in running]
    return found, time.monotonic() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="qemu")
    parser.add_argument("--timing", default="icount")
    parser.add_argument("--parts", default=",".join(part.name for part in PARTS))
    parser.add_argument("--every", type=int, default=1, help="each N-th case only")
    parser.add_argument("--jobs", type=int, default=1, help="machines side by side")
    parser.add_argument("--families", action="store_true", help="print what each family costs")
    options = parser.parse_args()
    wanted = options.parts.split(",")
    if unknown := set(wanted) - {part.name for part in PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PARTS)}")
    console = Console()
    parts = [part for part in PARTS if part.name in wanted]
    specs = [part.stack(options.model, options.timing) for part in parts]
    found, took = measured(parts, specs, options.jobs, options.families, options.every)
    if options.families:
        for part, each in zip(parts, found, strict=True):
            console.print(family_table(part.name, each.families))
    console.print(rates(parts, specs, found))
    cpu = sum(each.cpu_s for each in found)
    console.print(
        f"{took:.0f} s for all, {took / GOAL_S:.2f} of the goal; {cpu:.0f} s of QEMU's CPU time, boots apart"
    )


if __name__ == "__main__":
    main()

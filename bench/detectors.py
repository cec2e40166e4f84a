# SPDX-License-Identifier: GPL-2.0-only
"""What the detectors of ``nv-debug`` cost, each by itself and all together, beside the kernel ``nv``.

``.venv/bin/python -m bench.detectors [--rounds 1] [--only NAME]... [--kernels KERNEL]...`` boots L0 to its
shell and runs litmus cases there. It prints QEMU's CPU seconds for both, the median over the rounds, and the
ratio to ``nv``. A kernel with one detector is ``nv`` with a file of ``images/kernels/config/detectors``; the
first run builds each, 5 to 20 minutes on two cores. ``--only none`` leaves them out; ``--kernels`` adds more,
by name or file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from harness.host.cache import Store
from harness.host.paths import IMAGES
from harness.level import Level
from harness.machine import process
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.stack.stack import Stack

BASE = "nv"
ALL = "nv-debug"
MODEL = "qemu-v1-40bit"
DETECTORS = {each.stem: each for each in sorted((IMAGES / "kernels/config/detectors").glob("*.config"))}
_GLOBS = ("life-v*", "life-dc-*", "s2-first/*", "s2-unmap/*", "recycle*")
_WORDS = " ".join(f"--case '{glob}'" for glob in _GLOBS)
CASES = f"nvh-litmus {_WORDS} --leave"
"""Contexts that come, go and are taken again: much of KVM's nested code, few cases of an idle L2."""
BOOT_S = 600.0
RUN_S = 1200.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds of QEMU: until L0 answers, and of the cases."""

    boot: float
    cases: float


def kernel_with(detector: str, place: Path) -> str:
    """Write the kernel file of ``nv`` with one detector; returns its path, as a kernel's name."""
    kernels = IMAGES / "kernels"
    spec = yaml.safe_load((kernels / f"{BASE}.yaml").read_text())
    spec["kernel"] = f"{BASE}-{detector}"
    spec["config"] = [str(kernels / each) for each in spec["config"]] + [str(DETECTORS[detector])]
    spec["series"] = {kind: str(kernels / path) for kind, path in spec["series"].items()}
    path = place / f"{spec['kernel']}.yaml"
    path.write_text(yaml.safe_dump(spec))
    return str(path)


def measure(images: StackImages, kernel: str) -> Cost:
    """Boot L0 once and run the cases, all of which pass."""
    spec = default_stack(Overrides(l0_kernel=kernel, model=MODEL))
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name, Stack(images, spec, Path(name)) as stack:
        stack.boot(Level.L0)
        answer = stack.run(Level.L0, "echo answer", BOOT_S)
        assert answer.text == "answer\n", answer
        boot = process.cpu_seconds(stack.machine.pid)
        result = stack.run(Level.L0, CASES, RUN_S)
        assert result.status == 0, result.text[-2000:]
        return Cost(boot, process.cpu_seconds(stack.machine.pid) - boot)


def table(costs: dict[str, list[Cost]]) -> Table:
    """A row for each kernel, the base first."""
    shown = Table("kernel", "L0 answers (CPU s)", "ratio", "cases (CPU s)", "ratio", box=None)
    median = {
        kernel: Cost(
            statistics.median(each.boot for each in rounds), statistics.median(each.cases for each in rounds)
        )
        for kernel, rounds in costs.items()
    }
    base = median[BASE]
    for kernel, cost in median.items():
        ratios = f"{cost.boot / base.boot:.2f}x", f"{cost.cases / base.cases:.2f}x"
        shown.add_row(kernel, f"{cost.boot:.1f}", ratios[0], f"{cost.cases:.1f}", ratios[1])
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", action="append", choices=(*DETECTORS, "none"), default=[])
    parser.add_argument("--kernels", action="append", default=[])
    options = parser.parse_args()
    console = Console()
    chosen = [each for each in options.only or DETECTORS if each != "none"]
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        kernels = {BASE: BASE, **{each: kernel_with(each, Path(name)) for each in chosen}, ALL: ALL}
        kernels |= {each: each for each in options.kernels}
        with Progress(console) as progress:
            builder = Builder(Store(), progress)
            images = {
                each: builder.images(default_stack(Overrides(l0_kernel=kernel, model=MODEL)))
                for each, kernel in kernels.items()
            }
        costs: dict[str, list[Cost]] = {each: [] for each in kernels}
        for _ in range(options.rounds):
            # Alternating, so that a change of the machine's load meets all.
            for each, kernel in kernels.items():
                costs[each].append(measure(images[each], kernel))
                console.print(f"{each}: {costs[each][-1]}", highlight=False)
    console.print(table(costs))


if __name__ == "__main__":
    main()

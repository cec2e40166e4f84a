# SPDX-License-Identifier: GPL-2.0-only
"""What the TLB sanitizer costs: cold boots to L2 without it, with it, and judging the model, side by side.

``.venv/bin/python -m bench.sanitizer [--rounds 1] [--timing icount]`` prints QEMU's CPU seconds until
each level answers, the median over the rounds, and the ratios at L2, which are to stay below 2.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.attempt.sanitize import MODEL, PLUGIN
from harness.check.sanitizer.counters import read_state
from harness.check.sanitizer.to_finding import COUNTERS, REPORTS
from harness.host.cache import Store
from harness.level import Level
from harness.machine import process
from harness.machine.qemu import Plugin
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.defaults import SANITIZER
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.stack.stack import Stack

ANSWER_DEADLINE_S = 60.0


def boot(images: StackImages, timing: str, sanitize: str) -> dict[Level, float]:
    """Boot a stack once; returns QEMU's CPU seconds at each level's first answer."""
    spec = default_stack(Overrides(timing=timing))
    assert images.plugins is not None
    options: tuple[tuple[str, str], ...] = (
        ("out", REPORTS),
        ("ram", str(images.machine(spec).memory_mib << 20)),
    )
    options += (("model", "on"),) if sanitize == MODEL else ()
    plugins = (Plugin(images.plugins.file(PLUGIN), options),) if sanitize else ()
    times: dict[Level, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="nvh-bench-") as name,
        Stack(images, spec, Path(name), plugins=plugins) as stack,
    ):
        for level in Level:
            stack.boot(level)
            answer = stack.run(level, "echo answer", ANSWER_DEADLINE_S)
            assert answer.text == "answer\n", answer
            times[level] = process.cpu_seconds(stack.machine.pid)
        if sanitize:
            state = read_state(Path(name) / COUNTERS)
            assert not state.doubts(), state.doubts()
            assert not state.reports, f"{state.reports} reports"
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timing", default="icount")
    options = parser.parse_args()
    console = Console()
    with Progress(console) as progress:
        images = Builder(Store(), progress).images(default_stack(Overrides(timing=options.timing)), True)
    measured: dict[str, list[dict[Level, float]]] = {"": [], SANITIZER: [], MODEL: []}
    for _ in range(options.rounds):
        for sanitize in measured:  # alternating, so that a change of the machine's load meets both
            measured[sanitize].append(boot(images, options.timing, sanitize))
            seconds = ", ".join(f"{level} {each:.1f}" for level, each in measured[sanitize][-1].items())
            console.print(f"{sanitize or 'plain'}: {seconds}", highlight=False)
    medians = {
        sanitize: {level: statistics.median(each[level] for each in rounds) for level in Level}
        for sanitize, rounds in measured.items()
    }
    table = Table("", *(f"{level} (CPU s)" for level in Level), "L2 against without", box=None)
    for sanitize, times in medians.items():
        ratio = times[Level.L2] / medians[""][Level.L2]
        name = sanitize or "plain"
        table.add_row(name, *(f"{times[level]:.1f}" for level in Level), f"{ratio:.2f}x")
    console.print(table)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0-only
"""Cold boot to a command answered by each level, for several kernels side by side.

``.venv/bin/python -m bench.cold_boot [--kernels nv,debian] [--rounds 1] [--timing icount]`` prints seconds
after power-on per level, the median over the rounds, and each kernel's ratio to the first one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.host.cache import Store
from harness.level import Level
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.stack.stack import Stack

ANSWER_DEADLINE_S = 60.0


def boot_times(images: StackImages, kernel: str, timing: str) -> dict[Level, float]:
    """Boot a stack once; returns the seconds from power-on to each level's first answer."""
    spec = default_stack(Overrides(kernel=kernel, timing=timing))
    times: dict[Level, float] = {}
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name, Stack(images, spec, Path(name)) as stack:
        started = time.monotonic()
        for level in Level:
            stack.boot(level)
            answer = stack.run(level, "echo answer", ANSWER_DEADLINE_S)
            assert answer.text == "answer\n", answer
            times[level] = time.monotonic() - started
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kernels", default="nv,debian")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timing", default="icount")
    options = parser.parse_args()
    kernels = options.kernels.split(",")
    console = Console()
    with Progress(console) as progress:
        builder = Builder(Store(), progress)
        images = {
            name: builder.images(default_stack(Overrides(kernel=name, timing=options.timing)))
            for name in kernels
        }
    measured: dict[str, list[dict[Level, float]]] = {name: [] for name in kernels}
    for _ in range(options.rounds):
        for name in kernels:  # alternating, so that a change of the machine's load meets all
            measured[name].append(boot_times(images[name], name, options.timing))
    table = Table("kernel", *(f"{level} (s)" for level in Level), "L2 against " + kernels[0], box=None)
    medians = {
        name: {level: statistics.median(each[level] for each in rounds) for level in Level}
        for name, rounds in measured.items()
    }
    for name, times in medians.items():
        ratio = times[Level.L2] / medians[kernels[0]][Level.L2]
        table.add_row(name, *(f"{times[level]:.1f}" for level in Level), f"{ratio:.1f}x")
    console.print(table)


if __name__ == "__main__":
    main()

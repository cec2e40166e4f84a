# SPDX-License-Identifier: GPL-2.0-only
"""What one step of `nvh accept` takes: change files of KVM, build, make snapshots, run a quick selection.

``.venv/bin/python -m bench.accept [--rounds 3] [--files 3] [--select CELL]...`` prints, per round, the
seconds of the build, of the cells with their snapshots, and of the whole step, its CPU time (which a loaded
host hardly changes), and then what those seconds went to. Each round adds another comment to files of KVM,
so that nothing is in the cache. What it made is deleted.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.accept.apply import apply
from harness.accept.base import Base, open_base
from harness.accept.lab import Lab, SeriesStep
from harness.accept.submission import read
from harness.artefacts.kernel.git import git
from harness.host.cache import Store
from harness.report.progress import Progress
from harness.runner.run import history
from harness.scenario.scenario import NO_OVERRIDES

FILES = ("arch/arm64/kvm/nested.c", "arch/arm64/kvm/sys_regs.c", "arch/arm64/kvm/mmu.c")
SELECT = ("litmus-trap[family=trap-ttlb]", "tlbi-e1-all")
LIMIT_S = 90.0
MADE = ("kernel", "snapshot", "initrd", "bootdisk")
HEAD = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: nvh <nvh@localhost>
Date: Wed, 25 Nov 2026 00:00:00 +0000
Subject: [PATCH] bench {stamp}

---
"""
PATCH = """\
diff --git a/{file} b/{file}
--- a/{file}
+++ b/{file}
@@ -1,2 +1,3 @@
 {first}
+/* {stamp} */
 {second}
"""
_COUNT = re.compile(r"^\d+ files compiled$")
_NAME = re.compile(r"kernel bench-\d+: ")


class Watched(Progress):
    """Sums up how long each phase was at each of its notes: ``seconds`` by what was being done."""

    def __init__(self, console: Console, store: Store) -> None:
        super().__init__(console, history=history(store))
        self.seconds: dict[str, float] = defaultdict(float)
        self._at: dict[str, tuple[str, float]] = {}

    def phase(self, key: str, text: str, expected_s: float | None = None, known_as: str = "") -> None:
        """As for any progress."""
        self._turn(key, "begin")
        super().phase(key, text, expected_s, known_as)

    def update(self, key: str, text: str) -> None:
        """As for any progress."""
        what = _NAME.sub("", text)
        if not _COUNT.match(what):
            self._turn(key, what)
        super().update(key, text)

    def done(self, key: str, ok: bool, text: str = "") -> None:
        """As for any progress."""
        self._turn(key, "")
        super().done(key, ok, text)

    def _turn(self, key: str, note: str) -> None:
        now = time.monotonic()
        kind = "build" if key.startswith("build ") else key.split(" ")[1]
        if before := self._at.pop(key, None):
            self.seconds[f"{kind}: {before[0]}"] += now - before[1]
        if note:
            self._at[key] = note, now


def cpu_s() -> float:
    """Return the CPU seconds of all processes that have been started and have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def change(base: Base, files: int, stamp: str, place: Path) -> Path:
    """Write a patch below ``place`` that adds a comment to so many files of KVM; returns it."""
    text = HEAD.format(stamp=stamp)
    for file in FILES[:files]:
        where = base.repository.git_dir
        blob = git(
            "cat-file", "blob", f"{base.repository.commit}:{file}", git_dir=where, work_tree=where
        ).stdout
        first, second, *_ = blob.splitlines()
        text += PATCH.format(stamp=stamp, file=file, first=first, second=second)
    (place / "one.patch").write_text(text, encoding="utf-8")
    return place / "one.patch"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=3, choices=range(1, len(FILES) + 1))
    parser.add_argument("--select", action="append", default=[])
    parser.add_argument("--base", default="nv")
    arguments = parser.parse_args()
    console, store = Console(), Store()
    kernels: list[str] = []
    table = Table("round", "objects", "build", "cells", "step", "CPU time", "verdicts", box=None)
    steps = []
    progress = Watched(console, store)
    try:
        with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name, progress:
            root = Path(name)
            base = open_base(arguments.base, store, progress.note)
            words = arguments.select or list(SELECT)
            with Lab(store, progress, root / "steps", ((), words), NO_OVERRIDES) as lab:
                # A step begins where the one before it ended: with the tree of this base, built.
                warm = change(base, arguments.files, f"{time.time_ns()}", root)
                first = lab.build(
                    SeriesStep(0, "base", base.write_kernel(root, "bench-0", (read(str(warm)).patches[0],)))
                )
                assert first.artefact, first.why
                kernels.append(first.artefact.digest)
                progress.seconds.clear()
                for number in range(1, arguments.rounds + 1):
                    place = root / str(number)
                    place.mkdir()
                    begun, used_before = time.monotonic(), cpu_s()
                    patch = change(base, arguments.files, f"{time.time_ns()}", place)
                    tree, used, _ = apply(read(str(patch)), base, place)
                    kernel = used.write_kernel(root, f"bench-{number}", (tree.patches[0].patch,))
                    step = SeriesStep(number, f"round-{number}", kernel)
                    built = lab.build(step)
                    assert built.artefact, built.why
                    assert not built.cached
                    kernels.append(built.artefact.digest)
                    middle = time.monotonic()
                    runs = lab.run(step, {cell.id: (1,) for cell in lab.cells(step)})
                    end = time.monotonic()
                    steps.append(end - begun)
                    table.add_row(
                        str(number),
                        str(len(built.compiled)),
                        f"{middle - begun:.1f} s",
                        f"{end - middle:.1f} s",
                        f"{end - begun:.1f} s",
                        f"{cpu_s() - used_before:.1f} s",
                        ", ".join(each.results[-1].verdict.value for each in runs.values()),
                    )
    finally:
        for artefact in store.artefacts():
            if artefact.kind in MADE and any(kernel in str(artefact.manifest) for kernel in kernels):
                store.remove(artefact)
    console.print(table)
    costs = Table("what the seconds of a round went to", "mean", box=None)
    for what, spent in sorted(progress.seconds.items(), key=lambda each: -each[1]):
        costs.add_row(what, f"{spent / len(steps):.1f} s")
    console.print(costs)
    median = statistics.median(steps)
    console.print(
        f"median step {median:.1f} s; {median / LIMIT_S:.2f} of the {LIMIT_S:.0f} s that a step may take"
    )


if __name__ == "__main__":
    main()

"""What one step of `nvh accept` takes: change a file of KVM, build, make snapshots, run a quick selection.

``.venv/bin/python -m bench.accept [--rounds 3] [--select CELL]...`` prints, per round, the seconds of the
build, of the cells with their snapshots, and of the whole step. Each round adds another comment to a file of
KVM, so that nothing is in the cache. The kernels and snapshots that it made are deleted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.accept.apply import apply
from harness.accept.base import open_base
from harness.accept.lab import Lab, Step
from harness.accept.submission import read
from harness.build.cache import Artefact, Store
from harness.cell.run import history
from harness.report.progress import Progress
from harness.scenario.scenario import NO_OVERRIDES

FILE = "arch/arm64/kvm/nested.c"
SELECT = ("litmus-trap[family=trap-ttlb]", "tlbi-e1-all")
LIMIT_S = 90.0
PATCH = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: nvh <nvh@localhost>
Date: Wed, 25 Nov 2026 00:00:00 +0000
Subject: [PATCH] bench {stamp}

---
diff --git a/{file} b/{file}
--- a/{file}
+++ b/{file}
@@ -1,1 +1,2 @@
 {first}
+/* {stamp} */
"""


def artefacts(store: Store) -> dict[str, Artefact]:
    """Return every artefact by kind and digest."""
    return {f"{each.kind}-{each.digest}": each for each in store.artefacts()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--select", action="append", default=[])
    parser.add_argument("--base", default="nv")
    arguments = parser.parse_args()
    console, store = Console(), Store()
    before = artefacts(store)
    table = Table("round", "objects", "build", "cells", "step", "verdicts", box=None)
    steps = []
    with (
        tempfile.TemporaryDirectory(prefix="nvh-bench-") as name,
        Progress(console, history=history(store)) as progress,
    ):
        root = Path(name)
        base = open_base(arguments.base, store, progress.note)
        words = arguments.select or list(SELECT)
        with Lab(store, progress, root / "steps", ((), words), NO_OVERRIDES) as lab:
            lab.build(Step(0, "base", base.write_kernel(root, "base", ())))
            for number in range(1, arguments.rounds + 1):
                place = root / str(number)
                place.mkdir()
                text = _first_line(base.repository.git_dir, base.repository.commit)
                stamp = f"{time.time_ns()}"
                (place / "one.patch").write_text(PATCH.format(stamp=stamp, file=FILE, first=text))
                tree, used, _ = apply(read(str(place / "one.patch")), base, place)
                step = Step(
                    number,
                    f"round-{number}",
                    used.write_kernel(root, f"bench-{number}", (tree.patches[0].patch,)),
                )
                begun = time.monotonic()
                built = lab.build(step)
                assert built.artefact, built.why
                assert not built.cached
                middle = time.monotonic()
                runs = lab.run(step, None, (1,))
                end = time.monotonic()
                steps.append(end - begun)
                verdicts = ", ".join(each.results[-1].verdict.value for each in runs.values())
                table.add_row(
                    str(number),
                    str(len(built.compiled)),
                    f"{middle - begun:.1f} s",
                    f"{end - middle:.1f} s",
                    f"{end - begun:.1f} s",
                    verdicts,
                )
    for key, artefact in artefacts(store).items():
        if key not in before and artefact.kind in ("kernel", "snapshot", "initrd", "bootdisk"):
            store.remove(artefact)
    console.print(table)
    median = statistics.median(steps)
    console.print(
        f"median step {median:.1f} s; {median / LIMIT_S:.2f} of the {LIMIT_S:.0f} s that a step may take"
    )


def _first_line(git_dir: Path, commit: str) -> str:
    from harness.build.kernel.git import git

    return git(
        "cat-file", "blob", f"{commit}:{FILE}", git_dir=git_dir, work_tree=git_dir
    ).stdout.splitlines()[0]


if __name__ == "__main__":
    main()

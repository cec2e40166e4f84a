# SPDX-License-Identifier: GPL-2.0-only
"""From an idea to a red program: the commands that a new user types, one after another, with their seconds.

``.venv/bin/python -m bench.first_program`` writes the example of docs/programs.md with two mistakes, has nvh
tell them, corrects them, runs the program on the right kernel and on one with an injected fault, has it
shrunk and kept, and runs what was kept. What a person reads, thinks and writes in between is not counted.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.host.paths import ROOT

MISTAKES = (("ipas2e1is", "ipas2e1si"), ("poke 0x100000000", "poke 0x1000"))


def example() -> str:
    """The program of docs/programs.md."""
    page = (ROOT / "docs/programs.md").read_text()
    found = re.search(r"^```\n(# what:.*?)^```", page, re.M | re.S)
    assert found
    return found[1]


def typed(place: Path, *words: str) -> tuple[float, int, str]:
    """Seconds, exit status, and the last line that nvh printed of ``nvh words``."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=place,
        env={**os.environ, "NVH_RUNS": str(place / "runs"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    lines = [line for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    told = next(
        (line for line in lines if re.match(r"(!|mine|short).*(saw|there is|pass|is not)", line)), lines[-1]
    )
    return time.monotonic() - begun, done.returncode, told


def main() -> None:
    """Type, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--mutant", default="ipas2-no-unmap", help="the fault that the program is shown red on"
    )
    mutant = parser.parse_args().mutant
    table = Table("typed", "seconds", "exit", "told", box=None)
    whole = 0.0
    with tempfile.TemporaryDirectory(prefix="nvh-first-") as name:
        place = Path(name)
        wrong = example()
        for right, mistake in MISTAKES:
            wrong = wrong.replace(right, mistake)
        steps = (
            (wrong, ("program", "mine.nvl"), 2),
            (example(), ("program", "mine.nvl"), 0),
            ("", ("program", "mine.nvl", "--on", "nested"), 0),
            ("", ("program", "mine.nvl", "--on", "nested", "--mutant", mutant), 1),
            (
                "",
                (
                    "program",
                    "mine.nvl",
                    "--on",
                    "nested",
                    "--mutant",
                    mutant,
                    "--shrink",
                    "--keep",
                    "short.nvl",
                ),
                1,
            ),
            ("", ("run", "./short.nvl", "--mutant", mutant), 1),
        )
        for text, words, status in steps:
            if text:
                (place / "mine.nvl").write_text(text)
            seconds, got, told = typed(place, *words)
            assert got == status, f"{words}: status {got}, expected {status}: {told}"
            whole += seconds
            table.add_row(f"nvh {' '.join(words)}", f"{seconds:.1f}", str(got), told[:100])
    table.add_row("all of it", f"{whole:.1f}", "", "")
    Console(width=240).print(table)


if __name__ == "__main__":
    main()

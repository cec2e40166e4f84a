# SPDX-License-Identifier: GPL-2.0-only
"""Results of cells, made up."""

from __future__ import annotations

from collections.abc import Sequence

from harness.accept.compare import CellRuns
from harness.report.results import CellResult
from harness.verdict import Verdict

LETTERS = {"p": Verdict.PASS, "f": Verdict.FAIL, "v": Verdict.VACUOUS, "i": Verdict.INFRA}


def result(cell: str, verdict: Verdict, seed: int = 1) -> CellResult:
    """Return a result that says why it is red."""
    return CellResult(
        id=cell,
        slug=cell,
        scenario=cell,
        summary="",
        model="qemu",
        timing="icount",
        kernels={"l0": "k"},
        verdict=verdict,
        started="2026-11-25T00:00:00Z",
        seconds=1.0,
        command=f"./nvh run {cell} --seed {seed}",
        reason="" if verdict is Verdict.PASS else f"{cell} is {verdict.value}",
        seed=seed,
    )


def runs(cell: str, letters: str) -> CellRuns:
    """Return runs with one verdict per letter: p pass, f fail, v vacuous, i infra."""
    return CellRuns([result(cell, LETTERS[letter], seed) for seed, letter in enumerate(letters, 1)])


def side(cells: Sequence[str] = (), **letters: str) -> dict[str, CellRuns]:
    """Return one side: cells by name."""
    return {cell: runs(cell, "p") for cell in cells} | {
        cell: runs(cell, each) for cell, each in letters.items()
    }

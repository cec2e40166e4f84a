# SPDX-License-Identifier: GPL-2.0-only
"""The coverage tables as text and as a part of the report.

A row for each operation, a column for each regime and granule.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.errors import UserError
from harness.litmus.case_lines import GRANULES, REGIMES
from harness.litmus.coverage import CoveragePlace, OperationCoverage, coverage
from harness.report.section import Grid, Section, TableEntry
from harness.verdict import Verdict

ANCHOR = "coverage"
LEGEND = (
    "N: N invalidations exercised, all passed; N!: N cases failed; ~N: N passed, but this machine hides a "
    "missing TLBI there; N?: N could not be decided; none: no case ran; n/a(i): not applicable, for "
    "reason i below"
)
COLUMNS = tuple((regime, granule) for regime in REGIMES for granule in GRANULES)
HEAD = ("operation", "scope", *(f"{regime}/{granule}" for regime, granule in COLUMNS))
VERDICTS = {
    "passed": Verdict.PASS,
    "failed": Verdict.FAIL,
    "undecided": Verdict.UNDECIDED,
    "not-run": Verdict.VACUOUS,
}


def reasons(table: OperationCoverage) -> tuple[str, ...]:
    """Return why places do not apply, the most frequent reason first; the table numbers them from 1."""
    found = Counter(place.reason for place in table.places if place.state == "not-applicable")
    return tuple(reason for reason, _ in sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _rows(table: OperationCoverage) -> tuple[tuple[TableEntry, ...], ...]:
    numbers = {reason: number for number, reason in enumerate(reasons(table), 1)}
    at = {(place.operation.name, place.regime, place.granule): place for place in table.places}
    return tuple(
        (
            TableEntry(operation.name),
            TableEntry(operation.scope.value),
            *(_entry(at[operation.name, regime, granule], numbers) for regime, granule in COLUMNS),
        )
        for operation in dict.fromkeys(place.operation for place in table.places)
    )


def _entry(place: CoveragePlace, numbers: dict[str, int]) -> TableEntry:
    word = f"{place.word}({numbers[place.reason]})" if place.state == "not-applicable" else place.word
    return TableEntry(word, VERDICTS.get(place.state), place.reason or ", ".join(place.failing))


def _notes(table: OperationCoverage) -> tuple[str, ...]:
    states = ", ".join(f"{count} {state}" for state, count in sorted(table.count().items()))
    because = Counter(place.reason for place in table.places if place.state == "not-applicable")
    refaults = sum(place.refaults for place in table.places)
    return (
        f"places: {states}; case lines: {table.lines}",
        *table.observed.words(),
        f"refaults of translations that nothing obliged to go: {refaults} (the price of over-invalidation, "
        "never a failure)",
        *(
            f"n/a({number}), {because[reason]} places: {reason}"
            for number, reason in enumerate(reasons(table), 1)
        ),
    )


def _caption(table: OperationCoverage) -> str:
    return f"{table.machine or 'unknown machine'} ({', '.join(table.models) or 'no model named'})"


def to_text(table: OperationCoverage) -> str:
    """Return one table for a terminal, with its legend."""
    lines = [list(HEAD), *([entry.text for entry in row] for row in _rows(table))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    text = ["  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([_caption(table), *text, "", LEGEND, *_notes(table)]) + "\n"


def coverage_section(directory: Path) -> Section | None:
    """Return the tables of a run, a table for each QEMU; None when no cell of it ran litmus cases.

    ``UserError`` when an output is no output of nvh-litmus.
    """
    try:
        tables = coverage([directory])
    except UserError as error:
        if str(error).startswith("no litmus results"):
            return None
        raise
    grids = tuple(Grid(_caption(table), HEAD, _rows(table), _notes(table)) for table in tables)
    return Section(ANCHOR, "Coverage of TLBI operations", (LEGEND,), grids)

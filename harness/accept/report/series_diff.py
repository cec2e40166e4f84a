# SPDX-License-Identifier: GPL-2.0-only
"""The series' diff with the state of every added line, for reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.accept.coverage.report import AddedLine, LineState, PatchCoverage
from harness.accept.diff_lines import HUNK, NEW_FILE
from harness.report.safe_text import some


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of the diff; ``kind`` is a CSS class: file, hunk, context, removed, covered, uncovered, no-code.

    ``said``: what is to be known of it, by whom it was executed for example.
    """

    kind: str
    text: str
    said: str = ""


def annotate(diff: str, coverage: PatchCoverage | None) -> Iterator[DiffLine]:
    """Yield the lines of a unified diff, the added ones with what is known of them."""
    states: dict[tuple[str, int], AddedLine] = {}
    for file in coverage.files if coverage else ():
        states |= {(file.path, line.number): line for line in file.lines}
    path, number = "", 0
    in_hunk = False
    for text in diff.splitlines():
        if match := HUNK.match(text):
            number, in_hunk = int(match[3]), True
            yield DiffLine("hunk", text)
        elif text.startswith("diff --git "):
            in_hunk = False
            yield DiffLine("file", text)
        elif not in_hunk:
            if match := NEW_FILE.match(text):
                path = match[1]
            yield DiffLine("file", text)
        elif text.startswith("+"):
            yield _added(text, states.get((path, number)), coverage)
            number += 1
        elif text.startswith("-"):
            yield DiffLine("removed", text)
        else:
            yield DiffLine("context", text)
            number += not text.startswith("\\")


def _added(text: str, line: AddedLine | None, coverage: PatchCoverage | None) -> DiffLine:
    if line is None or coverage is None:
        return DiffLine("no-code", text)
    if line.state is LineState.COVERED:
        names = [coverage.cells[index] for index in line.cells]
        return DiffLine("covered", text, f"executed by {some(names, 3)}")
    said = "not executed" if line.state is LineState.UNCOVERED else "no instruction was made for it"
    return DiffLine(line.state.value, text, said)

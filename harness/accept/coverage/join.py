# SPDX-License-Identifier: GPL-2.0-only
"""Joins the changed lines of a series, the line tables of its kernel, and what the model executed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.accept.apply import Tree
from harness.accept.coverage.dwarf_lines import Ranges
from harness.accept.coverage.report import AddedLine, FileCoverage, LineState, PatchCoverage
from harness.trace.executed.counts import Trace

_PORCELAIN = re.compile(r"^([0-9a-f]{40}) \d+ (\d+)")
_DEFINITION = re.compile(r"^(?![#/*\s}])[^;=]*?\b(\w+)\s*\([^;]*$")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)")
_MACRO = re.compile(r"^(?:[A-Z][A-Z0-9_]+)\(\s*(\w+)")


def changed(tree: Tree, path: str) -> dict[int, int]:
    """Return the lines of a file that the series added or changed: line number to patch number."""
    by_commit = {patch.commit: patch.number for patch in tree.patches}
    if not (tree.directory / "files" / path).is_file():
        return {}
    found = {}
    for line in tree.git("blame", "--porcelain", "-w", tree.last, "--", path).splitlines():
        if (match := _PORCELAIN.match(line)) and match[1] in by_commit:
            found[int(match[2])] = by_commit[match[1]]
    return found


def functions(text: str) -> dict[int, str]:
    """Return, for each line of a C file, the function or macro invocation it belongs to, by the look of it.

    A definition begins in the first column and its body ends with a brace in the first column: kernel style.
    """
    found: dict[int, str] = {}
    name = ""
    for number, written in enumerate(text.splitlines(), 1):
        line = _ATTRIBUTE.sub("", written).lstrip() if written.startswith("__") else written
        if match := _MACRO.match(line) or _DEFINITION.match(line):
            name = match[1]
        found[number] = name
        if line.startswith(("}", ");")):
            name = ""
    return found


def join(
    tree: Tree, files: Sequence[str], ranges: Mapping[str, Ranges], traces: Mapping[str, Trace]
) -> PatchCoverage:
    """Return the coverage of every changed line of ``files``; ``traces`` are the cells' by id."""
    cells = tuple(traces)
    return PatchCoverage(cells, tuple(_file(tree, path, ranges.get(path, {}), traces) for path in files))


def _file(tree: Tree, path: str, ranges: Ranges, traces: Mapping[str, Trace]) -> FileCoverage:
    text = tree.text(path)
    source, owners = text.splitlines(), functions(text)
    lines = []
    for number, patch in sorted(changed(tree, path).items()):
        places = ranges.get(number, [])
        hit = tuple(
            index
            for index, trace in enumerate(traces.values())
            if any(trace.has(first, end) for first, end in places)
        )
        state = LineState.COVERED if hit else LineState.UNCOVERED if places else LineState.NO_CODE
        words = source[number - 1] if number <= len(source) else ""
        lines.append(AddedLine(number, words, patch, state, owners.get(number, ""), hit))
    return FileCoverage(path, bool(ranges), tuple(lines))

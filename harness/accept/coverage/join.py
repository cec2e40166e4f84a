# SPDX-License-Identifier: GPL-2.0-only
"""Joins the changed lines of a series, the line tables of its kernel, and what the model executed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set

from harness.accept.apply import Tree
from harness.accept.coverage.dwarf_lines import Ranges
from harness.accept.coverage.report import AddedLine, FileCoverage, LineState, PatchCoverage
from harness.trace.executed.counts import Trace
from harness.trace.executed.symbols import KernelText, plain

_PORCELAIN = re.compile(r"^([0-9a-f]{40}) \d+ (\d+)")
_REVERSE = re.compile(r"^([0-9a-f]{40}) \d+ (\d+)")
_DEFINITION = re.compile(r"^(?![#/*\s}])[^;=]*?\b(\w+)\s*\([^;]*$")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)")
_MACRO = re.compile(r"^(?!\w*PER_CPU)(?:[A-Z][A-Z0-9_]+)\(\s*(\w+)")  # a variable of each CPU is no function


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


def removed(tree: Tree, path: str) -> dict[int, int]:
    """Return the lines of a file of the base that the series removes or changes: line to patch number."""
    order = {commit: number for number, commit in enumerate((tree.first, *(p.commit for p in tree.patches)))}
    if not tree.text_at(tree.first, path):
        return {}
    words = ("blame", "--reverse", "--porcelain", f"{tree.first}..{tree.last}", "--", path)
    found = {}
    for line in tree.git(*words).splitlines():
        match = _REVERSE.match(line)
        if match and (last := order.get(match[1], len(tree.patches))) < len(tree.patches):
            found[int(match[2])] = last + 1  # ``last``: the last commit that still has it
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


def removed_file(
    tree: Tree, path: str, ranges: Ranges, cells: Sequence[str], traces: Mapping[str, Trace]
) -> FileCoverage:
    """Return the same of the lines that go: numbers, instructions and ``traces`` are the base's.

    ``cells``: those that the indices of lines are for.
    """
    those = {cell: traces[cell] for cell in cells if cell in traces}
    return _judged(path, tree.text_at(tree.first, path), removed(tree, path), ranges, (cells, those))


def lost(
    before: tuple[KernelText, Mapping[str, Trace]],
    after: tuple[KernelText, Mapping[str, Trace]],
    functions_of_files: Set[str],
) -> tuple[str, ...]:
    """Return the functions that some cell reached on the base and that none reaches with the series.

    Of ``functions_of_files`` alone, where both kernels have the symbol, and over the cells of both sides.
    """
    text, traces = before
    text_after, traces_after = after
    both = traces.keys() & traces_after.keys()
    here = {plain(name) for name in text.names} & {plain(name) for name in text_after.names}
    was = text.functions(a for cell in both for a in traces[cell].addresses())
    now = text_after.functions(a for cell in both for a in traces_after[cell].addresses())
    return tuple(sorted((was - now) & here & functions_of_files))


def _file(tree: Tree, path: str, ranges: Ranges, traces: Mapping[str, Trace]) -> FileCoverage:
    return _judged(path, tree.text(path), changed(tree, path), ranges, (tuple(traces), traces))


def _judged(
    path: str,
    text: str,
    numbers: Mapping[int, int],
    ranges: Ranges,
    seen: tuple[Sequence[str], Mapping[str, Trace]],
) -> FileCoverage:
    source, owners = text.splitlines(), functions(text)
    cells, traces = seen
    lines = []
    for number, patch in sorted(numbers.items()):
        places = ranges.get(number, [])
        hit = tuple(
            index
            for index, cell in enumerate(cells)
            if (trace := traces.get(cell)) and any(trace.has(first, end) for first, end in places)
        )
        state = LineState.COVERED if hit else LineState.UNCOVERED if places else LineState.NO_CODE
        words = source[number - 1] if number <= len(source) else ""
        lines.append(AddedLine(number, words, patch, state, owners.get(number, ""), hit))
    return FileCoverage(path, bool(ranges), tuple(lines))

# SPDX-License-Identifier: GPL-2.0-only
"""What could reach the functions that nobody reached: cells that are known to, and TLBI operations.

What a cell reaches is remembered in the store whenever coverage is recorded (selection/reached.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from harness.accept.coverage.callers import upwards
from harness.accept.coverage.dwarf_lines import Ranges
from harness.accept.coverage.report import LineState, PatchCoverage, Suggestion
from harness.arch.table import load
from harness.scenario.language import Cell, Run
from harness.trace.executed.symbols import KernelText

_HANDLER = re.compile(r"\bSYS_INSN\(TLBI_(\w+),\s*(\w+)\)")
_WORD = re.compile(r"[a-z0-9]+")
MOST = 4


def handlers(source: str) -> dict[str, list[str]]:
    """Return the TLBI operations of each handler in KVM's table of system instructions (sys_regs.c)."""
    known = {each.name for each in load()}
    found: dict[str, list[str]] = defaultdict(list)
    for name, handler in _HANDLER.findall(source):
        operation = name.lower()
        if operation in known:
            found[handler].append(operation)
    return dict(found)


def unreached(coverage: PatchCoverage) -> list[tuple[str, str]]:
    """Return (file, function) of every changed function of which no executable line was executed."""
    states: dict[tuple[str, str], set[LineState]] = defaultdict(set)
    for file in coverage.files:
        for line in file.lines:
            if line.function:
                states[file.path, line.function].add(line.state)
    return [
        key for key, seen in states.items() if LineState.UNCOVERED in seen and LineState.COVERED not in seen
    ]


def suggest(
    coverage: PatchCoverage,
    ranges: Mapping[str, Ranges],
    symbols: KernelText,
    graph: Mapping[str, set[str]],
    reached: Mapping[str, Set[str]],
    operations: Mapping[str, Sequence[str]],
    cells: Iterable[Cell],
) -> list[Suggestion]:
    """Return one suggestion per function that nobody reached.

    ``reached``: cell to functions; ``operations``: handler to TLBI operations; ``cells``: all that there are.
    """
    by_function: dict[str, set[str]] = defaultdict(set)
    for cell, names in reached.items():
        if cell not in coverage.cells:  # those are the ones that did not reach it
            for name in names:
                by_function[name].add(cell)
    everything = list(cells)
    found = []
    for file, function in unreached(coverage):
        hosts = _hosts(coverage, ranges, symbols, file, function)
        chains = list(upwards(hosts, graph, lambda name: name in by_function or name in operations))
        if not chains:
            top = ", ".join(sorted(hosts))
            why = f"no other cell is known to reach {top} or its callers, and none is a TLBI handler"
            found.append(Suggestion(function, file, (), why))
            continue
        what: list[str] = []
        for chain in chains:
            what += _cells_for(operations.get(chain[0], ()), everything)
            what += sorted(by_function.get(chain[0], ()))
        chain = chains[0]
        path = " -> ".join(chain if chain[-1] == function else (*chain, f"{function} (inlined)"))
        ops = sorted({op for each in chains for op in operations.get(each[0], ())})
        why = f"{path}; operations {', '.join(ops)}" if ops else path
        found.append(Suggestion(function, file, tuple(dict.fromkeys(what))[:MOST], why))
    return found


def _hosts(
    coverage: PatchCoverage, ranges: Mapping[str, Ranges], symbols: KernelText, file: str, function: str
) -> set[str]:
    """The symbols that hold the function's code: its own, or those into which it was inlined."""
    (one,) = (each for each in coverage.files if each.path == file)
    numbers = [line.number for line in one.lines if line.function == function]
    places = [place for number in numbers for place in ranges.get(file, {}).get(number, ())]
    return {symbols.name_at(first) for first, _ in places} - {""}


def _cells_for(operations: Sequence[str], cells: Sequence[Cell]) -> list[str]:
    """Cells with one of the operations as a parameter or in a command, else what executes it by itself."""
    wanted = set(operations)
    found = [cell.id for cell in cells if cell.params.get("op") in wanted]
    found += [cell.id for cell in cells if wanted & _words(cell)]
    return found or [f"nvh-tlbi {operation} at l1 (a scenario of your own)" for operation in operations[:1]]


def _words(cell: Cell) -> set[str]:
    """Every word of the commands that a cell runs."""
    return {word for step in cell.steps if isinstance(step, Run) for word in _WORD.findall(step.command)}

# SPDX-License-Identifier: GPL-2.0-only
"""Where what a series touches lies in the base's kernel: its own symbol, or those it was inlined into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.accept.coverage import callers, dwarf_lines
from harness.accept.coverage.dwarf_lines import Ranges
from harness.accept.coverage.join import functions
from harness.accept.coverage.reached import Reached
from harness.accept.selection.choose import TouchedCode
from harness.accept.selection.touched import TouchedFunction
from harness.errors import InfraError, UserError
from harness.trace.executed import symbols as system_map
from harness.trace.executed.symbols import KernelText


def hosts(
    touched: TouchedFunction, owners: Mapping[int, str], ranges: Ranges, symbols: KernelText
) -> frozenset[str]:
    """Return the symbols that hold a function's code in the base.

    ``owners``: line of its file to function; a change outside any function is one of the whole file. Empty
    for a function that the base has not, and for a file without code in this configuration.
    """
    lines = (
        (line for line, owner in owners.items() if owner == touched.name) if touched.name else iter(ranges)
    )
    places = (first for line in lines for first, _ in ranges.get(line, ()))
    return frozenset({symbols.name_at(first) for first in places} - {""})


def nearest(change: TouchedCode, graph: Mapping[str, set[str]], known: Callable[[str], bool]) -> TouchedCode:
    """Return ``change`` with the nearest callers that something is known of, where nothing is of itself."""
    if any(known(name) for name in change.symbols) or not change.symbols:
        return change
    above = {chain[0] for chain in callers.upwards(change.symbols, graph, known)}
    return TouchedCode(change.name, change.hosts | above, change.patches)


def changes(
    touched: Sequence[TouchedFunction],
    text: Callable[[str], str],
    kernel: Path,
    reached: Reached,
    noticed: Iterable[str],
) -> list[TouchedCode]:
    """Return what the series touches, as found in the kernel in ``kernel`` (vmlinux, System.map).

    ``text`` is a file of the base's source. A kernel without line tables gives the names alone.
    """
    try:
        text_map = system_map.load(kernel / "System.map")
        tables = dwarf_lines.load(kernel / "vmlinux", {each.path for each in touched})
    except (InfraError, UserError):
        return [TouchedCode(each.name, frozenset(), each.patches) for each in touched]
    owners = {path: functions(text(path)) for path in {each.path for each in touched}}
    found = [
        TouchedCode(
            each.name, hosts(each, owners[each.path], tables.get(each.path, {}), text_map), each.patches
        )
        for each in touched
    ]
    names = frozenset(noticed).union(*reached.values())
    if all(each.symbols & names or not each.symbols for each in found):
        return found
    graph = callers.callers(kernel / "vmlinux", text_map)
    return [nearest(each, graph, names.__contains__) for each in found]

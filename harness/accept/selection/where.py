# SPDX-License-Identifier: GPL-2.0-only
"""Where what a series touches lies in the base's kernel: its own symbol, or those it was inlined into."""

from __future__ import annotations

import functools
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


class BaseKernel:
    """The kernel of a base in its artefact's directory: symbols, line tables, callers; each read once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tables: dict[str, Ranges] = {}
        self._read: set[str] = set()

    @functools.cached_property
    def symbols(self) -> KernelText:
        """The functions of its text."""
        return system_map.load(self._directory / "System.map")

    @functools.cached_property
    def graph(self) -> Mapping[str, set[str]]:
        """Function to its callers."""
        return callers.callers(self._directory / "vmlinux", self.symbols)

    def tables(self, files: Iterable[str]) -> Mapping[str, Ranges]:
        """Return the line tables that have been read, those of ``files`` among them."""
        if more := set(files) - self._read:
            self._tables |= dwarf_lines.load(self._directory / "vmlinux", more)
            self._read |= more
        return self._tables


def changes(
    touched: Sequence[TouchedFunction],
    text: Callable[[str], str],
    kernel: BaseKernel,
    reached: Reached,
    noticed: Iterable[str],
) -> list[TouchedCode]:
    """Return what the series touches, as found in the base's ``kernel``.

    ``text`` is a file of the base's source. A kernel without line tables gives the names alone.
    """
    paths = {each.path for each in touched}
    try:
        text_map, tables = kernel.symbols, kernel.tables(paths)
    except (InfraError, UserError):
        return [TouchedCode(each.name, frozenset(), each.patches) for each in touched]
    owners = {path: functions(text(path)) for path in paths}
    found = [
        TouchedCode(
            each.name, hosts(each, owners[each.path], tables.get(each.path, {}), text_map), each.patches
        )
        for each in touched
    ]
    names = frozenset(noticed).union(*reached.values())
    if all(each.symbols & names or not each.symbols for each in found):
        return found
    return [nearest(each, kernel.graph, names.__contains__) for each in found]

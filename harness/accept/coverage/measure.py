# SPDX-License-Identifier: GPL-2.0-only
"""Runs cells once more with the plugin, and makes coverage and cost of what it left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.accept.apply import Tree
from harness.accept.coverage import callers, dwarf_lines, join, suggest
from harness.accept.coverage.report import PatchCoverage
from harness.artefacts.model import Model
from harness.artefacts.plugin import plugins_for
from harness.errors import InfraError, UserError
from harness.host.cache import Artefact, Store
from harness.machine.qemu import Plugin
from harness.report.progress import Progress
from harness.scenario.language import Cell
from harness.trace.executed import counts, symbols

HANDLERS = "arch/arm64/kvm/sys_regs.c"


def plugin_for(model: Model, kernel: Artefact, store: Store, progress: Progress) -> Plugin:
    """Return the plugin that watches ``kernel``'s text; ``UserError`` when ``model`` loads none."""
    text = symbols.load(kernel.path / "System.map")
    return counts.watch(plugins_for(model, store, progress.note), text.start, text.end)


def read_all(places: dict[str, Path], note: Progress) -> dict[str, counts.Trace]:
    """Return the traces of the cells in ``places``; a cell without one is left out, and told."""
    found = {}
    for cell, place in places.items():
        try:
            found[cell] = counts.read(place / counts.FILE)
        except InfraError as error:
            note.note(f"no coverage of {cell}: {error}")
    return found


def coverage_of(
    tree: Tree,
    kernel: Artefact,
    traces: dict[str, counts.Trace],
    store: Store,
    cells: Sequence[Cell] | None = None,
    source: str = "",
) -> PatchCoverage:
    """Return the coverage of the series in ``tree``, built as ``kernel``; with suggestions for ``cells``.

    ``source`` is the text of KVM's table of system instructions.
    """
    if not traces:
        return PatchCoverage(why_not="no cell left a trace of executed code")
    files = sorted({file for patch in tree.patches for file in patch.files})
    try:
        ranges = dwarf_lines.load(kernel.path / "vmlinux", files)
    except UserError as error:
        return PatchCoverage(why_not=str(error))
    text = symbols.load(kernel.path / "System.map")
    found = join.join(tree, files, ranges, traces)
    reached = suggest.remember(store, traces, text)
    if cells is None or not suggest.unreached(found):
        return found
    graph = callers.callers(kernel.path / "vmlinux", text)
    hints = suggest.suggest(found, ranges, text, graph, reached, suggest.handlers(source), cells)
    return PatchCoverage(found.cells, found.files, tuple(hints))

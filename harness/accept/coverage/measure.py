# SPDX-License-Identifier: GPL-2.0-only
"""Runs cells once more with the plugin, and makes coverage and cost of what it left."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.accept.apply import Tree
from harness.accept.coverage import callers, dwarf_lines, join, reached, suggest
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
    before: tuple[Artefact, Mapping[str, counts.Trace]] | None = None,
    steady: Collection[str] = (),
) -> PatchCoverage:
    """Return the coverage of the series in ``tree``, built as ``kernel``; with suggestions for ``cells``.

    ``source`` is the text of KVM's table of system instructions. ``before``: the base's kernel and what the
    same cells executed on it, by which the lines that the series removes are told, and the shrinking: that by
    the cells of ``steady`` alone, which passed on both sides. A cell that is red ends early.
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
    if before is not None:
        found = _with_base(found, tree, files, before, (text, {c: traces[c] for c in steady if c in traces}))
    known = reached.remember(store, traces, text)
    if cells is None or not suggest.unreached(found):
        return found
    graph = callers.callers(kernel.path / "vmlinux", text)
    hints = suggest.suggest(found, ranges, text, graph, known, suggest.handlers(source), cells)
    return dataclasses.replace(found, suggestions=tuple(hints))


def _with_base(
    found: PatchCoverage,
    tree: Tree,
    files: Sequence[str],
    before: tuple[Artefact, Mapping[str, counts.Trace]],
    after: tuple[symbols.KernelText, Mapping[str, counts.Trace]],
) -> PatchCoverage:
    """Add what the base tells: lines that go, and functions of these files that none reaches any more."""
    kernel, traces = before
    try:
        ranges = dwarf_lines.load(kernel.path / "vmlinux", files)
        text = symbols.load(kernel.path / "System.map")
    except (InfraError, UserError):
        return found
    removed = tuple(
        join.removed_file(tree, path, ranges.get(path, {}), found.cells, traces) for path in files
    )
    here = {
        text.name_at(first) for rows in ranges.values() for places in rows.values() for first, _ in places
    }
    lost = join.lost((text, traces), after, here)
    return dataclasses.replace(found, removed=tuple(each for each in removed if each.lines), lost=lost)

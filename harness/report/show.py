# SPDX-License-Identifier: GPL-2.0-only
"""``nvh show``: a finished (or interrupted) run or one of its cells, as text."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import InfraError, UserError, closest
from harness.report import store, terminal
from harness.report.publish import LATEST
from harness.report.results import CellResult, HostMachine, RunSummary
from harness.report.safe_text import one_line, printable, seconds
from harness.verdict import Verdict

TAIL_LINES = 40
"""Console lines shown."""
TAIL_BYTES = 256 * 1024
"""Bytes of a console read from its end."""


NEVER_RAN = "never ran: the run was interrupted, or its driver died, before it came to this cell"


def load_run(directory: Path) -> RunSummary:
    """Read the run in ``directory``.

    Without a summary.json the run was interrupted: whatever cells had ended are returned as a run of id
    ``<directory> (interrupted)``, unreadable ones as ``infra``, and so what its plan did not come to.
    ``UserError`` when it holds no run at all, ``InfraError`` when its summary is unusable.
    """
    if (directory / store.SUMMARY).exists():
        return store.read_run(directory / store.SUMMARY)
    if not (directory / store.CELLS).is_dir():
        raise UserError(f"{directory}: holds no run (no {store.SUMMARY}); name a run's directory")
    cells = []
    for path in sorted((directory / store.CELLS).iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            try:
                cell = store.read_cell(path / store.RESULT)
            except InfraError as error:
                cell = _lost(path, str(error))
            cells.append(cell)
    started = min((cell.started for cell in cells), default="1970-01-01T00:00:00Z")
    ended = {cell.slug for cell in cells}
    cells += [each for each in store.read_planned(directory, NEVER_RAN) if each.slug not in ended]
    took = sum(cell.seconds for cell in cells)
    name = f"{directory.resolve().name} (interrupted)"
    return RunSummary(name, started, took, HostMachine(0, 0), "unknown", "", cells=tuple(cells))


def _lost(path: Path, why: str) -> CellResult:
    return CellResult(
        id=path.name,
        slug=path.name,
        scenario=path.name,
        summary="",
        model="unknown",
        timing="",
        kernels={},
        verdict=Verdict.INFRA,
        started="1970-01-01T00:00:00Z",
        seconds=0.0,
        command="",
        reason=why,
    )


def find(target: str | None, runs: Path) -> tuple[Path, str | None]:
    """Resolve what the user named to a run's directory and, when it is a cell, the cell's name.

    ``None`` is the latest run. Otherwise, in this order: a directory of a run or of a cell within one, a
    run's name under ``runs``, a cell (id or directory name) of the latest run. ``UserError`` with the
    closest name when nothing matches.
    """
    latest = runs / LATEST
    if target is None:
        if not latest.is_dir():
            raise UserError(f"{runs}: no run yet; start one with: ./nvh run")
        return latest, None
    path = Path(target)
    if (path / store.SUMMARY).is_file() or (path / store.CELLS).is_dir():
        return path, None
    if path.parent.name == store.CELLS and path.is_dir():
        return path.parent.parent, find_cell(load_run(path.parent.parent), path.name).slug
    names = sorted(p.name for p in runs.iterdir() if p.is_dir()) if runs.is_dir() else []
    if target in names:
        return runs / target, None
    if latest.is_dir():
        run = load_run(latest)
        if any(target in (cell.id, cell.slug) for cell in run.cells):
            return latest, target
        names += [cell.id for cell in run.cells]
    near = closest(target, names)
    hint = f"; did you mean {near!r}?" if near else f"; runs are directories under {runs}"
    raise UserError(f"{target!r} is neither a run nor a cell of the latest run{hint}")


def find_cell(run: RunSummary, name: str) -> CellResult:
    """Return the cell of that id or directory name; ``UserError`` with the closest id otherwise.

    An id that ran on several models or kernels is refused with the directory names that tell them apart.
    """
    found = [cell for cell in run.cells if cell.slug == name] or [c for c in run.cells if c.id == name]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(cell.slug for cell in found)
        raise UserError(f"run {run.id} has {len(found)} cells {name!r}; name one of: {names}")
    near = closest(name, [cell.id for cell in run.cells])
    hint = f"did you mean {near!r}?" if near else f"nvh show {run.id} lists its {len(run.cells)} cells"
    raise UserError(f"run {run.id} has no cell {name!r}; {hint}")


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """Return the last ``lines`` lines of a console, made printable; ``UserError`` if it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; the run's directory is incomplete") from error
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return [printable(line)[: terminal.WIDE * 8] for line in text.rstrip("\n").split("\n")[-lines:]]


def print_console(cell: CellResult, level: str, directory: Path, console: Console) -> None:
    """Print the end of a level's console; ``UserError`` naming the consoles there are."""
    refs = [ref for ref in cell.files if ref.role == "console"]
    chosen = [ref for ref in refs if ref.level == level]
    if not chosen:
        there = ", ".join(ref.level for ref in refs if ref.level) or "none"
        raise UserError(f"cell {cell.id} has no console of {level!r}; there are: {there}")
    for ref in chosen:
        path = directory / store.CELLS / cell.slug / ref.path
        console.print(Text(f"\n{level} console, end of {path}", style="bold"), soft_wrap=True)
        for line in tail(path):
            console.print(Text(f"  {line}"), soft_wrap=True)


def _facts(cell: CellResult) -> Table:
    rows = [
        ("model", " ".join(filter(None, (cell.model, cell.timing)))),
        ("kernels", " ".join(f"{level}={name}" for level, name in cell.kernels.items())),
        ("seed", "" if cell.seed is None else str(cell.seed)),
        ("started", cell.started),
        ("took", seconds(cell.seconds)),
        *((f"claim {i}", claim) for i, claim in enumerate(cell.claims, 1)),
        *cell.facts.items(),
        *((name, f"{v.version} {v.sha256[:12]}".strip()) for name, v in cell.versions.items()),
    ]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, max_width=24, overflow="ellipsis")
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(one_line(name)), Text(printable(value)))
    return grid


def _stages(cell: CellResult, width: int) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, max_width=24, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    room = max(8, min(40, width - 44))
    longest = max((stage.seconds for stage in cell.stages), default=0.0) or 1.0
    for stage in cell.stages:
        length = round(room * stage.seconds / longest)
        grid.add_row(Text(one_line(stage.name)), seconds(stage.seconds), Text("#" * length, style="blue"))
    return grid


def show_cell(
    directory: Path,
    name: str,
    console: Console,
    *,
    events: int = terminal.NEIGHBOURS,
    console_level: str | None = None,
) -> None:
    """Print one cell of the run in ``directory``: facts, stage times, findings, evidence, a console's end.

    ``events`` is how many context lines are shown on each side of a trigger.
    """
    cell = find_cell(load_run(directory), name)
    passed = [finding for finding in cell.findings if finding.verdict is Verdict.PASS]
    terminal.print_cell(cell, console, directory, events)
    for finding in passed:
        terminal.print_finding(replace(finding, trigger=None, context=()), console)
    console.print()
    console.print(_stages(cell, console.width))
    console.print()
    console.print(_facts(cell))
    if console_level is not None:
        print_console(cell, console_level, directory, console)


def data(target: str | None, runs: Path) -> Any:
    """The run or the cell that ``target`` names (``find``), as in its summary.json or result.json."""
    directory, name = find(target, runs)
    run = load_run(directory)
    return store.to_json(run if name is None else find_cell(run, name))


def show(
    target: str | None,
    runs: Path,
    console: Console,
    *,
    events: int = terminal.NEIGHBOURS,
    console_level: str | None = None,
) -> None:
    """Print what ``nvh show TARGET`` shows; see ``find`` for what a target may be.

    ``console_level`` (``l0``, ``l1``, ``l2``) needs a cell, or a run of one cell; ``UserError`` otherwise.
    """
    directory, name = find(target, runs)
    run = load_run(directory)
    if name is None and len(run.cells) == 1:
        name = run.cells[0].slug
    if name is not None:
        show_cell(directory, name, console, events=events, console_level=console_level)
        return
    if console_level is not None:
        raise UserError(f"run {run.id} has {len(run.cells)} cells; --console needs the id of one of them")
    terminal.print_summary(run, console, directory=directory)

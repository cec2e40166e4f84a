# SPDX-License-Identifier: GPL-2.0-only
"""A cell's timeline with its findings, as it is shown: from a running cell, or from a directory it left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.attempt.job import JOB
from harness.check.finding import Finding
from harness.errors import UserError
from harness.host.paths import RUNS
from harness.report import store
from harness.report.show import find
from harness.trace import export
from harness.trace.event import Event
from harness.trace.export import html
from harness.trace.export.view import Highlight, View
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

TIMELINE = "timeline.jsonl"
PAGE = "timeline.html"


def write_page(directory: Path, title: str, timeline: Timeline, findings: Iterable[Finding]) -> None:
    """Write ``timeline.html`` of a cell that has just been judged; nothing when it has no events."""
    if not timeline.events:
        return
    shown = tuple(_highlights(timeline, (f for f in findings if f.verdict is not Verdict.PASS)))
    store.write_text(directory / PAGE, html.render(View(timeline, title, shown)))


def timeline_file(target: str) -> Path:
    """The timeline of what the user named: a file, a cell's directory, or a cell of the latest run."""
    path = Path(target)
    if path.is_file():
        return path
    if not any((path / name).is_file() for name in (JOB, TIMELINE, store.RESULT)):
        run, name = find(target, RUNS)
        if name is None:
            raise UserError(f"{target} is a run; name one of its cells, such as {run}/cells/NAME")
        path = run / store.CELLS / name
    if not (path / TIMELINE).is_file():
        raise UserError(f"{path} holds no {TIMELINE}; the cell ended before its traces were collected")
    return path / TIMELINE


def load(target: str) -> View:
    """The timeline that ``target`` names, with the assertions of the ``result.json`` beside it, red first.

    ``InputError`` with every wrong line of a damaged timeline.
    """
    path = timeline_file(target)
    try:
        with path.open(encoding="utf-8") as stream:
            timeline = export.read(stream, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}; it is not the timeline of a cell") from error
    result = path.with_name(store.RESULT)
    if not result.is_file():
        return View(timeline, str(path))
    cell = store.read_cell(result)
    ordered = sorted(cell.findings, key=lambda f: f.verdict is Verdict.PASS)
    return View(timeline, f"{cell.verdict.value}: {cell.id}", tuple(_highlights(timeline, ordered)))


def _highlights(timeline: Timeline, findings: Iterable[Finding]) -> Iterator[Highlight]:
    for f in findings:
        event = timeline.event_at(f.trigger.source, f.trigger.seq) if f.trigger else None
        if event is not None or f.verdict is not Verdict.PASS:
            context = () if event is None else timeline.around(event)
            yield Highlight(f.name, f.verdict.value, f.message, event, context)


def named_events(view: View) -> dict[str, Event]:
    """Events that have a name: each assertion's by its name, and the first red one as ``trigger``."""
    named = {h.name: h.trigger for h in view.highlights if h.trigger is not None}
    first = next((h.trigger for h in view.highlights if h.trigger is not None), None)
    return {"trigger": first, **named} if first is not None else named

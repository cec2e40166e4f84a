# SPDX-License-Identifier: GPL-2.0-only
"""reply.txt: what was tested and what came of it, as plain text that can be sent to a mailing list.

It quotes nothing and gives no tag: whether this deserves a Tested-by is for the person who sends it to say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from harness.accept.compare import SeriesEffect, worst_first
from harness.accept.report.series_report import Decision, SeriesReport
from harness.report.safe_text import one_line, seconds
from harness.report.store import write_text

NAME = "reply.txt"
WIDTH = 76
MOST_LINES = 20
OPENING = {
    Decision.ACCEPT: "I ran this series under nvh, and found nothing that speaks against it.",
    Decision.REJECT: "I ran this series under nvh. It does not hold up; details below.",
    Decision.UNDECIDED: "I ran this series under nvh, but could not finish; details below.",
}


def render(report: SeriesReport) -> str:
    """Return the text."""
    return "\n".join(line.rstrip() for part in _parts(report) for line in (*part, "")).rstrip() + "\n"


def write(report: SeriesReport, directory: Path) -> Path:
    """Write ``directory/reply.txt`` in one step and return its path."""
    write_text(directory / NAME, render(report))
    return directory / NAME


def _parts(report: SeriesReport) -> Iterator[list[str]]:
    yield _wrapped(OPENING[report.decision])
    yield list(_setup(report))
    if report.reasons:
        yield ["Against it:", *(line for reason in report.reasons for line in _item(reason))]
    if report.fixes:
        yield ["It fixes:", *(line for each in report.fixes for line in _item(each))]
    yield ["Patch by patch:", *_steps(report)]
    yield ["Cells, red runs of all runs [95% interval], base -> series:", *_cells(report)]
    if report.coverage:
        yield list(_coverage(report))
    if report.cost:
        yield list(_cost(report))
    if report.notes:
        yield ["Notes:", *(line for note in report.notes for line in _item(note))]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(text, 2000),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _item(text: str) -> list[str]:
    lines = _wrapped(text, "    ")
    return [f"  - {lines[0].strip()}", *lines[1:]] if lines else []


def _setup(report: SeriesReport) -> Iterator[str]:
    count = _many(len(report.patches), "patch")
    yield f"Series:  {report.title or report.origin} (v{report.version}, {count})"
    yield f"Base:    {report.base}"
    yield f"         commit {report.base_commit}"
    if report.kernel:
        yield f"Kernel:  {report.kernel} at {report.where}"
    yield f"Model:   {report.model}, timing {report.timing}"
    yield f"Runs:    {report.repeated}"
    yield f"Tool:    nvh {report.nvh}"


def _many(count: int, what: str) -> str:
    end = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count} {what}{end}"


def _steps(report: SeriesReport) -> Iterator[str]:
    for step in report.steps:
        name = "base" if not step.number else f"{step.number}/{len(report.patches)}"
        words = []
        if not step.build.ok:
            words.append("DOES NOT BUILD")
        elif step.number:
            words.append("builds")
        if step.build.new_warnings:
            words.append(_many(len(step.build.new_warnings), "new warning"))
        bad = [each for each in step.cells if each.outcome in (SeriesEffect.REGRESSION, SeriesEffect.SUSPECT)]
        fixed = [each for each in step.cells if each.outcome is SeriesEffect.FIXED]
        if step.cells:
            words.append(_many(len(step.cells), "cell") + (f", {len(bad)} worse" if bad else ", none worse"))
        if fixed:
            words.append(f"{len(fixed)} fixed")
        yield f"  {name:>6}  {one_line(step.title, 60)}"
        if words:
            yield f"          {'; '.join(words)}"
        for warning in step.build.new_warnings[:MOST_LINES]:
            yield from _wrapped(f"warning: {warning}", "            ")


def _cells(report: SeriesReport) -> Iterator[str]:
    shown = [each for each in worst_first(report.whole.cells) if each.outcome is not SeriesEffect.SAME]
    same = len(report.whole.cells) - len(shown)
    for each in shown[:MOST_LINES]:
        p = "" if each.p is None else f", p = {each.p:.4f}"
        yield f"  {each.outcome.value:<11} {each.cell}: {each.base} -> {each.series}{p}"
        if each.series_says or each.base_says:
            yield from _wrapped(each.series_says or f"on the base: {each.base_says}", "              ")
    if len(shown) > MOST_LINES:
        yield f"  and {len(shown) - MOST_LINES} more that differ"
    if same or not shown:
        yield f"  {_many(same, 'other' if shown else 'cell')} green on both sides"
    yield "  (p: Fisher's exact test, one-sided, adjusted after Benjamini and Hochberg)"


def _coverage(report: SeriesReport) -> Iterator[str]:
    found = report.coverage
    assert found is not None
    if found.why_not:
        yield "Coverage: none."
        yield from _wrapped(found.why_not, "  ")
        return
    yield (
        f"Coverage: {found.covered} of {found.executable} executable lines that the series adds or changes "
        f"({found.share:.0%})"
    )
    yield "ran at L0, by the model's own trace of executed code."
    missed = [f"{file.path}:{line.number}: {line.text.strip()}" for file, line in found.uncovered()]
    if missed:
        yield "Not run:"
        yield from (f"  {one_line(line, WIDTH - 2)}" for line in missed[:MOST_LINES])
        if len(missed) > MOST_LINES:
            yield f"  and {len(missed) - MOST_LINES} more"
    for hint in found.suggestions[:MOST_LINES]:
        what = f"try {', '.join(hint.what)}" if hint.what else "no known way"
        yield from _item(f"{hint.function}() was not reached; {what} ({hint.why})")
    dead = [file.path for file in found.files if not file.compiled and file.lines]
    if dead:
        yield from _wrapped(f"No code in this configuration: {', '.join(dead)}", "  ")


def _cost(report: SeriesReport) -> Iterator[str]:
    yield "Cost of emulation at L0, base -> series (instructions of the cheapest"
    yield "execution, exact; mean exits per operation):"
    for row in report.cost:
        if not all(row.count):
            continue
        yield (
            f"  {row.level} {row.op:<14} {row.insns_min[0]:>9} -> {row.insns_min[1]:>9} ({row.change:+.1%})"
            f"  exits {row.exits[0]:.1f} -> {row.exits[1]:.1f}"
        )


def duration(report: SeriesReport) -> str:
    """Return how long it all took, for people."""
    return seconds(report.seconds)

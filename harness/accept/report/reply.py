# SPDX-License-Identifier: GPL-2.0-only
"""reply.txt: the mail about a series, for a person to read, to correct and to send to a list.

One screen: decision, what speaks against it, what ran and what did not, lines and cost. It quotes nothing,
names no place of this machine, and gives no tag: whether one is deserved is for the sender to say.
"""

from __future__ import annotations

import itertools
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.accept.compare import MEANING, REJECTING, SeriesEffect, worst_first
from harness.accept.cost_limit import MOVED, by_handler
from harness.accept.report.series_report import MENDING, Culprit, Decision, SeriesReport, StepRecord
from harness.accept.stats import RedRate, shown
from harness.report.safe_text import one_line, seconds, some
from harness.report.store import write_text

NAME = "reply.txt"
WIDTH = 72
LABEL = 9
"""Columns of what stands before a row's text."""
MOST = 4
"""Rows of one kind that the mail has; the page has them all."""
SAYS = 240
OPENING = {
    Decision.ACCEPT: "I ran this series under nvh and found nothing that speaks against it.",
    Decision.REJECT: "I ran this series under nvh, and it does not hold up:",
    Decision.UNDECIDED: "I ran this series under nvh, and can say neither yes nor no:",
}
_TREE = re.compile(r"/\S*?/kernel-trees/[^/\s]+/src/")
_PATH = re.compile(r"(?<![\w.:/>])(?:~|\.{1,2})?/(?:[^\s/:'\"<>]+/)+")


def render(report: SeriesReport) -> str:
    """Return the mail: subject, empty line, body. A line is wider than ``WIDTH`` by a long word alone."""
    lines = [f"Subject: {subject(report)}", ""]
    for part in _parts(report):
        if part:
            lines += [*part, ""]
    return "\n".join(without_places(line).rstrip() for line in lines).rstrip() + "\n"


def write(report: SeriesReport, directory: Path) -> Path:
    """Write ``directory/reply.txt`` in one step and return its path."""
    write_text(directory / NAME, render(report))
    return directory / NAME


def subject(report: SeriesReport) -> str:
    """Return the subject of a reply to the cover letter, or else to the only or first patch."""
    count = len(report.patches)
    version = f" v{report.version}" if report.version > 1 else ""
    if count == 1:
        part, title = "", report.patches[0].title
    else:
        part, title = f" {0 if report.title else 1}/{count}", report.title or report.patches[0].title
    return one_line(f"Re: [PATCH{version}{part}] {title}", 200)


def without_places(text: str) -> str:
    """Return ``text`` without the directories of this machine; files of the kernel's tree keep theirs."""
    return _PATH.sub("", _TREE.sub("", text))


def _parts(report: SeriesReport) -> Iterator[list[str]]:
    yield _wrapped(OPENING[report.decision])
    yield list(_against(report))
    yield _list("It fixes:", report.fixes)
    yield _list("To know:", (*report.remarks, *_warnings(report)))
    yield [*_setup(report), *_ran(report), *_cells(report), *_coverage(report), *_cost(report)]
    if len(report.steps) > 2:
        yield [line for step in report.steps if step.number for line in _step(report, step)]
    yield _list("Notes:", report.notes)


def _wrapped(text: str, first: str = "", indent: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(without_places(text), 2000),
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _list(title: str, texts: Iterable[str]) -> list[str]:
    items = list(texts)
    lines = [line for text in items[:MOST] for line in _wrapped(text, "  - ", "    ")]
    more = [f"  and {len(items) - MOST} more"] if len(items) > MOST else []
    return [*([title] if title else []), *lines, *more] if items else []


def _rate(rate: RedRate) -> str:
    return f"{rate.red} of {rate.runs}"


def _repeats(report: SeriesReport) -> str:
    """How often each cell ran on each side, in words."""
    kinds = [
        f"{'once' if count == 1 else f'{count} times'} each{end}"
        for count, end in (
            (report.repeat, ""),
            (report.repeat_racy, " where the timing is not deterministic,"),
        )
        if count
    ]
    return f"{', or '.join(kinds) or 'never'} on base and series"


def _row(label: str, text: str) -> list[str]:
    return _wrapped(text, f"{label + ':' if label else '':<{LABEL}}", " " * LABEL)


def _against(report: SeriesReport) -> Iterator[str]:
    """What speaks against it, by patch: the surest findings of each, then what is of no one patch."""
    patches: dict[int, list[Culprit]] = {}
    for each in report.culprits:
        patches.setdefault(each.patch, []).append(each)
    for found in list(patches.values())[:MOST]:
        found.sort(key=lambda each: each.what.startswith(SeriesEffect.SUSPECT.value))
        yield from _of_patch(report, found)
    if len(patches) > MOST:
        yield f"  and {len(patches) - MOST} more patches"
    yield from _list("", report.reasons[len(report.culprits) :])


def _of_patch(report: SeriesReport, found: list[Culprit]) -> Iterator[str]:
    first = found[0]
    if len(found) == 1:
        yield from _wrapped(f"{first.label}: {one_line(first.damage, SAYS)}", "  - ", "    ")
        yield from _splat(report, first, "      ")
        return
    yield from _wrapped(f"{first.label}:", "  - ", "    ")
    for each in found[: MOST // 2]:
        yield from _wrapped(one_line(each.damage, SAYS), "      ", "      ")
        yield from _splat(report, each, "        ")
    if len(found) > MOST // 2:
        yield f"      and {len(found) - MOST // 2} more, of other cells"


def _splat(report: SeriesReport, culprit: Culprit, indent: str) -> Iterator[str]:
    cells = (each for step in report.steps for each in step.cells if each.outcome in REJECTING)
    found = next((each for each in cells if culprit.what.endswith(f" of {each.cell}")), None)
    for line in found.splat if found else ():
        yield from _wrapped(line, indent, f"{indent}  ")


def _warnings(report: SeriesReport) -> Iterator[str]:
    for step in report.steps:
        for warning in step.build.new_warnings:
            yield f"patch {step.number} adds a compiler's warning: {warning}"


def _setup(report: SeriesReport) -> Iterator[str]:
    commit = f", commit {report.base_commit[:12]}" if report.base_commit else ""
    yield from _row("Base", f"{report.base}{commit}")
    kernel = f"{report.kernel} at {report.where}; " if report.kernel else ""
    yield from _row("Machine", f"{kernel}model {report.model}, timing {report.timing}; nvh {report.nvh}")


def _ran(report: SeriesReport) -> Iterator[str]:
    cells = [each.cell for each in report.whole.cells]
    chosen = report.selection
    how = f" ({chosen.how})" if chosen else ""
    if not cells:
        yield from _row("Ran", "no cell")
    else:
        names = some(cells, 2 * MOST)
        yield from _row("Ran", f"{_many(len(cells), 'cell')}{how}, {_repeats(report)}: {names}")
    if report.base_earlier:
        yield from _row("", f"on the base {report.base_earlier} of them have run before, for another series")
    if chosen is None:
        return
    if chosen.left:
        beyond = f"{_many(len(chosen.left), 'cell')} beyond the budget of {seconds(chosen.budget_s)}"
        yield from _row("Not run", f"{beyond}: {some(_by_scenario(each.cell for each in chosen.left), MOST)}")
    elif chosen.budget_s:
        yield from _row("Not run", "no cell that was chosen; the rest of `nvh run --every` was not chosen")
    if between := _between(report):
        yield from _row("", between)
    if chosen.unreached:
        yield from _row(
            "", f"no cell is known to reach {some((f'{name}()' for name in chosen.unreached), MOST)}"
        )


def _by_scenario(cells: Iterable[str]) -> list[str]:
    """Scenarios, and of those with a matrix how many cells: an id may be longer than a line."""
    count = Counter(cell.partition("[")[0] for cell in cells)
    return [name if number == 1 else f"{name} ({number})" for name, number in count.items()]


def _between(report: SeriesReport) -> str:
    """What was not run of the patches before the last."""
    whole = len(report.whole.cells)
    short = [step for step in report.steps[1:-1] if step.build.ok and len(step.cells) < whole]
    if not short:
        return ""
    parts = ", ".join(f"{len(step.cells)} on patch {step.number}" for step in short[:MOST])
    return f"of the {whole} cells {parts}: those that reach what it touches, within the budget"


def _many(count: int, what: str) -> str:
    end = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count} {what}{end}"


def _cells(report: SeriesReport) -> Iterator[str]:
    if not report.whole.cells:
        return
    count = report.count
    parts = [f"{count[outcome]} {MEANING[outcome]}" for outcome in _ORDER if count[outcome]]
    yield from _row("Result", "; ".join(parts))
    shown_cells = [e for e in worst_first(report.whole.cells) if e.outcome in (*REJECTING, *MENDING)]
    for each in shown_cells[:MOST]:
        p = "" if each.p is None else f" (Fisher, {shown(each.p)})"
        rates = f"red in {_rate(each.base)} runs on the base, in {_rate(each.series)} with the series{p}"
        yield from _row("", f"{each.outcome.value} {each.cell}: {rates}")
    bad = next((each.cell for each in shown_cells if each.outcome in REJECTING), None)
    if bad:
        yield from _row("Again", again(report, bad))
    before = [each.cell for each in report.whole.cells if each.outcome is SeriesEffect.RED_BEFORE]
    if before:
        yield from _row("", f"red on the base already, and not by this series: {some(before, MOST)}")


def again(report: SeriesReport, cell: str) -> str:
    """Return the command that shows ``cell`` alone once more, wherever the series lies."""
    words = shlex.split(report.command)
    kept = [
        f"{word} {shlex.quote(value)}" for word, value in itertools.pairwise(words) if word in _SAID_AGAIN
    ]
    return " ".join(["nvh accept SERIES", *kept, f"--select {shlex.quote(cell)}"])


_SAID_AGAIN = ("--base", "--level", "--model", "--timing")
"""Options without which a cell would be another."""
_ORDER = (
    SeriesEffect.SAME,
    SeriesEffect.REGRESSION,
    SeriesEffect.SUSPECT,
    SeriesEffect.FIXED,
    SeriesEffect.BETTER,
    SeriesEffect.UNKNOWN,
)


def _coverage(report: SeriesReport) -> Iterator[str]:
    found = report.coverage
    if found is None:
        yield from _row("Lines", "what ran of them was not recorded")
        return
    if found.why_not:
        yield from _row("Lines", f"what ran of them is not known: {found.why_not}")
        return
    if not found.can_run:
        yield from _row("Lines", "nothing of this series can run here")
        return
    parts = []
    if found.share is not None:
        parts.append(f"{found.covered} of {found.executable} added or changed ran at L0 ({found.share:.0%})")
    if found.removed_executable:
        ran = f"{found.removed_covered} of {found.removed_executable}"
        parts.append(f"of those removed {ran} ran on the base")
    yield from _row("Lines", "; ".join(parts))
    missed = [f"{file.path}:{line.number}: {line.text.strip()}" for file, line in found.uncovered()]
    for text in missed[:MOST]:
        yield from _wrapped(one_line(f"not run: {text}", WIDTH - LABEL), " " * LABEL, " " * LABEL)
    if len(missed) > MOST:
        yield f"{'':<{LABEL}}and {len(missed) - MOST} more not run"
    for hint in found.suggestions[:MOST]:
        what = f"try {', '.join(hint.what)}" if hint.what else "no known way"
        yield from _row("", f"{hint.function}() was not reached; {what} ({hint.why})")
    dead = [file.path for file in found.files if not file.compiled and file.lines]
    if dead:
        yield from _row("", f"no code in this configuration: {', '.join(dead)}")


def _cost(report: SeriesReport) -> Iterator[str]:
    rows = [row for row in report.cost if row.alike and all(row.count)]
    if not rows:
        return
    kinds = f"{_many(len(rows), 'kind')} of TLBI"
    moved = by_handler(rows)
    if not moved:
        yield from _row("Cost", f"no handler of L0 for {kinds} moved by more than {MOVED:.0%}, by the median")
        return
    limit = "no limit" if report.cost_limit is None else f"limit {report.cost_limit:+.0%}"
    yield from _row(
        "Cost", f"L0's instructions for {kinds}, by the median of what it handles alike ({limit}):"
    )
    for each in moved[: MOST - 1]:
        yield f"{'':<{LABEL}}{each.level} {each.name}: {each.change:+.1%} ({each.kinds})"
    if len(moved) >= MOST:
        yield f"{'':<{LABEL}}and {len(moved) - MOST + 1} more"


def _step(report: SeriesReport, step: StepRecord) -> Iterator[str]:
    words = ["builds" if step.build.ok else "DOES NOT BUILD"]
    if step.build.new_warnings:
        words.append(_many(len(step.build.new_warnings), "new warning"))
    bad = [each for each in step.cells if each.outcome in REJECTING]
    fixed = [each for each in step.cells if each.outcome is SeriesEffect.FIXED]
    if step.cells:
        words.append(_many(len(step.cells), "cell") + (f", {len(bad)} worse" if bad else ", none worse"))
    if fixed:
        words.append(f"{len(fixed)} fixed")
    name = f"{step.number}/{len(report.patches)}"
    yield from _wrapped(f"{one_line(step.title, 60)}: {'; '.join(words)}", f"{name:>6}  ", " " * 8)


def duration(report: SeriesReport) -> str:
    """Return how long it all took, for people."""
    return seconds(report.seconds)

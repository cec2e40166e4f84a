# SPDX-License-Identifier: GPL-2.0-only
"""The log of a bundle's bare image as cells: one for the log as a whole, one for each group of questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.check import model_defects
from harness.check.answers import AnswerGroup, Answers, Wrong
from harness.check.finding import Finding
from harness.check.model_defects import ModelDefect
from harness.ktap.bare_log import BareReading
from harness.ktap.cells import CONSOLE, LoggedMachine, keep
from harness.ktap.judge import of_log
from harness.ktap.manifest import Bundle
from harness.report.results import ArtefactVersion, CellResult, FileRef
from harness.scenario.load import slug
from harness.verdict import Verdict, of_cell

BARE_SCENARIO = "bare"
BARE_KIND = "questions"
WRONG_MOST = 200
"""Findings about single answers of a group; the rest is counted."""
QEMU = "QEMU "


def bare_cells(
    reading: BareReading, bundle: Bundle, machine: LoggedMachine, defects: Sequence[ModelDefect]
) -> list[CellResult]:
    """Return the cells of a log of ``bundle``.

    ``defects`` explain wrong answers of a machine whose version says ``QEMU`` and which one.
    """
    answers = reading.log.asked
    whole = [of_log(reading, BARE_KIND), _of_groups(answers, bundle), _of_end(reading, answers)]
    doubts = [each for each in whole if each.verdict is Verdict.UNDECIDED]
    version = machine.version.removeprefix(QEMU) if machine.version.startswith(QEMU) else ""
    found = [_cell(reading, bundle, machine, "", whole)]
    for group in answers.groups:
        wrong = tuple(each for each in answers.wrong if each.group == group.name)
        own = _of_group(group, wrong, version, defects)
        found.append(_cell(reading, bundle, machine, group.name, [*doubts, *own]))
    return found


def _of_groups(answers: Answers, bundle: Bundle) -> Finding:
    wanted = list(bundle.manifest["bare"]["groups"])
    told = [*(group.name for group in answers.groups if group.checks), *answers.skipped]
    if sorted(told) != sorted(wanted):
        message = f"groups {', '.join(told) or 'none'} answered, the bundle asks {', '.join(wanted)}"
        return Finding("groups", BARE_KIND, Verdict.UNDECIDED, message)
    left = "; ".join(f"{name}: {why}" for name, why in answers.skipped.items())
    message = f"{answers.checks} answers compared in {len(answers.groups)} groups"
    return Finding("groups", BARE_KIND, Verdict.PASS, message + (f"; left out: {left}" if left else ""))


def _of_end(reading: BareReading, answers: Answers) -> Finding:
    if reading.gave_up:
        return Finding("end", BARE_KIND, Verdict.FAIL, f"the program gave up: {reading.gave_up}")
    if answers.stopped:
        return Finding("end", BARE_KIND, Verdict.UNDECIDED, answers.stopped)
    return Finding("end", BARE_KIND, Verdict.PASS, "the questions came to their end")


def _of_group(
    group: AnswerGroup, wrong: Sequence[Wrong], version: str, defects: Sequence[ModelDefect]
) -> Iterator[Finding]:
    new, counts = model_defects.known(wrong, version, defects)
    for each in new[:WRONG_MOST]:
        yield Finding(each.case, BARE_KIND, Verdict.FAIL, f"{each} [{each.rule}]")
    more = group.failed - len(wrong) + max(0, len(new) - WRONG_MOST)
    known = ", ".join(f"{count} by {name}" for name, count in counts.items() if count)
    told = f"{group.checks} answers compared, {group.failed} wrong" + (f"; known: {known}" if known else "")
    if more > 0:
        told += f"; {more} wrong ones are not listed"
    yield Finding("answers", BARE_KIND, Verdict.FAIL if more > 0 else Verdict.PASS, told)


def _cell(
    reading: BareReading, bundle: Bundle, machine: LoggedMachine, group: str, findings: Sequence[Finding]
) -> CellResult:
    begin = reading.log.begin
    name = f"{BARE_SCENARIO}[group={group}]" if group else BARE_SCENARIO
    return CellResult(
        id=name,
        slug=slug(name),
        scenario=BARE_SCENARIO,
        summary=f"questions about {group} to the model itself"
        if group
        else "the model, asked without a kernel",
        model=machine.model,
        timing="console",
        kernels={},
        verdict=of_cell(each.verdict for each in findings),
        started=machine.started,
        seconds=0.0,
        command=machine.command,
        params={"group": group} if group else {},
        findings=tuple(findings),
        files=(FileRef(CONSOLE, "console", "l0"),),
        versions={
            "model": ArtefactVersion(machine.version, machine.sha256),
            "bundle": ArtefactVersion(bundle.id),
        },
        facts={f"bare {key}": begin[key] for key in ("run", "board", "midr")},
    )


def write_bare(found: Sequence[CellResult], reading: BareReading, directory: Path) -> None:
    """Write the cells' directories: each with its result.json and the console."""
    keep(found, directory, lambda _: reading.text)

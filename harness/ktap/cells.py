# SPDX-License-Identifier: GPL-2.0-only
"""A log as cells of an ordinary run: one for the log as a whole, one for each family that applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.check.finding import Finding
from harness.ktap import judge
from harness.ktap.log import RAN, Family
from harness.ktap.manifest import Bundle
from harness.ktap.read import Reading
from harness.litmus import coverage
from harness.litmus.observed import NO_SELF_TEST
from harness.report.results import ArtefactVersion, CellResult, FileRef
from harness.report.store import CELLS, write_cell
from harness.scenario.load import slug
from harness.verdict import Verdict, of_cell

SCENARIO = "bundle"
SELF_TEST = "bundle-self-test"
CONSOLE = "console-l0.log"
OUTPUT = "output/litmus.stdout"


@dataclass(frozen=True, slots=True)
class LoggedMachine:
    """What the log ran on. ``model``, ``version``: the names by which it is compared with others.

    ``started``: ISO 8601 in UTC, when the log was judged: a log does not tell. ``command`` reproduces.
    """

    model: str
    version: str
    sha256: str
    started: str
    command: str


def cells(reading: Reading, bundle: Bundle, machine: LoggedMachine) -> list[CellResult]:
    """Return the cells of a log of ``bundle``: the whole first, then its families as they ran."""
    log = reading.log
    whole = judge.of_log(reading)
    findings = [
        whole,
        judge.of_selection(reading, bundle),
        judge.of_kernel(log, bundle),
        judge.of_absent(log),
        judge.of_splats(reading.text),
    ]
    if log.begin["self-test"] != NO_SELF_TEST:
        findings.append(judge.of_observable(log))
    told = _cell(reading, bundle, machine, None, findings)
    return [told, *_families(reading, bundle, machine, findings)]


def _families(
    reading: Reading, bundle: Bundle, machine: LoggedMachine, whole: Sequence[Finding]
) -> Iterator[CellResult]:
    doubts = [each for each in whole if each.verdict is Verdict.UNDECIDED]
    for family in {each.name: each for each in reading.log.families}.values():
        if judge.is_absent(family) and not doubts:
            continue
        own = [*judge.of_family(family), judge.of_splats(family.kernel)]
        yield _cell(reading, bundle, machine, family, [*doubts, *own])


def _cell(
    reading: Reading,
    bundle: Bundle,
    machine: LoggedMachine,
    family: Family | None,
    findings: Sequence[Finding],
) -> CellResult:
    log = reading.log
    scenario = SELF_TEST if log.begin["self-test"] != NO_SELF_TEST else SCENARIO
    name = f"{scenario}[family={family.name}]" if family else scenario
    booted = log.begin["mode"] == "boot"
    kernel = bundle.kernel["name"] if booted else log.begin["kernel"]
    role, path = ("output", OUTPUT) if family else ("console", CONSOLE)
    about = f"litmus cases of {family.name}" if family else "litmus cases"
    return CellResult(
        id=name,
        slug=slug(name),
        scenario=scenario,
        summary=f"{about} by a bundle, outside of nvh",
        model=machine.model,
        timing="console",
        kernels={"l0": kernel},
        verdict=of_cell(each.verdict for each in findings),
        started=machine.started,
        seconds=_seconds(family, log.seconds),
        command=machine.command,
        params={"family": family.name} if family else {},
        findings=tuple(findings),
        files=(FileRef(path, role, "l0"),),
        versions={
            "model": ArtefactVersion(machine.version, machine.sha256),
            "kernel l0": ArtefactVersion(log.begin["kernel"], bundle.kernel["sha256"] if booted else ""),
            "bundle": ArtefactVersion(bundle.id),
        },
        facts=_facts(log.begin, bundle),
    )


def _seconds(family: Family | None, whole: str) -> float:
    try:
        if family:
            return round(sum(case.line.ns for case in family.cases if case.line) / 1e9, 3)
        return min(max(0.0, float(whole or 0)), 1e9)
    except (ValueError, OverflowError):  # a number that no clock gives
        return 0.0


def _facts(begin: Mapping[str, str], bundle: Bundle) -> dict[str, str]:
    keys = ("run", "mode", "list", "cases", "skip", "cpus", "seconds", "machine", "midr")
    facts = {f"bundle {key}": begin[key] for key in keys}
    facts[coverage.SELF_TEST] = begin["self-test"]
    mutant = bundle.kernel["mutant"]
    return {**facts, "bundle mutant": mutant} if mutant else facts


def write(found: Sequence[CellResult], reading: Reading, directory: Path) -> None:
    """Write the cells' directories: each with its result.json, and the console or the family's lines."""
    families = {family.name: family for family in reading.log.families}

    def text(cell: CellResult) -> str:
        family = families.get(str(cell.params.get("family", "")))
        return _output(family) if family else reading.text

    keep(found, directory, text)


def keep(found: Sequence[CellResult], directory: Path, text: Callable[[CellResult], str]) -> None:
    """Write the cells' directories: each with its result.json and its first file, which has ``text``."""
    for cell in found:
        place = directory / CELLS / cell.slug
        file = place / cell.files[0].path
        file.parent.mkdir(parents=True)
        file.write_text(text(cell), encoding="utf-8", errors="replace")
        write_cell(cell, place)


def _output(family: Family) -> str:
    """What nvh-litmus printed of a family, as an ordinary cell keeps it."""
    lines = [case.text for case in family.cases if case.kind == RAN]
    return "".join(f"{line}\n" for line in [*lines, family.population_text] if line)

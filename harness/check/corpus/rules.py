"""Lint rules that hold a scenario against its recorded traces; tests/check/corpus has cases of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.check.corpus import recording
from harness.check.corpus.mutate import mutations
from harness.check.corpus.recording import Recording, judge, on_events
from harness.errors import InputError, Location
from harness.scenario.language import Cell, Expectation
from harness.scenario.ruleset import Advice, RuleSet
from harness.scenario.scenario import Scenario
from harness.verdict import Verdict

CORPUS = RuleSet()
"""The rules of this package."""


@CORPUS.rule("NVH020")
def recorded(scenario: Scenario) -> Iterator[Advice]:
    """A scenario that expects events has a recorded good trace.

    With it `nvh lint` knows in milliseconds whether its expectations still mean something. Run the scenario,
    and `./nvh lint --record DIRECTORY` of the cell or run puts the trace, cut to a few events, into `corpus/`
    beside the scenario.
    """
    if any(on_events(cell) for cell in scenario.cells) and not _good(scenario):
        where = scenario.root.map["scenario"].where
        yield where, "no recorded trace in corpus/: run it, then `nvh lint --record` its directory"


@CORPUS.rule("NVH021")
def readable(scenario: Scenario) -> Iterator[Advice]:
    """A recording can be read and is of a cell of its scenario.

    A matrix that changes leaves recordings of cells that are no more: record a new cell, delete the old file.
    """
    path = Path(scenario.root.where.path)
    cells = {cell.id for cell in scenario.cells}
    for file in recording.files(path, scenario.name):
        try:
            found = recording.read(file)
        except InputError as error:
            for problem in error.problems:
                yield problem.where, problem.found
            continue
        if found.cell not in cells:
            yield Location(str(file)), f"is of {found.cell}, which is no cell of {scenario.name}"


@CORPUS.rule("NVH022")
def good_passes(scenario: Scenario) -> Iterator[Advice]:
    """On a good recording every expectation on events passes.

    One that does not is wrong, or the trace is that of something else by now: record it again.
    """
    for cell, each in _recordings(scenario):
        expectations = on_events(cell) if each.good else []
        for asked, finding in zip(expectations, judge(expectations, each.timeline), strict=True):
            if finding.verdict is not Verdict.PASS:
                text = finding.message.partition("\n")[0]
                yield asked.where, f"{finding.name} is {finding.verdict.value} on its good trace: {text}"


@CORPUS.rule("NVH023")
def bad_fails(scenario: Scenario) -> Iterator[Advice]:
    """On a recording from a kernel with an injected fault the expectations fail that failed then.

    One that does not has lost its teeth.
    """
    for cell, each in _recordings(scenario):
        if each.good:
            continue
        places = {asked.name: asked.where for asked in on_events(cell)}
        found = {finding.name: finding for finding in judge(on_events(cell), each.timeline)}
        for name in each.red:
            where = places.get(name, scenario.root.map["expect"].where)
            verdict = found[name].verdict.value if name in found else "gone"
            if verdict != Verdict.FAIL.value:
                yield where, f"{name} is {verdict} on the trace of the kernel with the fault {each.mutant}"


@CORPUS.rule("NVH024")
def mutations_noticed(scenario: Scenario) -> Iterator[Advice]:
    """Some mutation of a good recording makes each expectation on events fail.

    `nvh lint` drops the events that an expectation asks for, alters each field that it has a condition on,
    moves events to the wrong side of each other, delays them, and adds forbidden ones. An expectation that
    none of this makes fail cannot fail, or only for reasons that nobody meant.
    """
    noticed: set[str] = set()
    told: dict[str, tuple[Expectation, int]] = {}
    for cell, each in _recordings(scenario):
        for expectation in on_events(cell) if each.good else ():
            if expectation.name not in noticed:
                outcomes = verdicts(expectation, each)
                told[expectation.name] = expectation, len(outcomes)
                if Verdict.FAIL in outcomes.values():
                    noticed.add(expectation.name)
    for name, (expectation, count) in told.items():
        if name not in noticed:
            yield expectation.where, f"none of {count} mutations of its good trace makes {name} fail"


def verdicts(expectation: Expectation, each: Recording) -> Mapping[str, Verdict]:
    """What the expectation says of each mutation of a good recording."""
    return {
        f"{number}: {mutation.what}": judge([expectation], mutation.timeline)[0].verdict
        for number, mutation in enumerate(mutations(each.timeline, expectation))
    }


def _recordings(scenario: Scenario) -> list[tuple[Cell, Recording]]:
    """The readable recordings of the scenario, each with its cell."""
    cells = {cell.id: cell for cell in scenario.cells}
    found = []
    for file in recording.files(Path(scenario.root.where.path), scenario.name):
        try:
            each = recording.read(file)
        except InputError:
            continue  # NVH021 tells
        if each.cell in cells:
            found.append((cells[each.cell], each))
    return found


def _good(scenario: Scenario) -> list[Recording]:
    return [each for _, each in _recordings(scenario) if each.good]

# SPDX-License-Identifier: GPL-2.0-only
"""The lint rules. Each has a good and a bad file under tests/scenario/lint/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from harness.document.nodes import Node
from harness.errors import Location
from harness.level import Level
from harness.scenario import matrix, value_grammar
from harness.scenario.language import (
    Absence,
    Boot,
    Cell,
    ConsoleCheck,
    EventPattern,
    Existence,
    OracleCheck,
    Precedence,
    PythonCheck,
    Response,
    ResultCheck,
    Run,
    Scope,
    WaitFor,
)
from harness.scenario.patterns import patterns
from harness.scenario.ruleset import Advice, RuleSet
from harness.scenario.scenario import Scenario

SHAPE = RuleSet()
"""The rules that need nothing but the scenario."""
rule = SHAPE.rule
SUMMARY_LENGTH = 100
COUNTING = ("nvh-litmus", "nvh-kvm")
"""Programs that tell how many cases they ran and how each control went (docs/populations.md)."""
COUNTED = ("cases", "selected", "run", "judged", "passed", "seen", "direct", "unobservable", "free")
"""Of their words, those whose value is known beforehand."""
TEXTS = ("", "x\n", "\n\n", "error: 1\n")
"""Outputs of which an expression that matches all matches any."""
ONCE = ("== 1", "<= 1", "== 0")


@rule("NVH001")
def claims_named(scenario: Scenario) -> Iterator[Advice]:
    """A scenario names the claims it checks.

    ``claims`` ties a scenario to what the v8 patch promises (``nv-tlbi-v8.6``), so that a report can show
    which promises were checked. harness/scenario/claims.yaml lists them.
    """
    if not scenario.cells[0].claims:
        yield scenario.root.keys["scenario"], "no claim: add 'claims' with what this scenario checks"


@rule("NVH002")
def exercisable(scenario: Scenario) -> Iterator[Advice]:
    """An expectation looks at a level that some step boots.

    An event or console of a level that never comes up cannot be observed: the expectation is vacuous or
    fails in every run.
    """
    for cell in scenario.cells:
        top = max((step.level for step in cell.steps if isinstance(step, Boot)), default=None)
        for where, level in _looked_at(cell):
            if top is None or level > top:
                yield where, f"{level} is never booted, so this can never be exercised"


def _looked_at(cell: Cell) -> Iterator[tuple[Location, Level]]:
    for expectation in cell.expectations:
        if isinstance(expectation, ConsoleCheck):
            yield expectation.where, expectation.level
        for pattern in patterns(expectation):
            source = pattern.event.partition(".")[0]
            if source in {str(level) for level in Level}:  # the model sees every level
                yield pattern.where, Level.parse(source)


@rule("NVH003")
def parameters_used(scenario: Scenario) -> Iterator[Advice]:
    """Every matrix parameter is used.

    A parameter that nothing refers to multiplies the cells without making them differ.
    """
    axes = scenario.root.map.get("matrix")
    if axes is None:
        return
    rest = {key: node for key, node in scenario.root.map.items() if key != "matrix"}
    used = matrix.names_in(Node(scenario.root.where, rest, scenario.root.keys))
    for key, where in axes.keys.items():
        if key not in used and key not in matrix.RESERVED:
            yield where, f"the matrix parameter {key!r} is used nowhere"


@rule("NVH004")
def marks_used(scenario: Scenario) -> Iterator[Advice]:
    """Every mark is used by a scope.

    A mark that no scope names is either left over or missing from an expectation.
    """
    used = set()
    for cell in scenario.cells:
        for expectation in cell.expectations:
            scope = getattr(expectation, "scope", None)
            edges = (scope.after, scope.before) if scope is not None else ()
            used |= {edge for edge in edges if isinstance(edge, str)}
    for cell in scenario.cells:
        for step, node in zip(cell.steps, scenario.root.map["steps"].items, strict=True):
            mark = step.mark or getattr(step, "name", None) if "mark" in node.map else None
            if mark is not None and not used & {mark, f"{mark}.begin", f"{mark}.end"}:
                yield node.map["mark"].where, f"the mark {mark!r} is in no scope"


@rule("NVH005")
def summary_short(scenario: Scenario) -> Iterator[Advice]:
    """The summary is one line of at most 100 characters.

    It is a cell's title in the report and on the terminal.
    """
    for cell in scenario.cells:
        text = cell.summary.strip()
        if "\n" in text or len(text) > SUMMARY_LENGTH:
            where = scenario.root.map["summary"].where
            yield where, f"the summary is not one line of at most {SUMMARY_LENGTH} characters"


@rule("NVH006")
def background_awaited(scenario: Scenario) -> Iterator[Advice]:
    """A background run is waited for.

    Otherwise the cell's end kills it at a moment that differs from run to run, and its exit status says
    nothing. ``wait-for: {output: ...}`` on it counts as waiting, as long as no result is asked of it.
    """
    for cell in scenario.cells:
        waits = [step for step in cell.steps if isinstance(step, WaitFor)]
        results = {item.run for item in cell.expectations if isinstance(item, ResultCheck)}
        for step in cell.steps:
            if not isinstance(step, Run) or not step.background:
                continue
            if any(wait.process == step.name for wait in waits):
                continue
            if step.name in results:
                yield step.where, f"the result of {step.name!r} is checked, but nothing waits for its end"
            elif not any(wait.of == step.name for wait in waits):
                yield step.where, f"nothing waits for the background run {step.name!r}"


@rule("NVH007")
def absence_given(scenario: Scenario) -> Iterator[Advice]:
    """An absence over the whole run says what must have happened.

    Nothing is absent from a run in which nothing happens. ``given`` names the event that has to occur for
    the absence to count; a ``scope`` at least ties it to a step.
    """
    for cell in scenario.cells:
        for item in cell.expectations:
            if isinstance(item, Absence) and item.given is None and item.scope == Scope():
                yield item.where, f"the absence {item.name!r} has neither 'given' nor 'scope'"


@rule("NVH008")
def file_named(scenario: Scenario) -> Iterator[Advice]:
    """A file is named after its scenario.

    Whoever reads a scenario's name in a report finds its file by it.
    """
    if PurePath(scenario.root.where.path).stem != scenario.name:
        yield (
            scenario.root.map["scenario"].where,
            f"the file is not named {scenario.name}{PurePath(scenario.root.where.path).suffix}",
        )


@rule("NVH009")
def boots_needed(scenario: Scenario) -> Iterator[Advice]:
    """A boot step brings up a level.

    ``boot: l2`` brings up L0 and L1 as well; booting a level that is up does nothing.
    """
    for cell in scenario.cells:
        top: Level | None = None
        for step in cell.steps:
            if isinstance(step, Boot):
                if top is not None and step.level <= top:
                    yield step.where, f"{step.level} is up already"
                top = step.level if top is None else max(top, step.level)


@rule("NVH010")
def timeouts_fit(scenario: Scenario) -> Iterator[Advice]:
    """A step's timeout is shorter than the scenario's.

    Otherwise the whole cell is ended before the step, and the report blames the wrong thing.
    """
    for cell in scenario.cells:
        for step in cell.steps:
            if step.timeout >= cell.timeout:
                yield step.where, f"timeout {step.timeout:g} s, but the scenario's is {cell.timeout:g} s"


@rule("NVH011")
def variables_used(scenario: Scenario) -> Iterator[Advice]:
    """A variable stands at two places or more.

    ``$x`` relates fields to each other; one that stands alone matches everything and says nothing.
    """
    for cell in scenario.cells:
        for item in cell.expectations:
            places: dict[str, list[EventPattern]] = {}
            for pattern in patterns(item):
                for value in pattern.fields.values():
                    for name in value_grammar.variables({"": value}):
                        places.setdefault(name, []).append(pattern)
            for name, where in places.items():
                if len(where) == 1:
                    yield where[0].where, f"${name} stands only here and so says nothing"


@rule("NVH012")
def claims_looked_at(scenario: Scenario) -> Iterator[Advice]:
    """What a scenario claims of TLBIs is looked at, or counted.

    That a program ended well says nothing of exits and invalidations: it does so too where none happened. An
    expectation on events, an oracle or the sanitizer looks at them; nvh-litmus and nvh-kvm count cases, each
    with a control of its own. A `result` of anything else stands beside one of these, never alone.
    """
    for cell in scenario.cells:
        if cell.claims and not _looks(cell):
            where = scenario.root.map["claims"].where
            yield where, "only outputs are expected: nothing looks at what is claimed, or counts it"


def _looks(cell: Cell) -> bool:
    if cell.stack.sanitize:
        return True
    if any(isinstance(e, OracleCheck | PythonCheck) or list(patterns(e)) for e in cell.expectations):
        return True
    results = {item.run for item in cell.expectations if isinstance(item, ResultCheck)}
    return any(isinstance(s, Run) and s.name in results and counts(s.command) for s in cell.steps)


def counts(command: str) -> bool:
    """Whether a command runs one of the programs that count their cases."""
    return any(re.search(rf"(?<![\w-]){program}(?![\w-])", command) for program in COUNTING)


@rule("NVH013")
def can_fail(scenario: Scenario) -> Iterator[Advice]:
    """A result or console expectation can fail.

    `exit: any` with nothing else holds for every run that was started, an expression that matches any text
    (`.*`, `^$` at the end of every text) for every output. `^` and `$` stand at lines: an output that
    has to be empty is `\\A\\Z`.
    """
    for cell in scenario.cells:
        for item in cell.expectations:
            for text in _expressions(item):
                if all(re.search(text, each, re.MULTILINE) for each in TEXTS):
                    yield item.where, f"{item.name!r}: {text!r} matches every output"
            if (
                isinstance(item, ResultCheck)
                and item.exit is None
                and not (list(_expressions(item)) or item.values or item.lacks is not None)
            ):
                yield item.where, f"{item.name!r} holds however the run ends"


def _expressions(item: object) -> list[str]:
    if isinstance(item, ConsoleCheck):
        return [] if item.negated else [item.matches]
    if isinstance(item, ResultCheck):
        return [text for text in (item.stdout, item.stderr) if text is not None]
    return []


@rule("NVH014")
def no_floor(scenario: Scenario) -> Iterator[Advice]:
    """How many cases there are is not a floor.

    nvh-litmus and nvh-kvm run cases whose number is known: scenarios/populations.csv has it, and a cell that
    differs fails. `passed: "> 0"` of 400 cases says that 399 may be lost.
    """
    for cell in scenario.cells:
        counting = {s.name for s in cell.steps if isinstance(s, Run) and counts(s.command)}
        for item in cell.expectations:
            if not isinstance(item, ResultCheck) or item.run not in counting:
                continue
            for key, wanted in item.values.items():
                if key in COUNTED and str(wanted).startswith(">"):
                    yield item.where, f"{key} is known exactly: leave {key}: {str(wanted)!r} to the table"


@rule("NVH015")
def partners_said(scenario: Scenario) -> Iterator[Advice]:
    """A response or precedence whose triggers may outnumber their partners says so.

    Without `partners` one partner may answer any number of triggers, so that all but one can be lost.
    `partners: distinct` wants one for each; `partners: shared` says that one for many is meant. Nothing need
    be said where an `existence` beside it holds the triggers to one.
    """
    for cell in scenario.cells:
        once = [e for e in cell.expectations if isinstance(e, Existence) and e.count in ONCE]
        for item in cell.expectations:
            if not isinstance(item, Response | Precedence) or item.partners:
                continue
            trigger = item.when if isinstance(item, Response) else item.event
            if not any(_holds_to_one(e, trigger, item.scope) for e in once):
                yield item.where, f"{item.name!r}: one {_partner(item).event} may answer many {trigger.event}"


def _partner(item: Response | Precedence) -> EventPattern:
    return item.then if isinstance(item, Response) else item.first


def _holds_to_one(existence: Existence, trigger: EventPattern, scope: Scope) -> bool:
    """Whether whatever matches ``trigger`` matches ``existence``, which counts it in the same scope."""
    of = existence.of
    if of.event != trigger.event or existence.scope != scope:
        return False
    free = {key for key, value in of.fields.items() if str(value).startswith("$")}
    return all(trigger.fields.get(key) == of.fields[key] for key in set(of.fields) - free)

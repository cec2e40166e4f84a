"""The lint rules. Each has a good and a bad file under tests/scenario/lint/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from harness.errors import Location
from harness.level import Level
from harness.scenario import grammar, matrix
from harness.scenario.lint import Finding, rule
from harness.scenario.model import (
    Absence,
    Boot,
    Cell,
    ConsoleCheck,
    EventPattern,
    ResultCheck,
    Run,
    Scope,
    WaitFor,
)
from harness.scenario.nodes import Node
from harness.scenario.patterns import patterns
from harness.scenario.scenario import Scenario

SUMMARY_LENGTH = 100


@rule("NVH001")
def claims_named(scenario: Scenario) -> Iterator[Finding]:
    """A scenario names the claims it checks.

    ``claims`` ties a scenario to what the seed patch promises (``seed.6``), so that a report can show
    which promises were checked. harness/scenario/claims.yaml lists them.
    """
    if not scenario.cells[0].claims:
        yield scenario.root.keys["scenario"], "no claim: add 'claims' with what this scenario checks"


@rule("NVH002")
def exercisable(scenario: Scenario) -> Iterator[Finding]:
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
def parameters_used(scenario: Scenario) -> Iterator[Finding]:
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
def marks_used(scenario: Scenario) -> Iterator[Finding]:
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
def summary_short(scenario: Scenario) -> Iterator[Finding]:
    """The summary is one line of at most 100 characters.

    It is a cell's title in the report and on the terminal.
    """
    for cell in scenario.cells:
        text = cell.summary.strip()
        if "\n" in text or len(text) > SUMMARY_LENGTH:
            where = scenario.root.map["summary"].where
            yield where, f"the summary is not one line of at most {SUMMARY_LENGTH} characters"


@rule("NVH006")
def background_awaited(scenario: Scenario) -> Iterator[Finding]:
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
def absence_given(scenario: Scenario) -> Iterator[Finding]:
    """An absence over the whole run says what must have happened.

    Nothing is absent from a run in which nothing happens. ``given`` names the event that has to occur for
    the absence to count; a ``scope`` at least ties it to a step.
    """
    for cell in scenario.cells:
        for item in cell.expectations:
            if isinstance(item, Absence) and item.given is None and item.scope == Scope():
                yield item.where, f"the absence {item.name!r} has neither 'given' nor 'scope'"


@rule("NVH008")
def file_named(scenario: Scenario) -> Iterator[Finding]:
    """A file is named after its scenario.

    Whoever reads a scenario's name in a report finds its file by it.
    """
    if PurePath(scenario.root.where.path).stem != scenario.name:
        yield scenario.root.map["scenario"].where, f"the file is not named {scenario.name}.yaml"


@rule("NVH009")
def boots_needed(scenario: Scenario) -> Iterator[Finding]:
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
def timeouts_fit(scenario: Scenario) -> Iterator[Finding]:
    """A step's timeout is shorter than the scenario's.

    Otherwise the whole cell is ended before the step, and the report blames the wrong thing.
    """
    for cell in scenario.cells:
        for step in cell.steps:
            if step.timeout >= cell.timeout:
                yield step.where, f"timeout {step.timeout:g} s, but the scenario's is {cell.timeout:g} s"


@rule("NVH011")
def variables_used(scenario: Scenario) -> Iterator[Finding]:
    """A variable stands at two places or more.

    ``$x`` relates fields to each other; one that stands alone matches everything and says nothing.
    """
    for cell in scenario.cells:
        for item in cell.expectations:
            places: dict[str, list[EventPattern]] = {}
            for pattern in patterns(item):
                for value in pattern.fields.values():
                    for name in grammar.variables({"": value}):
                        places.setdefault(name, []).append(pattern)
            for name, where in places.items():
                if len(where) == 1:
                    yield where[0].where, f"${name} stands only here and so says nothing"

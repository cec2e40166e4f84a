"""From observations to findings. A new kind of expectation is one module and one row of ``CHECKS``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.check import absence, console, existence, response, result
from harness.check.finding import Finding, Observations, RunResult
from harness.check.match import variable_problems
from harness.errors import InfraError, InputError, Problem
from harness.level import Level
from harness.scenario import model
from harness.scenario.model import EventPattern, Expectation
from harness.trace.timeline import Timeline

CHECKS: Mapping[type[Expectation], Callable[[Any, Observations], Finding]] = {
    model.Existence: existence.check,
    model.Absence: absence.check,
    model.Response: response.check_response,
    model.Precedence: response.check_precedence,
    model.ConsoleCheck: console.check,
    model.ResultCheck: result.check,
}


def problems(expectations: Iterable[Expectation]) -> list[Problem]:
    """Conditions, counts and variables that make no sense, with their places; for lint as well."""
    found: list[Problem] = []
    for each in expectations:
        try:
            if isinstance(each, model.Existence):
                existence.parse_count(each)
            found += variable_problems(_in_binding_order(each))
        except InputError as error:
            found += error.problems
    return found


def _in_binding_order(expectation: Expectation) -> list[EventPattern]:
    if isinstance(expectation, model.Existence):
        return [expectation.of]
    if isinstance(expectation, model.Absence):
        return [pattern for pattern in (expectation.given, expectation.of) if pattern is not None]
    if isinstance(expectation, model.Response):
        return [expectation.when, expectation.then]
    if isinstance(expectation, model.Precedence):
        return [expectation.event, expectation.first]
    return []


def evaluate(
    expectations: Iterable[Expectation],
    timeline: Timeline,
    results: Mapping[str, RunResult],
    consoles: Mapping[Level, str],
) -> list[Finding]:
    """One finding per expectation, in order. ``InputError`` for patterns that make no sense."""
    chosen = tuple(expectations)
    wrong = problems(chosen)
    if wrong:
        raise InputError(wrong)
    seen = Observations(timeline, results, consoles)
    findings = []
    for each in chosen:
        check = CHECKS.get(type(each))
        if check is None:
            raise InfraError(f"nothing checks {type(each).__name__}; add a row to harness.check.evaluate")
        findings.append(check(each, seen))
    return findings

"""From observations to findings. A new kind of expectation is one module and one row of ``CHECKS``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.check import absence, console, existence, hatch, response, result
from harness.check.finding import Finding, Observations, RunResult
from harness.check.match import variable_problems
from harness.check.oracle import ORACLES
from harness.errors import InfraError, InputError, Problem
from harness.level import Level
from harness.scenario import model
from harness.scenario.model import EventPattern, Expectation, OracleCheck
from harness.trace.plan import patterns_of
from harness.trace.timeline import Timeline


def _oracle(expectation: OracleCheck, seen: Observations) -> Finding:
    oracle = ORACLES.get(expectation.oracle)
    if oracle is None:
        raise InfraError(f"no oracle {expectation.oracle}; add a row to harness.check.oracle.ORACLES")
    return oracle(expectation, seen)


CHECKS: Mapping[type[Expectation], Callable[[Any, Observations], Finding]] = {
    model.Existence: existence.check,
    model.Absence: absence.check,
    model.Response: response.check_response,
    model.Precedence: response.check_precedence,
    model.OracleCheck: _oracle,
    model.PythonCheck: hatch.check,
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


def event_names(expectations: Iterable[Expectation]) -> list[str]:
    """The events that the expectations look at, each once: what has to be traced for them."""
    names: dict[str, None] = {}
    for each in expectations:
        names |= dict.fromkeys(pattern.event for pattern in patterns_of(each))
        if isinstance(each, model.PythonCheck):
            names |= dict.fromkeys(each.events)
        if isinstance(each, model.OracleCheck) and each.oracle in ORACLES:
            names |= dict.fromkeys(ORACLES[each.oracle].events)
    return list(names)


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

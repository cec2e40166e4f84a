# SPDX-License-Identifier: GPL-2.0-only
"""From observations to findings. A new kind of expectation is one module and one row of ``CHECKS``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.check import absence, console, existence, python_check, response, result, sequence, universality
from harness.check.breaks import Breaks
from harness.check.finding import Finding, Observations, RunResult
from harness.check.match import variable_problems
from harness.check.oracle import ORACLES
from harness.check.scope import scoped
from harness.check.shadow import Look
from harness.errors import InfraError, InputError, Problem
from harness.level import Level
from harness.scenario import language as model
from harness.scenario.language import Expectation, OracleCheck
from harness.scenario.patterns import patterns
from harness.trace.timeline import Timeline


def _oracle(expectation: OracleCheck, seen: Observations) -> Finding:
    oracle = ORACLES.get(expectation.oracle)
    if oracle is None:
        raise InfraError(f"no oracle {expectation.oracle}; add a row to harness.check.oracle.ORACLES")
    return oracle(expectation, seen)


CHECKS: Mapping[type[Expectation], Callable[[Any, Observations], Finding]] = {
    model.Existence: scoped(existence.check),
    model.Absence: scoped(absence.check),
    model.Universality: scoped(universality.check),
    model.Response: scoped(response.check_response),
    model.Precedence: scoped(response.check_precedence),
    model.Sequence: scoped(sequence.check),
    model.OracleCheck: _oracle,
    model.PythonCheck: python_check.check,
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
            found += variable_problems(patterns(each))
        except InputError as error:
            found += error.problems
    return found


def event_names(expectations: Iterable[Expectation]) -> list[str]:
    """The events that the expectations look at, each once: what has to be traced for them."""
    names: dict[str, None] = {}
    for each in expectations:
        names |= dict.fromkeys(pattern.event for pattern in patterns(each))
        if isinstance(each, model.PythonCheck):
            names |= dict.fromkeys(each.events)
        if isinstance(each, model.OracleCheck) and each.oracle in ORACLES:
            names |= dict.fromkeys(ORACLES[each.oracle].events)
    return list(names)


def evaluate(
    expectations: Iterable[Expectation],
    timeline: Timeline,
    results: Mapping[str, RunResult],
    consoles: Mapping[Level, str],
    looks: tuple[Look, ...] = (),
    breaks: Breaks | None = None,
) -> list[Finding]:
    """One finding per expectation, in order. ``InputError`` for patterns that make no sense."""
    chosen = tuple(expectations)
    wrong = problems(chosen)
    if wrong:
        raise InputError(wrong)
    seen = Observations(timeline, results, consoles, looks, breaks)
    findings = []
    for each in chosen:
        check = CHECKS.get(type(each))
        if check is None:
            raise InfraError(f"nothing checks {type(each).__name__}; add a row to harness.check.evaluate")
        findings.append(check(each, seen))
    return findings

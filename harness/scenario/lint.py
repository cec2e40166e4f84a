"""Advice about scenarios that load but could be better. A rule is a function; its docstring is the help.

Register a rule with ``@rule("NVH0xx")``; it yields findings for one loaded scenario. Ids are never reused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError, Location, Problem
from harness.scenario.load import scenario_files
from harness.scenario.scenario import NO_OVERRIDES, Overrides, Scenario, load
from harness.scenario.vocabulary import Vocabulary

Finding = tuple[Location, str]
Rule = Callable[[Scenario], Iterator[Finding]]

_RULES: dict[str, Rule] = {}


@dataclass(frozen=True, order=True, slots=True)
class LintFinding:
    """One piece of advice: where, which rule, what."""

    where: Location
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule} {self.message}"


def rule(rule_id: str) -> Callable[[Rule], Rule]:
    """Register a rule under its id."""

    def register(function: Rule) -> Rule:
        if rule_id in _RULES or not function.__doc__:
            raise ValueError(f"{rule_id} is taken or has no help")
        _RULES[rule_id] = function
        return function

    return register


def rules() -> Mapping[str, str]:
    """All rules: id → help, whose first line is the summary."""
    from harness.scenario import rules as shipped  # noqa: F401 - importing it registers the rules

    return {rule_id: inspect.cleandoc(_RULES[rule_id].__doc__ or "") for rule_id in sorted(_RULES)}


def lint(
    path: Path | str, vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES, base: Path | None = None
) -> list[LintFinding]:
    """All findings for one scenario file in file order; ``InputError`` when it does not load."""
    overrides.check(vocabulary)
    scenario = load(Path(path), vocabulary, overrides, base)
    found = {
        LintFinding(where, rule_id, message)
        for rule_id in rules()
        for where, message in _RULES[rule_id](scenario)
    }
    return sorted(found)


def lint_paths(
    paths: Iterable[Path | str], vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES
) -> list[LintFinding]:
    """All findings for files and directories; one ``InputError`` with the problems of all files."""
    problems: list[Problem] = []
    found: list[LintFinding] = []
    for path in scenario_files(paths, problems):
        try:
            found += lint(path, vocabulary, overrides)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found

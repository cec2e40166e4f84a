# SPDX-License-Identifier: GPL-2.0-only
"""Advice about scenarios that load but could be better. A rule is a function; its docstring is the help.

Register a rule with ``@rule("NVH0xx")``; it yields findings for one loaded scenario. Ids are never reused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError, Location, Problem
from harness.scenario.load import scenario_files
from harness.scenario.scenario import NO_OVERRIDES, Overrides, Scenario, load
from harness.scenario.vocabulary import Vocabulary

Finding = tuple[Location, str]
Rule = Callable[[Scenario], Iterator[Finding]]


@dataclass(frozen=True, order=True, slots=True)
class LintFinding:
    """One piece of advice: where, which rule, what."""

    where: Location
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule} {self.message}"


class RuleSet:
    """Rules of one room, by id."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}

    def rule(self, rule_id: str) -> Callable[[Rule], Rule]:
        """Register a rule under its id."""

        def register(function: Rule) -> Rule:
            if rule_id in self._rules or not function.__doc__:
                raise ValueError(f"{rule_id} is taken or has no help")
            self._rules[rule_id] = function
            return function

        return register

    def help(self) -> Mapping[str, str]:
        """All rules: id → help, whose first line is the summary."""
        return {each: inspect.cleandoc(self._rules[each].__doc__ or "") for each in sorted(self._rules)}

    def findings(self, scenario: Scenario) -> set[LintFinding]:
        """What the rules find in one scenario."""
        return {
            LintFinding(where, rule_id, message)
            for rule_id, rule in self._rules.items()
            for where, message in rule(scenario)
        }


SHAPE = RuleSet()
"""The rules that need nothing but the scenario."""

rule = SHAPE.rule


def rules() -> Mapping[str, str]:
    """The rules of this room: id → help."""
    return _shape().help()


def _shape() -> RuleSet:
    from harness.scenario import rules as shipped  # noqa: F401 - importing it registers the rules

    return SHAPE


def lint(
    path: Path | str,
    vocabulary: Vocabulary,
    overrides: Overrides = NO_OVERRIDES,
    more: Sequence[RuleSet] = (),
) -> list[LintFinding]:
    """All findings for one scenario file in file order; ``InputError`` when it does not load.

    ``more`` are rules of other rooms.
    """
    overrides.check(vocabulary)
    scenario = load(Path(path), vocabulary, overrides)
    return sorted(set[LintFinding]().union(*(each.findings(scenario) for each in (_shape(), *more))))


def lint_paths(
    paths: Iterable[Path | str],
    vocabulary: Vocabulary,
    overrides: Overrides = NO_OVERRIDES,
    more: Sequence[RuleSet] = (),
) -> list[LintFinding]:
    """All findings for files and directories; one ``InputError`` with the problems of all files."""
    problems: list[Problem] = []
    found: list[LintFinding] = []
    for path in scenario_files(paths, problems):
        try:
            found += lint(path, vocabulary, overrides, more=more)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found

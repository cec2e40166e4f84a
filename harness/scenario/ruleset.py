# SPDX-License-Identifier: GPL-2.0-only
"""Rules that give advice about scenarios: how one is registered, and what it finds.

Register a rule with ``@rule("NVH0xx")``; it yields advice for one loaded scenario, and its docstring is the
help. Ids are never reused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.errors import Location
from harness.scenario.scenario import Scenario

Advice = tuple[Location, str]
Rule = Callable[[Scenario], Iterator[Advice]]


@dataclass(frozen=True, order=True, slots=True)
class LintFinding:
    """One piece of advice: where, which rule, what."""

    where: Location
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule} {self.message}"


class RuleSet:
    """Rules of one package, by id."""

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

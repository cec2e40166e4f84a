# SPDX-License-Identifier: GPL-2.0-only
"""Advice about scenarios that load but could be better: what the rules of all packages find in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import InputError, Problem
from harness.scenario.load import scenario_files
from harness.scenario.rules import SHAPE
from harness.scenario.ruleset import LintFinding, RuleSet
from harness.scenario.scenario import NO_OVERRIDES, Overrides, load
from harness.scenario.vocabulary import Vocabulary


def lint(
    path: Path | str,
    vocabulary: Vocabulary,
    overrides: Overrides = NO_OVERRIDES,
    more: Sequence[RuleSet] = (),
) -> list[LintFinding]:
    """All findings for one scenario file in file order; ``InputError`` when it does not load.

    ``more`` are rules of other packages.
    """
    overrides.check(vocabulary)
    scenario = load(Path(path), vocabulary, overrides)
    return sorted(set[LintFinding]().union(*(each.findings(scenario) for each in (SHAPE, *more))))


def lint_paths(
    paths: Iterable[Path | str],
    vocabulary: Vocabulary,
    overrides: Overrides = NO_OVERRIDES,
    more: Sequence[RuleSet] = (),
) -> list[LintFinding]:
    """All findings for files and directories; one ``InputError`` with the problems of all files."""
    problems: list[Problem] = []
    see = ""
    found: list[LintFinding] = []
    for path in scenario_files(paths, problems):
        try:
            found += lint(path, vocabulary, overrides, more=more)
        except InputError as error:
            problems += error.problems
            see = see or error.see
    if problems:
        raise InputError(problems, see)
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""``sanitize: tlb`` in a scenario and on the command line, and what the model is given for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.runner.prepare import needs_plugins
from harness.runner.project import find_cells, vocabulary
from harness.runner.run import reproduce
from harness.scenario.load import load_file
from harness.scenario.scenario import Overrides

TEXT = """scenario: watched
summary: With the sanitizer on.
stack: {sanitize: WHAT}
steps:
  - boot: l0
expect:
  - console: up
    on: l0
    matches: Linux
"""


def test_a_stack_may_ask_for_it(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT.replace("WHAT", "tlb"))
    (cell,) = load_file(path, vocabulary())
    assert cell.stack.sanitize == "tlb"


def test_nothing_else_is_a_sanitizer(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT.replace("WHAT", "cache"))
    with pytest.raises(InputError, match=r"s\.yaml:3:19: .*tlb"):
        load_file(path, vocabulary())


def test_an_oracle_that_judges_by_it_turns_it_on(tmp_path: Path) -> None:
    """As naming an oracle traces its events; the model gets its plugins then, and others are left alone."""
    path = tmp_path / "s.yaml"
    text = TEXT.replace("stack: {sanitize: WHAT}\n", "")
    path.write_text(text)
    (plain,) = load_file(path, vocabulary())
    path.write_text(text + "  - oracle: break-before-make\n    options: {level: l1}\n")
    (cell,) = load_file(path, vocabulary())
    assert (plain.stack.sanitize, cell.stack.sanitize) == ("", "tlb")
    assert (needs_plugins(plain), needs_plugins(cell)) == (False, True)
    assert dataclasses.replace(cell.stack, sanitize="") == plain.stack
    path.write_text(text + "  - oracle: shadow-subset\n")
    (other,) = load_file(path, vocabulary())
    assert other.stack.sanitize == ""


def test_an_unknown_option_of_the_oracle_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    oracle = "  - oracle: break-before-make\n    options: {levels: l1}\n"
    path.write_text(TEXT.replace("WHAT", "tlb") + oracle)
    with pytest.raises(InputError, match=r"s\.yaml:11:15: .*'levels' of break-before-make.*level"):
        load_file(path, vocabulary())


def test_the_command_line_asks_for_it_and_says_so_again() -> None:
    (plain,) = find_cells([], ["three-levels"], Overrides())
    overrides = Overrides(sanitize="tlb")
    (cell,) = find_cells([], ["three-levels"], overrides)
    assert (plain.stack.sanitize, cell.stack.sanitize) == ("", "tlb")
    assert dataclasses.replace(cell.stack, sanitize="") == plain.stack
    assert reproduce(cell, overrides).endswith("--sanitize tlb")


def test_the_shipped_killers_are_sanitized() -> None:
    cells = find_cells([], ["sanitize-*"], Overrides())
    assert len(cells) >= 3
    assert {cell.stack.sanitize for cell in cells} == {"tlb"}

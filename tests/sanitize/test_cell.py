"""``sanitize: tlb`` in a scenario and on the command line, and what the model is given for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.cell.project import find_cells, vocabulary
from harness.cell.run import reproduce
from harness.errors import InputError
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

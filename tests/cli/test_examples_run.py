# SPDX-License-Identifier: GPL-2.0-only
"""Examples of help texts and pages that need no machine are executed; the others have a test or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_PASS, UserError
from harness.host.paths import ROOT
from tests.cli.test_examples import whole
from tests.examples import HERE, MACHINE, REASONS, TESTED, examples, own, picked, reason, words_of, workspace

EXECUTED = {*HERE, *(command for command, _ in MACHINE)}


def test_what_is_executed_is_an_example() -> None:
    assert [each for each in EXECUTED if each not in examples()] == []


@pytest.mark.parametrize("command", [each for each in examples() if each not in EXECUTED])
def test_an_example_that_is_not_executed_has_a_reason(command: str) -> None:
    assert reason(command), "tests/examples.py: HERE, MACHINE, TESTED, or a reason of REASONS that holds"


def missing(command: str) -> bool:
    """Whether a cell that it names is none; of ``run`` and what looks at a cell of a run."""
    arguments = vars(whole().parse_args(words_of(command)))
    if arguments["verb"] not in ("run", "replay", "inspect", "gdb", "show", "bisect") or own(command):
        return False
    named = [arguments[key] for key in ("what", "cell", "target") if arguments.get(key)]
    words = [str(word) for each in named for word in (each if isinstance(each, list) else [each])]
    try:
        picked([], [word for word in words if not (ROOT / word).exists() and "/" not in word])
    except UserError:
        return True
    return False


def test_the_cells_of_examples_are_there() -> None:
    assert [each for each in examples() if missing(each)] == []
    assert missing("run 'defect-[a-z]*'")  # brackets are no pattern
    assert missing("run --kernel debian l1-storm")


def test_reasons_do_not_hold_for_everything() -> None:
    for name, holds in REASONS.items():
        assert 0 < sum(holds(each) for each in examples()) < len(examples()) / 2, name
    assert reason("run tlbi-el2") == reason("program scenarios/programs/ns-bit.nvl --on bare") == ""
    reasons = [reason(each) for each in examples()]
    assert [place for _, place, _ in TESTED if f"{place} has one" not in reasons] == []


@pytest.mark.parametrize("command", HERE)
def test_an_example_does_what_it_says(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace(tmp_path))
    assert main([word.replace("~", str(tmp_path)) for word in words_of(command)]) == EXIT_PASS
    said = capsys.readouterr()
    assert said.out or said.err or command.startswith("lint ")

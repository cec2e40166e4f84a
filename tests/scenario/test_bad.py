# SPDX-License-Identifier: GPL-2.0-only
"""Each file of bad/ gives exactly the message of its twin; NVH_GOLDEN=write writes the twins anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import EXIT_USER, InputError
from harness.scenario.load import load_file
from tests.scenario.names import HERE, VOCABULARY

BAD = sorted((HERE / "bad").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _in_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "bad")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_message(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_file(path.name, VOCABULARY)
    assert caught.value.exit_status == EXIT_USER
    golden = path.with_suffix(".txt")
    message = f"{caught.value}\n"
    if os.environ.get("NVH_GOLDEN") == "write":
        golden.write_text(message, encoding="utf-8")
    assert message == golden.read_text(encoding="utf-8")


def test_every_golden_has_its_file() -> None:
    assert {path.stem for path in (HERE / "bad").glob("*.txt")} == {path.stem for path in BAD}


def test_all_errors_of_all_kinds_at_once() -> None:
    """One file with faults in its YAML, its shape, its matrix and its references names each of them."""
    with pytest.raises(InputError) as caught:
        load_file("everything-at-once.yaml", VOCABULARY)
    text = str(caught.value)
    for part in (
        "duplicate key 'summary'",
        "the anchor &a",
        "unknown kernel 'nvv'",
        "unknown claim 'nv-tlbi-v8.99'",
        "the string 'a' a second time in op",
        "unknown key 'step'",
        "unknown parameter 'oq'",
        "l2 is used while only l1 is booted",
        "unknown key 'colour'",
        "unknown event 'l0.tlbj'",
        "unknown mark 'gone'",
        "unknown oracle 'b'",
        "leading zero",
    ):
        assert part in text
    lines = [problem.where.line for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert len(set(lines)) > 10


def test_every_problem_points_into_its_file() -> None:
    for path in BAD:
        with pytest.raises(InputError) as caught:
            load_file(path.name, VOCABULARY)
        lines = path.read_bytes().decode("latin-1").split("\n")
        for problem in caught.value.problems:
            assert problem.where.path == path.name
            assert 1 <= problem.where.line <= len(lines)
            assert 1 <= problem.where.col <= len(lines[problem.where.line - 1]) + 1

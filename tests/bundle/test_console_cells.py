# SPDX-License-Identifier: GPL-2.0-only
"""Which cells are one on a machine, what such a machine cannot be asked for, and names nearly right."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bundle.console_cells import fitting, reasons, without_model
from harness.bundle.console_model import is_console, load_console
from harness.cli.completion import machines
from harness.errors import UserError
from harness.level import Level
from harness.runner.project import vocabulary
from harness.scenario.load import load_file
from harness.scenario.scenario import Overrides

SCENARIO = """\
scenario: mine
summary: Mine.
claims: [nv-tlbi-v8.1]
matrix: {matrix}
stack: {stack}
steps:
  - boot: l0
  - run: nvh-litmus --case '{cases}/*'
    on: l0
    name: litmus
expect:
  - result: passed
    of: litmus
"""
BOARD = "console: board\nsummary: A board.\nline: pty\ncommand: [ssh, board, '{options}']\nslowdown: 2.0\n"


@pytest.mark.parametrize(
    ("matrix", "stack", "cases", "qemu", "board"),
    [
        ("{model: [qemu, qemu-10.0]}", '{model: "${model}"}', "s1-own", 1, 1),
        ("{cpus: [1, 2]}", '{l0: {cpus: "${cpus}"}}', "s1-own", 2, 2),
        ("{kernel: [nv, debian]}", '{l0: {kernel: "${kernel}"}}', "s1-own", 2, 2),
        ("{timing: [icount, mttcg]}", '{timing: "${timing}"}', "s1-own", 2, 1),
        ("{family: [s1-own, l2-own]}", "{model: qemu}", "${family}", 2, 2),
    ],
)
def test_what_a_machine_does_twice_is_done_once(
    tmp_path: Path, matrix: str, stack: str, cases: str, qemu: int, board: int
) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO.format(matrix=matrix, stack=stack, cases=cases))
    (tmp_path / "board.yaml").write_text(BOARD)
    cells = load_file(tmp_path / "mine.yaml", vocabulary())
    assert len(cells) == 2
    for console, count in (("qemu-console", qemu), (str(tmp_path / "board.yaml"), board)):
        found, apart = fitting(cells, console)
        assert (len(found), len(apart)) == (count, 2 - count)
        assert {each.cell.stack.model for each in found} == {console}
        if apart:
            assert reasons(apart) == ["1: on one machine it is the same as another"]


def test_a_real_machine_counts_no_instructions(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        SCENARIO.format(matrix="{n: [1]}", stack="{timing: icount}", cases="s1-own")
    )
    (tmp_path / "board.yaml").write_text(BOARD)
    cells = load_file(tmp_path / "mine.yaml", vocabulary())
    for console, timing in (("qemu-console", "icount"), (str(tmp_path / "board.yaml"), "mttcg")):
        [each], _ = fitting(cells, console)
        assert each.cell.stack.timing == timing


def test_mutants_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        SCENARIO.format(matrix="{n: [1]}", stack="{model: qemu}", cases="s1-own")
    )
    cells = load_file(tmp_path / "mine.yaml", vocabulary(), Overrides(mutant="ipas2-no-unmap"))
    [each], _ = fitting(cells, "qemu-console")
    assert each.chosen == (each.cell.stack.levels[Level.L0].kernel, "ipas2-no-unmap")


def test_what_it_cannot_be_asked_for() -> None:
    assert without_model(Overrides(model="qemu-console", kernel="nv")) == Overrides(kernel="nv")
    with pytest.raises(UserError, match="--sanitize"):
        without_model(Overrides(model="qemu-console", sanitize="tlb"))


@pytest.mark.parametrize(
    ("name", "wanted"), [("qemu-console", True), ("qemu", False), ("", False), ("/no/such.yaml", False)]
)
def test_names(name: str, wanted: bool) -> None:
    assert is_console(name) is wanted


def test_files(tmp_path: Path) -> None:
    for text, wanted in ((BOARD, True), ("model: x\n", False), ("# console: x\nmodel: x\n", False)):
        (tmp_path / "x.yaml").write_text(text)
        assert is_console(str(tmp_path / "x.yaml")) is wanted
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert not is_console(str(tmp_path / "x.yaml"))


def test_a_name_that_is_nearly_right() -> None:
    with pytest.raises(UserError, match="did you mean the console model 'qemu-console'"):
        is_console("qemu-consol")
    assert not is_console("quemu")
    assert {"qemu", "qemu-console"} <= set(machines())


@pytest.mark.parametrize("name", ["qemu-bare", "qemu-uefi", "board"])
def test_a_machine_that_cannot_be_told_which_cases_runs_none(tmp_path: Path, name: str) -> None:
    """All of them would boot something else, and be taken for cells that could not be decided."""
    (tmp_path / "mine.yaml").write_text(
        SCENARIO.format(matrix="{model: [qemu]}", stack="{model: qemu}", cases="s1-own")
    )
    (tmp_path / "board.yaml").write_text(BOARD.replace("{options}", "{bundle}"))
    cells = load_file(tmp_path / "mine.yaml", vocabulary())
    with pytest.raises(
        UserError, match=r"cannot be told which cases to run: neither \{append\} nor \{options\}"
    ):
        fitting(cells, str(tmp_path / "board.yaml") if name == "board" else name)


def test_a_dialogue_tells_as_well_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(
        BOARD.replace("{options}", "-") + "dialogue: [{ready: x, send: 'boot {append}'}]\n"
    )
    assert load_console(str(tmp_path / "board.yaml")).chooses
    assert load_console("qemu-console").chooses

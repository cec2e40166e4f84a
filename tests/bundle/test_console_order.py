# SPDX-License-Identifier: GPL-2.0-only
"""A scenario's cell on a console model: the real nvh-bundle behind a pipe, and machines that go wrong."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.bundle.console_order import LEFT_OUT, ConsoleOrder, carry_out, read_order, write_order
from harness.errors import InfraError, UserError
from harness.host.cache import Store
from harness.litmus.by_console import steps_of
from harness.litmus.coverage import coverage
from harness.report.results import CellResult
from harness.report.store import RESULT, read_cell
from harness.reproduce.debug.attach import attached
from harness.reproduce.replay import find_cell
from harness.reproduce.stopped import ram_of
from harness.runner.project import vocabulary
from harness.scenario.load import load_file
from harness.verdict import Verdict
from tests.bundle.test_drive import alive
from tests.ktap.conftest import make_tree, recorded, write_bundle

SCENARIO = """\
scenario: mine
summary: Mine.
claims: [nv-tlbi-v8.1]
stack: {sanitize: tlb}
timeout: 60
steps:
  - boot: l0
  - run: nvh-litmus --cases /usr/share/nvh/covering/default --failures 8 --leave
    on: l0
    name: litmus
expect:
  - result: all-passed
    of: litmus
    values: {failed: 0, vacuous: 0}
"""
LOST = {" control=stale-seen ": " control=lost ", " verdict=pass ": " verdict=vacuous "}
PANIC = "Kernel panic - not syncing: Attempted to kill init!"


def lines(verdicts: tuple[str, ...] = ("pass",), change: Mapping[str, str] | None = None) -> dict[str, str]:
    """Recorded lines, the first of them changed."""
    found = recorded(verdicts)
    first = next(iter(found))
    for was, now in (change or {}).items():
        assert was in found[first]
        found[first] = found[first].replace(was, now)
    return found


class Lab:
    """A bundle, its tree as a machine, and the cell that is to run there."""

    def __init__(self, runner: Path, place: Path) -> None:
        self.runner = runner
        self.place = place
        self.cell_directory = place / "cell"
        self.cell_directory.mkdir()

    def order(
        self, cases: Mapping[str, str], *, mode: str = "whole", command: str = "", slowdown: float = 1.0
    ) -> ConsoleOrder:
        tree = make_tree(self.runner, self.place / "tree", cases, mode)
        write_bundle(self.place / "bundle", dict.fromkeys(cases, 1))
        (self.place / "bundle/Image").write_bytes(b"kernel")
        words = command or f"[{tree}/nvh-bundle, '{{options}}']"
        (self.place / "board.yaml").write_text(
            f"console: board\nsummary: A board.\nversion: board 1\nline: pipe\nslowdown: {slowdown}\n"
            f"command: {words}\n"
        )
        (self.place / "mine.yaml").write_text(SCENARIO)
        [cell] = load_file(self.place / "mine.yaml", vocabulary())
        steps = steps_of(cell)
        return ConsoleOrder(
            cell,
            steps,
            tuple(step.group for step in steps),
            str(self.place / "board.yaml"),
            str(self.place / "bundle"),
            "mine",
            "./nvh run mine",
        )

    def run(self, order: ConsoleOrder) -> CellResult:
        result = carry_out(order, self.cell_directory, Store(self.place / "cache"))
        assert read_cell(self.cell_directory / RESULT) == result
        assert not alive(self.place), "a process is left"
        return result


@pytest.fixture
def lab(runner: Path, tmp_path: Path) -> Lab:
    return Lab(runner, tmp_path)


def named(result: CellResult) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in result.findings}


def test_it_passes_with_all_that_was_asked(lab: Lab) -> None:
    result = lab.run(lab.order(lines()))
    assert result.verdict is Verdict.PASS, result.headline
    assert named(result)["all-passed"] is Verdict.PASS
    assert {"log", "selection", "kernel", "population", "no-splat-l0"} <= named(result).keys()
    assert (result.model, result.timing, result.kernels) == ("board", "console", {"l0": "nv"})
    assert "sanitizer" in result.facts[LEFT_OUT]
    [table] = coverage([lab.cell_directory])
    assert (table.machine, table.lines) == ("board 1", len(lines()))


def test_a_case_that_fails(lab: Lab) -> None:
    result = lab.run(lab.order(lines(("pass", "fail"))))
    assert result.verdict is Verdict.FAIL
    assert named(result)["all-passed"] is Verdict.FAIL
    assert "case=" in result.findings[0].message.splitlines()[0]


def test_a_control_that_is_lost(lab: Lab) -> None:
    name = next(name for name, line in recorded().items() if "control=stale-seen" in line)
    cases = recorded()
    for was, now in LOST.items():
        cases[name] = cases[name].replace(was, now)
    result = lab.run(lab.order(cases))
    assert result.verdict is Verdict.VACUOUS
    assert named(result)["all-passed"] is Verdict.VACUOUS


def test_no_el2_for_guests(lab: Lab) -> None:
    result = lab.run(lab.order(lines(), mode="no-el2"))
    assert result.verdict is Verdict.VACUOUS
    assert named(result)["all-passed"] is Verdict.VACUOUS


@pytest.mark.parametrize("verdicts", [("pass",), ("pass", "fail")])
def test_killed_in_mid_run(lab: Lab, verdicts: tuple[str, ...]) -> None:
    """What came whole and failed is a failure; the rest is not decided."""
    order = lab.order(lines(verdicts))
    words = [str(lab.place / "tree/nvh-bundle"), "--list=default"]
    log = subprocess.run(words, capture_output=True, check=False, timeout=60).stdout
    failed = log.find(b"verdict=fail")
    part = log[: log.find(b"\n", failed) + 1] if failed >= 0 else log[: len(log) // 2]
    (lab.place / "part").write_bytes(part)
    (lab.place / "board.yaml").write_text(
        f"console: board\nsummary: B.\nline: pipe\nslowdown: 1\ncommand: [sh, -c, 'cat {lab.place}/part']\n"
    )
    result = lab.run(order)
    wanted = Verdict.FAIL if failed >= 0 else Verdict.UNDECIDED
    assert (result.verdict, named(result)["all-passed"]) == (wanted, wanted)


def test_a_panic_before_the_cases(lab: Lab) -> None:
    result = lab.run(lab.order(lines(), command=f"[sh, -c, 'echo booting; echo \"[    1.000000] {PANIC}\"']"))
    assert result.verdict is Verdict.FAIL
    assert named(result)["log"] is Verdict.FAIL
    assert named(result)["all-passed"] is Verdict.UNDECIDED


def test_it_says_something_else(lab: Lab) -> None:
    result = lab.run(lab.order(lines(), command="[echo, 'login:']"))
    assert result.verdict is Verdict.UNDECIDED
    assert set(named(result).values()) == {Verdict.UNDECIDED}


@pytest.mark.parametrize(
    ("command", "said"), [("['true']", "printed nothing"), ("[/nowhere/at/all]", "cannot be run")]
)
def test_it_cannot_be_reached(lab: Lab, command: str, said: str) -> None:
    result = lab.run(lab.order(lines(), command=command))
    assert result.verdict is Verdict.INFRA
    assert said in result.reason


def test_it_booted_another_bundle(lab: Lab) -> None:
    order = lab.order(lines())
    write_bundle(lab.place / "other", dict.fromkeys(lines(), 1), "f" * 16)
    result = lab.run(dataclasses.replace(order, bundle=str(lab.place / "other")))
    assert result.verdict is Verdict.INFRA
    assert "the log of bundle" in result.reason


def test_fewer_cases_ran_than_the_list_has(lab: Lab) -> None:
    """The bundle's list is what there has to be, whatever the machine's tree has."""
    order = lab.order(lines())
    first, *_ = lines()
    (lab.place / "tree/lists/default").write_text(f"{first}\n")
    result = lab.run(order)
    assert (result.verdict, named(result)["all-passed"]) == (Verdict.UNDECIDED, Verdict.UNDECIDED)


def test_as_a_process_of_its_own(lab: Lab) -> None:
    """As the workers of a night run it."""
    order = lab.order(lines())
    write_order(lab.cell_directory, order)
    assert read_order(lab.cell_directory) == order
    words = [sys.executable, "-m", "harness.bundle.console_order", str(lab.cell_directory)]
    assert subprocess.run(words, check=False, timeout=60).returncode == 0
    assert read_cell(lab.cell_directory / RESULT).verdict is Verdict.PASS


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.parametrize("line", ["pipe", "pty"])
@pytest.mark.parametrize("how", ["terminated", "its parent is killed"])
def test_no_process_is_left_when_it_is_ended(lab: Lab, how: str, line: str) -> None:
    """A worker that is told to end, and one whose driver dies; the machine has children of its own."""
    script = f"echo booting {lab.place}; (sleep 1000; : {lab.place}) & sleep 1000; : {lab.place}"
    order = lab.order(lines(), command=f"[sh, -c, '{script}']")
    board = lab.place / "board.yaml"
    board.write_text(board.read_text().replace("line: pipe", f"line: {line}"))
    write_order(lab.cell_directory, order)
    words = [sys.executable, "-m", "harness.bundle.console_order", str(lab.cell_directory)]
    if how == "its parent is killed":
        words = ["sh", "-c", '"$@"; :', "sh", *words]
    worker = subprocess.Popen(words)
    try:
        console = lab.cell_directory / "console-litmus.log"
        until(lambda: console.exists() and b"booting" in console.read_bytes())
        worker.send_signal(signal.SIGTERM if how == "terminated" else signal.SIGKILL)
        assert worker.wait(30) != 0
        until(lambda: not alive(lab.place))
    finally:
        worker.kill()
    assert not (lab.cell_directory / RESULT).exists()


def test_an_order_that_is_none(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '{"format": 0}', '{"format": 1}'):
        (tmp_path / "console.json").write_text(content)
        with pytest.raises(InfraError):
            read_order(tmp_path)


def attach(directory: Path) -> None:
    with attached(directory):
        raise AssertionError("no machine runs there")


@pytest.mark.parametrize("look", [lambda at: find_cell(str(at)), ram_of, attach])
def test_who_wants_its_machine_is_told_that_there_is_none(lab: Lab, look: Callable[[Path], object]) -> None:
    """Not that it is no cell, nor that --keep-on-failure would help."""
    write_order(lab.cell_directory, lab.order(lines()))
    with pytest.raises(UserError, match="ran on a console model: what its machine printed"):
        look(lab.cell_directory)
    (lab.cell_directory / "console.json").unlink()
    with pytest.raises(UserError) as other:
        look(lab.cell_directory)
    assert "console model" not in str(other.value)

# SPDX-License-Identifier: GPL-2.0-only
"""``nvh lint --populations``: cells that ran against the table, and their rows; what lint asks of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import UserError
from harness.host.paths import SCENARIOS
from harness.litmus import populations
from harness.litmus.left import cells_of, compared, renewed
from harness.litmus.populations import Key, Table
from harness.litmus.rules import POPULATIONS
from harness.runner.project import vocabulary
from harness.scenario.lint import lint
from harness.verdict import Verdict

RECORDED = (Path(__file__).parent / "population" / "trap-ttlbis.stdout").read_text()
CELL = "litmus-trap[family=trap-ttlbis]"
KEY = Key(CELL, "qemu", "nv", "litmus")
FORWARDING = SCENARIOS / "forwarding" / "litmus-trap.yaml"


def ran(place: Path, text: str = RECORDED, cell: str = CELL, kernel: str = "nv", model: str = "qemu") -> Path:
    """The directory of a cell that ran."""
    directory = place / "cells" / str(len(list(place.rglob("result.json"))))
    (directory / "output").mkdir(parents=True)
    (directory / "output" / "litmus.stdout").write_text(text)
    (directory / "result.json").write_text(
        json.dumps({"id": cell, "model": model, "kernels": {"l0": kernel}})
    )
    return place


def table_of(place: Path) -> Table:
    return renewed({}, cells_of([place]), {CELL})[0]


def cut(text: str) -> str:
    """``--seconds`` ended it: the last ten cases and what tells of them are other."""
    cases = text.splitlines()[:50]
    line = text.splitlines()[60]
    for old, new in (
        ("run=60", "run=50"),
        ("cut=0", "cut=10"),
        ("judged=60", "judged=50"),
        ("passed=60", "passed=50"),
    ):
        line = line.replace(old, new)
    direct = sum("obliged=yes" in case for case in cases)
    line = line.replace("direct=20", f"direct={direct}").replace("free=40", f"free={50 - direct}")
    return "\n".join([*cases, line]) + "\n"


def test_a_run_is_compared(tmp_path: Path) -> None:
    table = table_of(ran(tmp_path / "good"))
    assert [(key, verdict) for key, verdict, _ in compared(cells_of([tmp_path / "good"]), table)] == [
        (KEY, Verdict.PASS)
    ]
    ((_, verdict, message),) = compared(cells_of([ran(tmp_path / "cut", cut(RECORDED))]), table)
    assert (verdict, "cut short: 10 of 60" in message) == (Verdict.FAIL, True)
    lost = {**table, Key(CELL, "qemu", "nv", "other"): table[KEY]}
    assert [verdict for _, verdict, _ in compared(cells_of([tmp_path / "good"]), lost)] == [
        Verdict.PASS,
        Verdict.FAIL,
    ]
    ((_, verdict, message),) = compared(cells_of([tmp_path / "good"]), {})
    assert (verdict, "no row for" in message) == (Verdict.UNDECIDED, True)


def test_rows_are_made_and_dropped(tmp_path: Path) -> None:
    old = {Key("gone", "qemu", "nv", "litmus"): next(iter(table_of(ran(tmp_path / "a")).values()))}
    table, told = renewed(old, cells_of([tmp_path / "a"]), {CELL})
    assert list(table) == [KEY]
    assert told == ["dropped: gone is no more", f"new: {CELL} qemu nv litmus: 60 cases judged"]
    again, told = renewed(table, cells_of([tmp_path / "a"]), {CELL})
    assert (again, told) == (table, ["nothing to write"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (cut(RECORDED), "10 cases cut"),
        (RECORDED.replace("passed=60", "passed=59"), "60 cases ran, but it gives 59 outcomes"),
        (RECORDED.replace("control=direct", "control=not-observable"), "but the cases printed make"),
    ],
)
def test_what_is_not_whole_makes_no_row(tmp_path: Path, text: str, why: str) -> None:
    table, told = renewed({}, cells_of([ran(tmp_path, text)]), {CELL})
    assert table == {}
    assert told[0].startswith("not written")
    assert why in told[0]


def test_nor_does_what_is_not_shipped(tmp_path: Path) -> None:
    ran(tmp_path, cell="mine")
    ran(tmp_path, model="/home/me/model.yaml")
    ran(tmp_path, kernel="nv-mutants")
    table, told = renewed({}, cells_of([tmp_path]), {CELL})
    assert (table, len(told)) == ({}, 2)


def test_a_directory_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no cell below"):
        cells_of([tmp_path])
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(UserError, match="not the result of a cell"):
        cells_of([tmp_path])


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(tmp_path / "good")
    ran(tmp_path / "bad", cut(RECORDED))
    assert main(["lint", "--populations", str(tmp_path / "good")]) == 0
    assert capsys.readouterr().out.startswith(f"pass      {CELL} qemu nv: litmus: 60 of 60")
    assert main(["lint", "--populations", str(tmp_path / "good"), str(tmp_path / "bad")]) == 1
    assert "cut short" in capsys.readouterr().out
    assert main(["lint", "--write"]) == 2
    written: list[Table] = []
    monkeypatch.setattr(populations, "write", written.append)
    assert main(["lint", "--populations", str(tmp_path / "good"), "--write"]) == 0
    assert written[0][KEY] == populations.read()[KEY]


# --- the rules


def advice(monkeypatch: pytest.MonkeyPatch, table: Table) -> list[str]:
    monkeypatch.setattr(populations, "shipped", lambda: table)
    found = lint(FORWARDING, vocabulary(), more=(POPULATIONS,))
    return [f"{each.rule} {each.message}" for each in found]


def test_030_a_cell_without_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    table = dict(populations.read())
    assert advice(monkeypatch, table) == []
    del table[KEY]
    assert advice(monkeypatch, table) == [f"NVH030 {CELL} has no row for litmus on qemu with nv"]


def test_031_a_row_without_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    table = dict(populations.read())
    table[Key("litmus-trap[family=gone]", "qemu", "nv", "litmus")] = table[KEY]
    table[Key(CELL, "qemu", "nv", "renamed")] = table[KEY]
    assert [line[:6] for line in advice(monkeypatch, table)] == ["NVH031", "NVH031"]


def test_users_scenarios_need_no_row(tmp_path: Path) -> None:
    path = tmp_path / "litmus-trap.yaml"
    path.write_text(FORWARDING.read_text())
    assert lint(path, vocabulary(), more=(POPULATIONS,)) == []


def test_every_shipped_cell_has_a_row() -> None:
    found = [
        str(each)
        for path in sorted(SCENARIOS.rglob("*.yaml"))
        if "scenario:" in path.read_text()
        for each in lint(path, vocabulary(), more=(POPULATIONS,))
        if each.rule in ("NVH030", "NVH031")
    ]
    assert found == []

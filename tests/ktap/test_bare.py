# SPDX-License-Identifier: GPL-2.0-only
"""The console of a bare image, with QEMU 11.1.3's answers of 30 November 2026: judged whole, and damaged."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from harness.check import model_defects
from harness.check.answers import GROUPS
from harness.errors import UserError
from harness.ktap.bare_cells import bare_cells, write_bare
from harness.ktap.bare_log import is_bare, read_bare, render_bare
from harness.ktap.cells import LoggedMachine
from harness.ktap.judge import require_bundle
from harness.ktap.manifest import Bundle
from harness.report.results import CellResult
from harness.report.store import read_cell
from harness.verdict import Verdict, worst
from tests.ktap.test_fuzz import MUTATIONS, Mutation

CONSOLE = Path(__file__).parent / "data/bare.log"
ID = "0" * 16
BUNDLE = Bundle(ID, {"bare": {"board": "virt", "groups": list(GROUPS)}}, {})
LOGS = 1000


def machine(version: str) -> LoggedMachine:
    return LoggedMachine("board", version, "", "2026-11-28T00:00:00Z", "./nvh judge x")


def judged(data: bytes, version: str = "QEMU 11.1.3", bundle: Bundle = BUNDLE) -> list[CellResult]:
    reading = read_bare(data, "log")
    require_bundle(reading.log, bundle, "log")
    return bare_cells(reading, bundle, machine(version), model_defects.load())


def verdict(data: bytes) -> Verdict | None:
    """None: refused as no log."""
    try:
        return worst(cell.verdict for cell in judged(data))
    except UserError:
        return None


def test_it_came_whole() -> None:
    reading = read_bare(CONSOLE.read_bytes(), "log")
    assert not reading.damage
    assert reading.log.asked.checks == 80045
    assert is_bare(CONSOLE.read_bytes())
    assert not is_bare((CONSOLE.parent / "qemu-10.0.l0").read_bytes())


def test_known_wrong_answers_of_qemu_pass() -> None:
    cells = judged(CONSOLE.read_bytes())
    assert {cell.verdict for cell in cells} == {Verdict.PASS}
    assert [cell.id for cell in cells] == ["bare", *(f"bare[group={name}]" for name in GROUPS)]
    ranges = next(cell for cell in cells if cell.id == "bare[group=ranges]")
    known = "96 by qemu-range-4gib, 46 by qemu-range-block"
    assert ranges.findings[-1].message == f"7968 answers compared, 142 wrong; known: {known}"


def test_of_another_machine_they_fail() -> None:
    cells = judged(CONSOLE.read_bytes(), "board rev B")
    red = {cell.id: len(cell.findings) for cell in cells if cell.verdict is Verdict.FAIL}
    wrong = {
        "walks": 201,
        "leaves": 49,
        "ranges": 143,
        "sizes": 97,
        "fine": 6,
        "memory": 43,
        "el2": 25,
        "interrupts": 3,
        "corners": 6,
        "words": 39,
        "pstate": 50,
        "indirect": 6,
        "recent": 2,
        "accesses": 29,
        "routes": 9,
        "wide": 161,
        "lower": 8,
        "debug": 78,
    }
    assert red == {f"bare[group={name}]": count for name, count in wrong.items()}
    walks = next(cell for cell in cells if cell.id == "bare[group=walks]")
    assert "still used" in walks.findings[0].message
    assert "R_TVTYQ" in walks.findings[0].message


def test_it_is_kept(tmp_path: Path) -> None:
    cells = judged(CONSOLE.read_bytes())
    write_bare(cells, read_bare(CONSOLE.read_bytes(), "log"), tmp_path)
    for cell in cells:
        place = tmp_path / "cells" / cell.slug
        assert read_cell(place / "result.json") == cell
        assert "KTAP version 1" in (place / cell.files[0].path).read_text()


def test_of_another_bundle() -> None:
    other = dataclasses.replace(BUNDLE, id="f" * 16)
    with pytest.raises(UserError, match="the log of bundle 0000000000000000, and this is ffffffffffffffff"):
        judged(CONSOLE.read_bytes(), bundle=other)


def test_a_group_that_nobody_asked() -> None:
    manifest = {"bare": {"board": "virt", "groups": [*GROUPS, "caches"]}}
    cells = judged(CONSOLE.read_bytes(), bundle=dataclasses.replace(BUNDLE, manifest=manifest))
    assert {cell.verdict for cell in cells} == {Verdict.UNDECIDED}


def test_a_program_that_gave_up() -> None:
    text = CONSOLE.read_text()
    cut = text[: text.index("# nvh answer group|translate")] + "Bail out! exception at EL2: esr 0x96000021\n"
    cells = judged(cut.encode())
    assert cells[0].verdict is Verdict.FAIL
    assert "the program gave up: exception at EL2: esr 0x96000021" in cells[0].headline
    with pytest.raises(UserError, match="nothing ran: entered at EL1"):
        judged(b"Bail out! entered at EL1: switch the machine's EL2 on\n")


def test_a_result_that_was_turned() -> None:
    for was, now in (("not ok 5 ranges", "ok 5 ranges"), ("ok 6 tags", "not ok 6 tags")):
        data = CONSOLE.read_text().replace(was, now, 1).encode()
        assert verdict(data) in (Verdict.UNDECIDED, Verdict.FAIL)


def lines_of_console() -> list[str]:
    return CONSOLE.read_text().split("\n")


def test_a_thousand_damaged_logs_pass_nowhere() -> None:
    lines = lines_of_console()
    log = read_bare(CONSOLE.read_bytes(), "log").log
    other = render_bare(dataclasses.replace(log, begin={**log.begin, "run": "00000000"}))
    fitting: list[Mutation] = [
        each for each in MUTATIONS if each.__name__ not in ("a_failure_turned", "of_another_bundle")
    ]
    for seed in range(LOGS):
        random_ = random.Random(seed)
        mutation = fitting[seed % len(fitting)]
        damaged = "\n".join(mutation(lines, other, random_)).encode("utf-8", "surrogateescape")
        assert verdict(damaged) is not Verdict.PASS, (mutation.__name__, seed)

# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from harness.report.results import RunSummary
from harness.report.safe_text import broken
from harness.report.terminal import print_summary
from harness.verdict import Verdict
from tests.report import samples

GOLDEN = Path(__file__).with_name("summary-80.txt")
EVIL = "<script>\x1b[31m\x1b]0;title\x07\x00\x9b2J\u202e[bold]]]>&'\"{{ 7*7 }}"


def render(run: RunSummary, width: int = 80, colour: bool = False, **options: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    print_summary(run, console, directory=Path("runs/20261122T010203Z"), **options)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def test_summary_at_80_columns_is_as_reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    index = Path("runs/20261122T010203Z/index.html")
    index.parent.mkdir(parents=True)
    index.write_text("", encoding="utf-8")
    assert render(samples.EVERY, closing=True) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 80, 119, 120, 200])
def test_tables_keep_to_the_width(width: int) -> None:
    table = render(samples.EVERY, width).split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= width
    for verdict in ("pass", "fail", "vacuous", "undecided", "infra"):
        assert re.search(rf"^{verdict} ", table, re.MULTILINE)


def test_details_name_line_values_trigger_neighbours_and_reproduction() -> None:
    text = render(samples.run(samples.FAILED), 160)
    assert "scenarios/stage2/ipas2e1-unmaps-block.yaml:21:5" in text
    assert "v=1 a=0x40200000" in text
    assert "    > l1 18.402113907 cpu0 litmus-212 l1.tlbi op=ipas2e1is" in text
    assert "      l0 18.402190377 cpu1 qemu-system-aar-341 l0.shadow_unmap" in text
    assert f"  reproduce {samples.FAILED.command}\n" in text
    assert f"  timeline  runs/20261122T010203Z/cells/{samples.FAILED.slug}/timeline.txt\n" in text


def test_closing_line_stands_alone_and_counts_all_red_as_failed() -> None:
    assert render(samples.EVERY, closing=True).splitlines()[-1] == "1 passed, 4 failed"
    assert render(samples.run(samples.PASSED), closing=True).splitlines()[-1] == "1 passed, 0 failed"
    assert "passed," not in render(samples.EVERY)


def test_a_run_without_cells_says_so() -> None:
    text = render(samples.run(), closing=True)
    assert "vacuous  0 cells: nothing ran in 4 min 06 s" in text
    assert text.splitlines()[-1] == "0 passed, 0 failed"


@pytest.mark.parametrize("colour", [False, True])
def test_foreign_text_cannot_control_the_terminal(colour: bool) -> None:
    text = render(samples.hostile(EVIL), colour=colour)
    left = re.sub(r"\x1b\[[0-9;]*m", "", text) if colour else text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", left)
    assert r"\x1b]0;title\x07" in left
    assert "[bold]" in left


def test_ten_megabytes_do_not_flood_the_terminal() -> None:
    assert len(render(samples.hostile("A" * 10_000_000))) < 200_000


def test_known_defects_are_counted_apart_and_a_finding_says_that_it_was_expected() -> None:
    known = dataclasses.replace(samples.UNMAPPED, expected="known (review by 2027-03-01)")
    cell = samples.cell("q", Verdict.FAIL, (known, samples.NO_SPLAT), quarantine=known.expected)
    text = render(samples.run(cell), closing=True)
    assert re.search(r"^known fail +q ", text, re.MULTILINE)
    assert "as expected  known (review by 2027-03-01)" in text
    assert "pass  1 cell: 1 fail (1 known defect seen as expected, not counted)" in text
    assert "1 passed, 0 failed" in text


@pytest.mark.parametrize("width", [12, 20, 31, 80])
def test_ids_break_between_parameters_and_words(width: int) -> None:
    name = "ipas2e1-unmaps-block[op=ipas2e1is,granule=4k,block=block]"
    lines = broken(name, width).split("\n")
    assert "".join(lines) == name
    assert all(len(line) <= width for line in lines)
    assert all(line.endswith(("[", ",", "-", "=")) for line in lines[:-1])
    assert broken("a" * 50, width).replace("\n", "") == "a" * 50


def test_what_does_not_apply_is_counted_with_its_reason() -> None:
    apart = {f"cell-{number}": "it boots l1" for number in range(6)} | {"other": "it looks at traces"}
    text = render(dataclasses.replace(samples.EVERY, not_applicable=apart), 100)
    assert "7 not applicable in" in text
    assert "not applicable: it boots l1: 6 (cell-0, cell-1, cell-2, cell-3, …)" in text
    assert "not applicable: it looks at traces: 1 (other)" in text


def test_a_model_by_path_has_its_name_in_the_table() -> None:
    cell = dataclasses.replace(samples.PASSED, model="/home/me/build/june.yaml")
    shown = render(samples.run(cell), 120)
    assert re.search(r"\bjune\b", shown)
    assert "build/june.yaml" not in shown

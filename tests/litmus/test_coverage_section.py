# SPDX-License-Identifier: GPL-2.0-only
"""The coverage tables as text, and as a section of a run's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch.table import load
from harness.errors import InputError
from harness.litmus.coverage import OTHER_REGIME, coverage
from harness.litmus.coverage_section import coverage_section, reasons, to_text
from harness.report.section import Grid, TableEntry
from harness.verdict import Verdict

DATA = Path(__file__).parent / "data"
FAILING = "s2-unmap-part/ripas2e1is/4k/2m-from-last-page/scale0-num0/no-ttl"


def test_text_has_a_row_per_operation() -> None:
    (table,) = coverage([DATA])
    text = to_text(table)
    rows = {row.split()[0]: row.split() for row in text.split("\n\n")[0].splitlines()[2:]}
    assert set(rows) == {operation.name for operation in load()}
    assert {len(row) for row in rows.values()} == {2 + 12}
    assert rows["ipas2e1is"][:6] == ["ipas2e1is", "is", "6", "none", "none", "n/a(1)"]
    assert "places: 3 failed, " in text
    assert "\nn/a(1), 864 places: the operation is not for this regime\n" in text
    assert f"go: {sum(place.refaults for place in table.places)} (" in text
    assert sum(place.refaults for place in table.places) > 0
    assert text.startswith("unknown machine (no model named)\n")


def test_each_reason_has_a_number_that_the_places_name() -> None:
    (table,) = coverage([DATA])
    assert reasons(table)[0] == OTHER_REGIME
    text = to_text(table)
    for number, reason in enumerate(reasons(table), 1):
        assert f"n/a({number})" in text.split("\n\n")[0]
        assert f" places: {reason}\n" in text


def test_section() -> None:
    section = coverage_section(DATA)
    assert section is not None
    (grid,) = section.grids
    assert len(grid.rows) == len(load())
    row = next(row for row in grid.rows if row[0].text == "ripas2e1is")
    assert row[2] == TableEntry("1!", Verdict.FAIL, FAILING)
    assert TableEntry("n/a(1)", None, OTHER_REGIME) in row


def test_a_run_without_litmus_has_no_section(tmp_path: Path) -> None:
    (tmp_path / "x.stdout").write_text("hello\n")
    assert coverage_section(tmp_path) is None


def test_a_broken_line_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.stdout").write_text("case=half\n")
    with pytest.raises(InputError, match=r"x\.stdout:1"):
        coverage_section(tmp_path)


def test_rows_are_as_long_as_the_head() -> None:
    with pytest.raises(ValueError, match="a row of 1 under a head of 2"):
        Grid("c", ("a", "b"), ((TableEntry("x"),),))

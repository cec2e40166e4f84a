# SPDX-License-Identifier: GPL-2.0-only
"""Sections of the report: every giver is asked, and none can spoil the report."""

from __future__ import annotations

from pathlib import Path

from harness.attempt.sections import GIVERS, sections
from harness.errors import UserError
from harness.report import html
from harness.report.section import Section
from tests.report import samples


def test_a_run_of_nothing_has_none(tmp_path: Path) -> None:
    assert sections(tmp_path) == ()


def test_one_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    def broken(directory: Path) -> Section | None:
        raise UserError(f"{directory.name}:7: not a litmus case")

    def good(directory: Path) -> Section | None:
        return Section("good", "Good", (directory.name,))

    found = sections(tmp_path, {"bad": broken, "good": good})
    assert [section.anchor for section in found] == ["bad", "good"]
    page = html.render(samples.EVERY, found)
    assert f"{tmp_path.name}:7: not a litmus case" in page
    assert f">{tmp_path.name}<" in page


def test_a_broken_output_of_litmus_is_reported_in_the_page(tmp_path: Path) -> None:
    (tmp_path / "x.stdout").write_text("case=half\n")
    (section,) = sections(tmp_path, GIVERS)
    assert section.anchor == "coverage"
    assert "x.stdout:1" in section.paragraphs[0]

# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from harness.report import html
from harness.report.results import RunSummary, StageTime
from harness.report.safe_text import printable
from harness.report.section import Grid, Section, TableEntry
from harness.verdict import Verdict
from tests.report import samples

EVIL = "<script>alert(1)</script><img src=x onerror=y>'\" onload=z \x1b[31m\x00]]>{{ 77777*3 }}{% raw %}&amp;"
VOID = {"meta", "wbr", "rect"}


class Page(HTMLParser):
    """Collects elements and text; notes tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


RUNS = {"every": samples.EVERY, "empty": samples.run(), "one": samples.run(samples.PASSED)}


@pytest.mark.parametrize("run", [*RUNS.values(), samples.hostile(EVIL)], ids=[*RUNS, "evil"])
def test_page_is_well_formed_and_needs_nothing_else(run: RunSummary) -> None:
    page = Page(html.render(run))
    assert page.open == []
    names = {name for name, _ in page.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        assert not [key for key in attrs if key.startswith("on") or key in ("src", "style")]
        target = attrs.get("href", "#cells")
        assert target[1:] in ids if target.startswith("#") else target.startswith("cells/")
    assert not re.search(r"url\(|@import", html.render(run))


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_page_is_accessible(run: RunSummary) -> None:
    page = Page(html.render(run))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert all(attrs.get("aria-label") or attrs.get("aria-hidden") for attrs in page.all("svg"))
    # The verdict is a word wherever it is coloured.
    badges = re.findall(r'<span class="badge (\w+)">.*?</span> (\w+)</span>', html.render(run))
    assert len(badges) >= 6
    assert all(colour == word for colour, word in badges)


def test_page_tells_what_failed_and_how_to_see_it_again() -> None:
    page = Page(html.render(samples.EVERY))
    for word in (
        samples.UNMAPPED.message,
        "scenarios/stage2/ipas2e1-unmaps-block.yaml:21:5",
        f"> {samples.TRIGGER}",
        "a=0x40200000",
        samples.FAILED.command,
        samples.QEMU.sha256,
        "boot l1 13.4 s",
        "l1 did not answer within 90 s",
        "exit status 1",
    ):
        assert word in page.text
    opened = {attrs["id"] for attrs in page.all("details") if "open" in attrs}
    assert opened == {f"cell-{cell.slug}" for cell in samples.EVERY.cells[1:]}


def test_links_reach_the_files(tmp_path: Path) -> None:
    run = samples.hostile("x")
    cell = run.cells[0]
    file = tmp_path / "cells" / cell.slug / cell.files[0].path
    file.parent.mkdir(parents=True)
    file.write_text("here", encoding="utf-8")
    page = Page(html.write(run, tmp_path).read_text(encoding="utf-8"))
    links = [attrs["href"] for attrs in page.all("a") if attrs["href"].startswith("cells/")]
    assert len(links) == 1
    assert not set(links[0]) & set("<>'\"?#")
    assert (tmp_path / unquote(links[0])).read_text(encoding="utf-8") == "here"


def test_foreign_text_adds_no_element_and_is_not_evaluated() -> None:
    def shape(text: str) -> list[str]:
        return [name for name, _ in Page(html.render(samples.hostile(text))).elements if name != "wbr"]

    assert shape(EVIL) == shape("harmless")
    text = html.render(samples.hostile(EVIL))
    assert "233331" not in text
    assert r"\x1b[31m\x00" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def test_ten_megabytes_stay_a_page() -> None:
    assert len(html.render(samples.hostile("A" * 10_000_000))) < 1_000_000


def test_bars_share_the_width() -> None:
    bars = html.bars(samples.STAGES)
    assert [bar["x"] for bar in bars][:2] == [0.0, 54.3]
    assert sum(float(str(bar["width"])) for bar in bars) == pytest.approx(1000, abs=1)
    assert html.bars(()) == []
    assert html.bars((StageTime("boot", 0.0, 0.0),))[0]["width"] == 1000


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rgb`` or ``#rrggbb`` (WCAG 2.2)."""
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_has_the_contrast_of_wcag_aa_in_both_schemes() -> None:
    blocks = re.findall(r":root \{(.*?)\}", html.render(samples.run()), re.DOTALL)
    schemes = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in blocks]
    assert len(schemes) == 2
    pairs = [(v.value, f"{v.value}-bg") for v in html.SYMBOLS]
    pairs += [(ink, paper) for ink in ("fg", "dim", "link") for paper in ("bg", "card", "code")]
    pairs += [("fg", "hit")]
    for scheme in schemes:
        for ink, paper in pairs:
            dark, light = sorted((luminance(scheme[ink]), luminance(scheme[paper])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_sections_of_other_rooms() -> None:
    rows = ((TableEntry(EVIL), TableEntry("1!", Verdict.FAIL, EVIL)), (TableEntry("b"), TableEntry("n/a(1)")))
    section = Section("cover", EVIL, (EVIL,), (Grid(EVIL, ("what", EVIL), rows, (EVIL,)),))
    page = Page(html.render(samples.EVERY, [section]))
    assert page.open == []
    assert {"id": "cover"} in page.all("h2")
    assert {"class": "fail", "title": printable(EVIL)} in page.all("td")
    assert not [name for name, _ in page.elements if name == "script"]
    assert "n/a(1)" in page.text
    assert "n/a(1)" not in Page(html.render(samples.EVERY)).text


def test_a_known_defect_is_shown_as_such_and_not_opened() -> None:
    known = dataclasses.replace(samples.UNMAPPED, expected="known (review by 2027-03-01)")
    cell = samples.cell("q", Verdict.FAIL, (known, samples.NO_SPLAT), quarantine=known.expected)
    page = Page(html.render(samples.run(cell, samples.PASSED)))
    assert page.text.count("known, as expected") == 3, "in the table, at the cell, at the finding"
    assert "the verdict does not count" in page.text
    assert "open" not in dict(*page.all("details")[:1])
    assert "known, as expected" not in Page(html.render(samples.run(samples.FAILED))).text


def test_what_does_not_apply_is_told_apart() -> None:
    run = dataclasses.replace(samples.EVERY, not_applicable={"three-levels": "it boots l1 <b>"})
    page = html.render(run)
    assert "Not applicable (1)" in page
    assert "it boots l1 &lt;b&gt;" in page
    assert "Not applicable" not in html.render(samples.EVERY)

# SPDX-License-Identifier: GPL-2.0-only
"""The page: one file that needs nothing else, and a script that filters ten thousand cells in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.nightly.history import html, query
from harness.nightly.history.compare import compare
from harness.nightly.history.database import Results
from harness.verdict import Verdict
from tests.nightly.history import chromium, made
from tests.report.test_html import Page

EVIL = "</script><script>alert(1)</script><img src=x onerror=y>'\" \u2028<!-- \x1b[31m"
CELLS = 10_000
needs_chromium = pytest.mark.skipif(
    chromium.program() is None, reason="chromium is not installed (Debian: chromium)"
)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of ten thousand cells; the model qemu-10.0 is wrong from the second on."""
    place = tmp_path_factory.mktemp("page")
    with Results(place / "r.sqlite") as results:
        for number in (5, 6):
            made.record(results, number, made.many(CELLS, number, broken={"qemu-10.0": 6}), place)
        compared = compare(results, query.find_run(results, "latest"))
        return html.write(results, compared, place / made.night(6)[0] / html.NAME)


def small(place: Path, *cells: object) -> str:
    with Results(place / "r.sqlite") as results:
        made.record(results, 1, [made.entry(made.cell("z"))], place)
        made.record(results, 2, [made.entry(cell) for cell in cells], place)  # type: ignore[arg-type]
        return html.render(results, compare(results, query.find_run(results, "latest")))


@pytest.mark.real
def test_one_well_formed_file_that_loads_nothing(large: Path) -> None:
    text = large.read_text()
    assert len(text) < 6_000_000
    parsed = Page(re.sub(r"<svg.*?</svg>", "", text, flags=re.S).replace("<input", "<meta"))
    names = {name for name, _ in parsed.elements}
    assert not names & {"link", "img", "iframe", "object", "embed", "base"}
    assert not [a for _, a in parsed.elements if a.get("src")]
    policy = next(
        a["content"] for _, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    bad = made.cell("a", Verdict.FAIL, made.finding(EVIL, Verdict.FAIL, EVIL), quarantine=EVIL)
    text = small(tmp_path, bad)
    assert text.count("<script") == text.count("</script>") == 2
    assert "<img" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert data
    assert json.loads(data[1])["rows"]


def test_links_lead_to_the_cells_from_anywhere(tmp_path: Path) -> None:
    with Results(tmp_path / "r.sqlite") as results:
        made.record(results, 1, [made.entry(made.cell("a"))], tmp_path)
        compared = compare(results, query.find_run(results, "latest"))
        here = html.write(results, compared, tmp_path / "elsewhere/deep/diff.html").read_text()
    assert f'"base":"../../{made.night(1)[0]}/cells/"' in here


def test_first_run_and_nothing_red(tmp_path: Path) -> None:
    text = small(tmp_path, made.cell("a"))
    assert "Nothing is red." in text
    with Results(tmp_path / "other") as results:
        made.record(results, 1, [made.entry(made.cell("a"))])
        text = html.render(results, compare(results, query.find_run(results, "latest")))
    assert "There is no earlier run of this plan" in text


@pytest.mark.real
def test_plots_take_the_pages_colour(large: Path) -> None:
    pytest.importorskip("matplotlib")
    plots = re.findall(r"<svg.*?</svg>", large.read_text(), re.S)
    assert len(plots) == 3
    for plot in plots:
        assert "currentColor" in plot
        assert "<script" not in plot
        assert 'width="' not in plot.split(">", 1)[0]
    assert "10000" in plots[0]  # the axis reaches the number of cells


@pytest.fixture(scope="module")
def opened(large: Path) -> Iterator[chromium.Browser]:
    with chromium.browser() as browser:
        browser.open(large)
        yield browser


def shown(browser: chromium.Browser) -> int:
    return int(browser.run("document.getElementById('shown').textContent").split()[0])


def names(browser: chromium.Browser, selector: str) -> list[str]:
    found = browser.run(f"[...document.querySelectorAll('#rows .row {selector}')].map(e => e.textContent)")
    assert isinstance(found, list)
    return found


@pytest.mark.real
@needs_chromium
class TestInChromium:
    """What a reader does, by script."""

    @pytest.fixture(autouse=True)
    def fresh(self, opened: chromium.Browser) -> None:
        opened.run("document.getElementById('clear').click()")

    def test_only_what_is_in_view_is_drawn(self, opened: chromium.Browser) -> None:
        assert shown(opened) == CELLS
        assert 10 < len(names(opened, ".id")) < 100
        opened.run("(() => { const l = document.getElementById('list'); l.scrollTop = l.scrollHeight; })()")
        opened.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert names(opened, "> span:first-child")[-1] == "passes"
        assert opened.violations == []

    def test_search_and_selects_narrow_it(self, opened: chromium.Browser) -> None:
        script = (
            "(() => {{ const f = document.getElementById('{0}'); f.value = '{1}';"
            " f.dispatchEvent(new Event('{2}')); }})()"
        )
        opened.run(script.format("search", "made-03 alle1is", "input"))
        found = shown(opened)
        assert 0 < found < CELLS / 20
        assert all("made-03" in name and "alle1is" in name for name in names(opened, ".id"))
        opened.run(script.format("model", "qemu-10.0", "change"))
        assert shown(opened) == found / 2
        opened.run(script.format("search", "no such cell", "input"))
        assert (shown(opened), names(opened, ".id")) == (0, [])

    def test_a_change_and_a_cause_choose_their_cells(self, opened: chromium.Browser) -> None:
        wanted = int(opened.run("document.querySelector('[data-change=\"new failure\"] b').textContent"))
        opened.run("document.querySelector('[data-change=\"new failure\"]').click()")
        assert shown(opened) == wanted > 0
        assert set(names(opened, ".badge")) == {"fail"}
        opened.run("document.getElementById('clear').click()")
        first = "document.querySelector('#groups button')"
        assert "first bad model: QEMU 11.1.3" in opened.run(f"{first}.textContent")
        count = int(opened.run(f"{first}.querySelector('.count').textContent"))
        opened.run(f"{first}.click()")
        assert shown(opened) == count == 1000
        assert opened.run(f"{first}.getAttribute('aria-pressed')") == "true"

    def test_a_cell_shows_its_evidence_and_how_to_reproduce_it(self, opened: chromium.Browser) -> None:
        opened.run("document.querySelector('#groups button').click()")
        opened.run("document.querySelector('#rows .row').click()")
        detail = opened.run("document.getElementById('detail').innerText")
        assert "first bad" in detail
        command = re.search(r"\./nvh run 'made-.*?' --model (\S+) --kernel (\S+)", detail)
        assert command
        links = opened.run("[...document.querySelectorAll('#detail a')].map(a => a.getAttribute('href'))")
        assert any(link.startswith("cells/made-") and link.endswith("/timeline.jsonl") for link in links)
        opened.run("dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        assert opened.run("document.getElementById('detail').hidden") is True

    def test_sorted_by_duration(self, opened: chromium.Browser) -> None:
        opened.run(
            "(() => { const s = document.getElementById('sort'); s.value = 'seconds';"
            " s.dispatchEvent(new Event('change')); })()"
        )
        took = [float(text.split()[0]) for text in names(opened, ".num")]
        assert took == sorted(took, reverse=True)

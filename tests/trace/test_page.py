# SPDX-License-Identifier: GPL-2.0-only
"""The HTML timeline: what is in the file. What a browser makes of it is in tests/real."""

from __future__ import annotations

import json
import re

from harness.trace.export import html
from harness.trace.export.view import Highlight, View
from harness.trace.timeline import Timeline
from tests.trace import made

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u2028--><!--"


def view(timeline: Timeline, number: int = 1, name: str = "shadow-unmapped") -> View:
    trigger = [e for e in timeline.events if e.name == "l0.tlbi"][number]
    red = Highlight(name, "fail", "no l0.shadow_unmap that covers it", trigger, timeline.around(trigger))
    return View(timeline, "fail: tlbi-ipas2[op=ipas2e1is]", (red,))


def test_page_loads_nothing_and_holds_foreign_text_as_data_only() -> None:
    maker = made.Maker()
    maker.operation(1_000, op=EVIL)
    maker.operation(2_000)
    timeline = Timeline(events=tuple(maker.events), missing={"l0.x": EVIL})
    shown = view(timeline, name=EVIL)
    page = html.render(View(timeline, EVIL, shown.highlights))
    assert page.count("<script") == 2
    assert "<img" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    assert not re.search(r"<\w[^>]*\s(src|href)\s*=|url\(|@import|https?://", page)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert data
    assert EVIL in json.loads(data[1])["texts"]


def test_a_long_timeline_is_thinned_and_the_page_says_so() -> None:
    timeline = made.timeline(20, 100)
    data = html.data_of(view(timeline), limit=500)
    assert (data["total"], len(data["events"])) == (2200, 500)
    assert data["thinned"] == [["l0.kvm.kvm_exit", 300, 2000]]
    assert data["highlights"][0]["event"] >= 0
    assert len(data["highlights"][0]["context"]) == len(view(timeline).highlights[0].context)

# SPDX-License-Identifier: GPL-2.0-only
"""The HTML timeline in a browser, where chromium is installed: what it shows, zoom and filter."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.trace.export import html
from tests.trace import made
from tests.trace.test_page import view

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    "--window-size=1100,560",
]
DEADLINE_S = 120
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (optional)"),
]


class Dump(HTMLParser):
    """The page after its scripts ran: the body's data attributes, text by element id, table rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.state: dict[str, str] = {}
        self.text: dict[str, str] = {}
        self.rows: list[tuple[str, str]] = []
        self._open: list[str] = []
        self._row: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "body":
            self.state = {key.removeprefix("data-"): value for key, value in values.items()}
        if tag in ("script", "br", "input", "meta", "canvas"):
            return
        if tag == "tr":
            self.rows.append((values.get("class", ""), ""))
        self._open.append(values.get("id", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("script", "br", "input", "meta", "canvas"):
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._open):
            self.text[name] = self.text.get(name, "") + data
        if "table" in self._open and self.rows:
            kind, text = self.rows[-1]
            self.rows[-1] = (kind, text + data + " ")


def browse(path: Path, place: Path, *options: str, part: str = "") -> str:
    """What the browser prints for the page with the address's ``part`` after #."""
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={place}", *options, f"file://{path}{'#' if part else ''}{part}"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
        env={**os.environ, "HOME": str(place)},
    )
    return done.stdout


def pixels(path: Path) -> tuple[int, int, list[bytes]]:
    """Width, height and distinct-colour sample rows of an 8-bit RGB or RGBA PNG without interlacing."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (depth, kind) in ((8, 2), (8, 6))
    size = 3 if kind == 2 else 4
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    raw, stride = zlib.decompress(packed), width * size
    rows, before = [], bytearray(stride)
    for row in range(height):
        how, line = raw[row * (stride + 1)], bytearray(raw[row * (stride + 1) + 1 : (row + 1) * (stride + 1)])
        for i in range(stride):
            left, up = line[i - size] if i >= size else 0, before[i]
            corner = before[i - size] if i >= size else 0
            if how == 4:
                p = left + up - corner
                near = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))
            add = (0, left, up, (left + up) // 2, near[2] if how == 4 else 0)[how]
            line[i] = (line[i] + add) & 0xFF
        before = line
        rows.append(bytes(b for i, b in enumerate(line) if i % size < 3))
    return width, height, rows


def test_browser_shows_the_failed_assertion_and_its_surroundings(tmp_path: Path) -> None:
    timeline = made.timeline(4, 6)
    page = tmp_path / "timeline.html"
    page.write_text(html.render(view(timeline)))
    shot = tmp_path / "shot.png"
    browse(page, tmp_path / "profile", f"--screenshot={shot}")
    width, _, rows = pixels(shot)
    assert width == 1100
    colours = {row[3 * x : 3 * x + 3] for row in rows for x in range(0, width, 2)}
    assert b"\xe0\x55\x5a" in colours  # the ring around the trigger
    assert b"\xd9\xa4\x41" in colours  # its neighbours
    dump = Dump(browse(page, tmp_path / "profile", "--dump-dom"))
    assert dump.state["ready"] == "1"
    assert dump.state["events"] == dump.state["total"] == str(len(timeline.events))
    assert (dump.state["tracks"], dump.state["triggers"]) == ("5", "1")
    assert "fail: shadow-unmapped" in dump.text["red"]
    trigger = [e for e in timeline.events if e.name == "l0.tlbi"][1]
    assert dump.state["selected"] == str(timeline.events.index(trigger))
    details = dump.text["details"]
    assert "decided fail: shadow-unmapped" in details
    assert "ipa0x4f1231000" in details
    assert details.index("l1.tlbi op=ipas2e1is") < details.index("vmalls12e1is") < details.index("model.eret")
    ((kind, row),) = [(kind, row) for kind, row in dump.rows if "selected" in kind]
    assert "trigger" in kind
    assert "ipa=0x4f1231000" in row
    assert "l0 lost 12 events" in dump.text["said"]


def test_browser_zooms_filters_and_copes_with_many_events(tmp_path: Path) -> None:
    timeline = made.timeline(1000, 90)
    assert len(timeline.events) == 100_000
    page = tmp_path / "timeline.html"
    page.write_text(html.render(view(timeline, 500)))
    whole = Dump(browse(page, tmp_path / "p", "--dump-dom", part="event=5&from=17999000000&to=18101000000"))
    assert (whole.state["events"], whole.state["view"], whole.state["selected"]) == ("100000", "100000", "5")
    assert int(whole.state["bars"]) >= 1
    assert "show counts per column" in whole.text["said"]
    near = Dump(
        browse(
            page,
            tmp_path / "p",
            "--dump-dom",
            part="from=18050000000&to=18050200000&q=model.tlbi+-trapped%3Dyes",
        )
    )
    assert (near.state["shown"], near.state["view"], near.state["bars"]) == ("1000", "2", "0")
    assert all("trapped=no" in row for _, row in near.rows[1:])
    edge = Dump(browse(page, tmp_path / "p", "--dump-dom", part="from=18099900000&to=18100001000"))
    assert edge.state["marks"] == "remap.end"  # whole, although its line is beside the edge
    even = Dump(browse(page, tmp_path / "p", "--dump-dom", part="even=1&from=100&to=150"))
    assert even.state["view"] == "50"

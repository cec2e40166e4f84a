# SPDX-License-Identifier: GPL-2.0-only
"""`nvh trace` from the command line, on a cell's directory as a run leaves it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from harness.attempt import timeline_page
from harness.check.finding import Finding, line_of
from harness.cli.main import main
from harness.report import store
from harness.trace import export
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.report import samples
from tests.trace import made

TIMELINE = dataclasses.replace(made.timeline(3, 4), losses=())


def cell(directory: Path, timeline: Timeline = TIMELINE, *, failed: bool = True) -> Path:
    """A cell's directory with a timeline and, when it failed, a result that names the second operation."""
    directory.mkdir(parents=True)
    (directory / "timeline.jsonl").write_text("".join(f"{line}\n" for line in export.write(timeline)))
    if failed:
        trigger = [e for e in timeline.events if e.name == "l0.tlbi"][1]
        found = Finding(
            "shadow-unmapped",
            "response",
            Verdict.FAIL,
            "nothing",
            trigger=line_of(trigger),
            context=tuple(map(line_of, timeline.around(trigger))),
        )
        result = dataclasses.replace(samples.PASSED, verdict=Verdict.FAIL, findings=(found,))
        store.write_cell(dataclasses.replace(result, slug=directory.name), directory)
    return directory


def test_show_around_the_trigger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cell(tmp_path / "cell")
    assert main(["trace", "show", str(path), "--around", "trigger", "--events", "2", "--level", "l0"]) == 0
    out = capsys.readouterr().out
    (decided,) = [line for line in out.splitlines() if line.startswith(">")]
    assert decided.endswith("<- shadow-unmapped")
    assert "l1 " not in out
    assert 6 <= len(out.splitlines()) <= 9


def test_show_writes_files_of_every_format(tmp_path: Path) -> None:
    path = cell(tmp_path / "cell")
    for name, begins in (
        ("json", b'{"nvh-timeline"'),
        ("html", b"<!doctype html>"),
        ("casemate", b"(barrier"),
    ):
        out = tmp_path / name
        assert main(["trace", "show", str(path), "--format", name, "--out", str(out)]) == 0
        assert out.read_bytes().startswith(begins)
    out = tmp_path / "perfetto"
    assert main(["trace", "show", str(path), "--format", "perfetto", "--out", str(out)]) == 0
    assert b"model.tlbi" in out.read_bytes()


def test_diff_exit_statuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = str(cell(tmp_path / "a"))
    later = tuple(dataclasses.replace(e, time_ns=e.time_ns + 10**9) for e in TIMELINE.events)
    b = str(cell(tmp_path / "b", dataclasses.replace(TIMELINE, events=later, spans=()), failed=False))
    assert main(["trace", "diff", a, b]) == 0
    assert "the same" in capsys.readouterr().out
    short = dataclasses.replace(TIMELINE, events=TIMELINE.events[:-1], spans=())
    c = str(cell(tmp_path / "c", short, failed=False))
    assert main(["trace", "diff", a, c]) == 1
    assert "ends here" in capsys.readouterr().out
    assert main(["trace", "diff", a, c, "--level", "l1"]) == 0
    lossy = str(cell(tmp_path / "d", made.timeline(3, 4), failed=False))
    assert main(["trace", "diff", a, lossy]) == 2
    assert "events are missing" in capsys.readouterr().err


def test_bad_input_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = cell(tmp_path / "cell")
    broken = cell(tmp_path / "broken") / "timeline.jsonl"
    broken.write_text(broken.read_text()[:-40] + "\n")
    for arguments in (
        ["trace", "show", str(broken)],
        ["trace", "diff", str(good), str(broken)],
        ["trace", "show", str(good), "--around", "triger"],
        ["trace", "show", str(good), "--name", "l0.tlbj"],
        ["trace", "show", str(tmp_path / "nothing")],
    ):
        assert main(arguments) == 2, arguments
        assert re.match(r"nvh: |\S+:\d+:\d+: ", capsys.readouterr().err)
    (tmp_path / "cell" / "timeline.jsonl").unlink()
    assert main(["trace", "show", str(good)]) == 2
    assert "holds no timeline.jsonl" in capsys.readouterr().err


def test_a_judged_cell_gets_its_page_and_a_stored_one_finds_its_events(tmp_path: Path) -> None:
    trigger = [e for e in TIMELINE.events if e.name == "l0.tlbi"][1]
    found = Finding(
        "shadow-unmapped",
        "response",
        Verdict.FAIL,
        "m",
        "s.yaml:1:1",
        {},
        line_of(trigger),
        tuple(map(line_of, TIMELINE.around(trigger))),
    )
    fine = Finding("other", "existence", Verdict.PASS, "m", "s.yaml:1:1")
    timeline_page.write_page(tmp_path, "cell", TIMELINE, [found, fine])
    page = (tmp_path / timeline_page.PAGE).read_text()
    assert '"name":"shadow-unmapped"' in page
    assert '"name":"other"' not in page
    (highlight,) = timeline_page.load(str(cell(tmp_path / "stored"))).highlights
    assert highlight.trigger == trigger
    assert highlight.context == TIMELINE.around(trigger)


def test_events_that_read_alike_are_told_apart(tmp_path: Path) -> None:
    first = next(e for e in TIMELINE.events if e.name == "l0.tlbi")
    second = dataclasses.replace(first, seq=first.seq + 1)
    directory = cell(tmp_path / "alike", Timeline(events=(first, second)))
    (highlight,) = timeline_page.load(str(directory)).highlights
    assert highlight.trigger == second

# SPDX-License-Identifier: GPL-2.0-only
import io
import os
import pty
import re
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from harness.report.history import History
from harness.report.progress import Progress

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def plain() -> tuple[io.StringIO, Console]:
    out = io.StringIO()
    return out, Console(file=out, width=80, force_terminal=False)


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for what another thread does, however long a busy host keeps it from that."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.02)


def test_plain_form_is_one_line_per_event_without_control_codes() -> None:
    out, console = plain()
    with Progress(console) as progress:
        progress.phase("kernel nv", "build kernel nv", 330.0)
        progress.update("kernel nv", "CC arch/arm64/kvm/nested.o")
        progress.update("kernel nv", "CC arch/arm64/kvm/nested.o")
        progress.done("kernel nv", True)
        progress.phase("cell", "cell \x1b[31mevil\x00 " + "x" * 500)
        progress.done("cell", False, "l1 is\nsilent")
        progress.note("3 cells left")
    lines = out.getvalue().splitlines()
    assert lines[0] == "start build kernel nv (usually 5 min 30 s)"
    assert re.fullmatch(
        r"  \.\.  build kernel nv: CC arch/arm64/kvm/nested\.o \(\d\.\d s, usually 5 min 30 s\)", lines[1]
    )
    assert re.fullmatch(r"done  build kernel nv \(\d\.\d s\)", lines[2])
    assert lines[3].startswith(r"start cell \x1b[31mevil\x00 xxx")
    assert lines[4].startswith("FAIL  cell")
    assert ": l1 is silent (" in lines[4]
    assert lines[5:] == ["3 cells left"]
    assert not CONTROL.search(out.getvalue().replace("\n", ""))


def test_what_is_interrupted_neither_passed_nor_failed(tmp_path: Path) -> None:
    out, console = plain()
    history = History(tmp_path / "history.json")
    with Progress(console, history=history) as progress:
        progress.phase("cell", "base: tlbi-el2")
        progress.ended("cell", "interrupted")
        progress.ended("cell", "twice")
    assert re.fullmatch(r"ended base: tlbi-el2: interrupted \(\d\.\d s\)", out.getvalue().splitlines()[1])
    assert len(out.getvalue().splitlines()) == 2
    assert history.usual("cell") is None  # how long it took says nothing


def test_heartbeat_speaks_only_while_something_runs_silently() -> None:
    out, console = plain()
    with Progress(console, heartbeat_s=0.08) as progress:
        time.sleep(0.2)
        assert out.getvalue() == ""
        begun = time.monotonic()
        progress.phase("a", "boot l1", 0.01)
        progress.phase("b", "build kernel")

        def beats() -> list[str]:
            return [line for line in out.getvalue().splitlines() if line.startswith("  still ")]

        until(lambda: len(beats()) >= 3, "third heartbeat")
        found, took = len(beats()), time.monotonic() - begun
        assert 3 <= found <= 1 + took / 0.08
        assert re.search(r"boot l1 \(\d+\.\d s, usually 0\.0 s\); build kernel \(\d+\.\d s\)", beats()[0])
    after = out.getvalue()
    time.sleep(0.15)
    assert out.getvalue() == after


def test_a_flood_of_updates_becomes_few_lines_and_keeps_the_newest() -> None:
    out, console = plain()
    with Progress(console, heartbeat_s=0.4, update_s=0.1) as progress:
        progress.phase("build", "build kernel")
        begun = time.monotonic()
        for number in range(1000):
            progress.update("build", f"CC file-{number}.o")
        until(lambda: "CC file-999.o" in out.getvalue(), "newest update")
        took = time.monotonic() - begun
        lines = [line for line in out.getvalue().splitlines() if line.startswith("  ..  ")]
    assert len(lines) <= 2 + took / 0.1
    assert "CC file-0.o" in lines[0]
    assert "CC file-999.o" in lines[-1]


def test_unknown_keys_are_ignored() -> None:
    out, console = plain()
    with Progress(console) as progress:
        progress.update("nothing", "x")
        progress.done("nothing", True)
    assert out.getvalue() == ""


def test_history_supplies_and_learns_durations_of_what_ended_well(tmp_path: Path) -> None:
    history = History(tmp_path / "d.json")
    history.record("boot l1", 17.0)
    out, console = plain()
    with Progress(console, history=history) as progress:
        progress.phase("boot l1", "boot l1")
        progress.done("boot l1", True)
        progress.phase("build", "build kernel")
        progress.done("build", False)
    assert "start boot l1 (usually 17.0 s)" in out.getvalue()
    assert history.usual("boot l1") == 8.5
    assert history.usual("build") is None


def test_two_of_a_kind_at_once_are_shown_apart_and_remembered_as_one(tmp_path: Path) -> None:
    history = History(tmp_path / "d.json")
    history.record("cell x", 17.0)
    out, console = plain()
    with Progress(console, history=history) as progress:
        progress.phase("first", "x", known_as="cell x")
        progress.phase("second", "x (seed 2)", known_as="cell x")
        progress.done("first", True, "pass")
        progress.done("second", True, "pass")
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["start x (usually 17.0 s)", "start x (seed 2) (usually 17.0 s)"]
    assert [line.partition(" (0")[0] for line in lines[2:]] == ["done  x: pass", "done  x (seed 2): pass"]
    assert (history.usual("cell x") or 17.0) < 17.0
    assert history.usual("first") is None


def test_terminal_form_redraws_and_leaves_only_finished_lines() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    with Progress(console, live=True) as progress:
        for number in range(20):
            progress.phase(f"c{number}", f"cell {number} \x1b]0;title\x07", 5.0)
        progress.update("c19", "boot l2")
        until(lambda: "boot l2" in out.getvalue(), "drawing")
        for number in range(20):
            progress.done(f"c{number}", True)
    text = out.getvalue()
    assert "usually 5.0 s" in text
    assert "boot l2" in text
    assert "and 8 more" in text
    assert "\x1b]0;" not in text
    assert "\x07" not in text
    assert len(re.findall(r"done  cell \d+ \\x1b\]0;title\\x07 \(", text)) == 20


def test_the_file_decides_between_the_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    with Progress(Console(file=out, color_system=None)) as progress:
        progress.phase("a", "boot l1")
    assert out.getvalue() == "start boot l1\n"
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as file:
            with Progress(Console(file=file, width=80)) as progress:
                progress.phase("a", "boot l1", 3.0)
                seen = ""
                while "usually 3.0 s" not in seen:
                    assert select.select([master], [], [], 60)[0], seen
                    seen += os.read(master, 65536).decode("utf-8", "replace")
            file.flush()
    finally:
        os.close(master)
    assert "\x1b[" in seen
    assert "usually 3.0 s" in seen
    assert "start boot l1" not in seen


def test_threads_and_the_redraw_do_not_block_each_other() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    end = time.monotonic() + 1.0
    with Progress(console, live=True) as progress:

        def work(name: int) -> None:
            while time.monotonic() < end:
                progress.phase(f"{name}", f"cell {name}")
                progress.update(f"{name}", f"step at {time.monotonic()}")
                progress.done(f"{name}", True)

        threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def test_the_headline_of_a_long_run_is_said_at_heartbeats_and_drawn_above_the_phases() -> None:
    out, console = plain()
    with Progress(console, heartbeat_s=0.08) as progress:
        progress.headline = lambda: "3 of 9 cells: 3 pass"
        until(out.getvalue, "heartbeat")
    assert "  now 3 of 9 cells: 3 pass" in out.getvalue().splitlines()
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with Progress(console, live=True) as progress:
        progress.headline = lambda: "3 of 9 cells: 3 pass"
        progress.phase("cell", "boots")
        with console.capture() as capture:
            console.print(progress._render())
    lines = capture.get().splitlines()
    assert "3 of 9 cells: 3 pass" in lines[0]
    assert "boots" in lines[1]

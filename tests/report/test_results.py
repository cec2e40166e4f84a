# SPDX-License-Identifier: GPL-2.0-only

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from harness import errors
from harness.check.finding import EventLine, Finding
from harness.level import Level
from harness.report import html, junit, terminal
from harness.report import safe_text as text
from harness.report.results import HostMachine
from harness.trace.event import Event
from harness.trace.export.plain import event_text
from harness.trace.source import Source
from harness.verdict import Verdict
from tests.report import samples

EVENT = Event(
    "l0.tlbi", Level.L0, 7, 18_402_161_004, 1, "qemu-341", {"op": "ipas2e1is", "vmid": 1, "ipa": 4096}
)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.PASS, errors.EXIT_PASS),
        (Verdict.VACUOUS, errors.EXIT_RED),
        (Verdict.UNDECIDED, errors.EXIT_RED),
        (Verdict.FAIL, errors.EXIT_RED),
        (Verdict.INFRA, errors.EXIT_INFRA),
    ],
)
def test_the_worst_cell_decides_the_exit_status(verdict: Verdict, status: int) -> None:
    run = samples.run(samples.PASSED, samples.cell("other", verdict, ()))
    assert run.worst is verdict
    assert run.exit_status == status


def test_a_run_without_cells_is_red() -> None:
    assert samples.run().worst is Verdict.VACUOUS
    assert samples.run().exit_status == 1


def test_a_cell_cannot_be_better_than_its_findings() -> None:
    for verdict in (Verdict.PASS, Verdict.VACUOUS, Verdict.UNDECIDED):
        with pytest.raises(ValueError, match="hides a finding fail"):
            samples.cell("x", verdict, (samples.UNMAPPED,))
    allowed = Finding("rare", "existence", Verdict.VACUOUS, "never happened")
    assert samples.cell("x", Verdict.PASS, (allowed,)).verdict is Verdict.PASS


def test_event_text_names_level_time_cpu_and_fields() -> None:
    assert event_text(EVENT) == "l0 18.402161004 cpu1 qemu-341 l0.tlbi op=ipas2e1is vmid=1 ipa=0x1000"


def lines(*numbers: int) -> tuple[EventLine, ...]:
    """Events of L0 that all read alike."""
    return tuple(EventLine(Source.L0, number, "l0 1.0 cpu0 l0.tlbi op=alle1") for number in numbers)


def kept(finding: Finding) -> Finding:
    """The finding as its cell's result holds it."""
    return samples.cell("x", Verdict.FAIL, (finding,)).findings[0]


def test_ten_megabytes_are_cut_to_the_documented_bounds() -> None:
    big = "é" * 10_000_000
    line = EventLine(Source.L0, 3, big)
    finding = kept(Finding("n", "k", Verdict.FAIL, big, big, {"a": big}, line, (line,), expected=big))
    for cut in (finding.message, finding.where, finding.bindings["a"], finding.expected):
        assert len(cut) == text.TEXT_LIMIT
        assert cut.endswith("… [10000000 characters, cut]")
    assert finding.trigger is not None
    assert len(finding.trigger.text) == text.LINE_LIMIT
    assert finding.context == (finding.trigger,)


@pytest.mark.parametrize(("trigger", "first"), [(0, 0), (700, 600), (999, 800)])
def test_a_long_context_keeps_the_events_around_the_trigger_which_its_number_tells(
    trigger: int, first: int
) -> None:
    every = lines(*range(1000))
    finding = kept(Finding("n", "k", Verdict.FAIL, "m", trigger=every[trigger], context=every))
    assert finding.context == every[first : first + text.CONTEXT_LIMIT]
    assert finding.around(2) == every[max(0, trigger - 2) : trigger + 3]


def test_without_a_trigger_the_first_events_are_kept_and_shown() -> None:
    finding = kept(Finding("n", "k", Verdict.FAIL, "m", context=lines(*range(300))))
    assert finding.context == lines(*range(text.CONTEXT_LIMIT))
    assert finding.around(1) == lines(0, 1)


@pytest.mark.parametrize("trigger", [0, 1, 2])
def test_every_report_marks_the_trigger_alone_among_events_that_read_alike(
    trigger: int, tmp_path: Path
) -> None:
    every = lines(4, 5, 6)
    cell = samples.cell(
        "x", Verdict.FAIL, (Finding("n", "k", Verdict.FAIL, "m", trigger=every[trigger], context=every),)
    )
    run = samples.run(cell)
    screen = io.StringIO()
    terminal.print_finding(cell.findings[0], Console(file=screen, width=120, color_system=None))
    xml = junit.write(run, tmp_path).read_text()
    for shown in (
        screen.getvalue(),
        html.render(run).replace("&gt;", ">"),
        xml.replace("&gt;", ">"),
    ):
        marks = re.findall(r"(> | {2})(?:l0) +1.0 cpu0 l0.tlbi op=alle1", shown)
        assert [mark == "> " for mark in marks] == [number == trigger for number in range(3)]


def test_lone_surrogates_do_not_survive() -> None:
    assert kept(Finding("n", "k", Verdict.FAIL, "a\ud800b")).message == "a?b"


def test_headline_prefers_the_reason_then_the_worst_finding() -> None:
    assert samples.PASSED.headline == ""
    assert samples.FAILED.headline.startswith("shadow-unmapped: no l0.shadow_unmap")
    assert samples.INFRA.headline.startswith("l1 did not answer")
    assert samples.cell("x", Verdict.FAIL, ()).headline == "no reason was recorded"


def test_kernel_text_is_short_when_all_levels_agree() -> None:
    assert samples.PASSED.kernel_text == "nv"
    assert samples.UNDECIDED.kernel_text == "debian/nv/nv"
    assert samples.cell("x", Verdict.PASS, (), kernels={}).kernel_text == ""


def test_host_describes_this_machine() -> None:
    host = HostMachine.here()
    assert host.cpus >= 1
    assert host.memory_mib > 100


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.04, "0.0 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (245.4, "4 min 05 s"),
        (3725.0, "1 h 02 min"),
    ],
)
def test_durations_for_people(value: float, shown: str) -> None:
    assert text.seconds(value) == shown

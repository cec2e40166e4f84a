# SPDX-License-Identifier: GPL-2.0-only
import dataclasses

import pytest

from harness import errors
from harness.errors import Location
from harness.level import Level
from harness.report import safe_text as text
from harness.report.results import Finding, HostMachine
from harness.trace.event import Event
from harness.trace.export.plain import event_text
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


def test_make_turns_a_checks_objects_into_text() -> None:
    finding = Finding.make(
        "n",
        "response",
        Verdict.FAIL,
        "m",
        where=Location("a.yaml", 3, 5),
        bindings={"a": 0x4000, "v": 1, "op": "vae1", "ok": True},
        trigger=EVENT,
        context=["before", EVENT, "after"],
    )
    assert finding.where == "a.yaml:3:5"
    assert finding.bindings == {"a": "0x4000", "v": "1", "op": "vae1", "ok": "True"}
    assert finding.trigger == event_text(EVENT)
    assert finding.around(1) == ("before", event_text(EVENT), "after")
    assert finding.around(0) == (event_text(EVENT),)


def test_ten_megabytes_are_cut_to_the_documented_bounds() -> None:
    big = "é" * 10_000_000
    finding = Finding("n", "k", Verdict.FAIL, big, trigger=big, context=(big,), bindings={"a": big})
    assert len(finding.message) == len(finding.bindings["a"]) == text.TEXT_LIMIT
    assert finding.message.endswith("… [10000000 characters, cut]")
    assert len(finding.trigger) == text.LINE_LIMIT
    assert finding.context == (finding.trigger,)


def test_a_long_context_keeps_the_lines_around_the_trigger() -> None:
    lines = tuple(f"l0 {number}" for number in range(1000))
    finding = Finding("n", "k", Verdict.FAIL, "m", trigger="l0 700", context=lines)
    assert len(finding.context) == text.CONTEXT_LIMIT
    assert finding.around(2) == ("l0 698", "l0 699", "l0 700", "l0 701", "l0 702")
    late = dataclasses.replace(finding, trigger="l0 999", context=lines)
    assert late.context == lines[-text.CONTEXT_LIMIT :]


def test_lone_surrogates_do_not_survive() -> None:
    assert Finding("n", "k", Verdict.FAIL, "a\ud800b").message == "a?b"


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

# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong on the real machine is found, told with its reason, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EXIT_INFRA, EXIT_RED, EXIT_USER
from harness.host.paths import IMAGES
from tests.processes import wait_gone
from tests.real.conftest import Run, Start, processes_in

EXPECT = """\
expect:
  - result: ended
    of: work
    exit: any
"""
PANIC = f"""\
scenario: panics
summary: L1 panics in mid-run; the verdict is a failure that quotes the panic.
steps:
  - boot: l1
  - run: sleep 1; echo c >/proc/sysrq-trigger; sleep 600
    on: l1
    name: work
{EXPECT}"""
DIES = f"""\
scenario: dies
summary: L0 panics in mid-run; nobody waits for the deadline of the run.
steps:
  - boot: l0
  - run: sleep 1; echo c >/proc/sysrq-trigger; sleep 600
    on: l0
    name: work
{EXPECT}"""
VMM = f"""\
scenario: vmm-dies
summary: L1's VMM is killed in mid-run.
steps:
  - boot: l1
  - run: sleep 3; kill -9 $(cat /run/nvh/vmm.pid)
    on: l0
    name: killer
    background: true
  - run: sleep 600
    on: l1
    name: work
{EXPECT}"""
NO_NV = """\
scenario: no-nv
summary: L0's kernel offers no virtual EL2.
stack:
  l0: {cmdline: kvm-arm.mode=none}
steps:
  - boot: l1
  - mark: never
expect:
  - existence: seen
    of: {event: l0.tlbi}
"""
# The kernel WARNs about a value that it refuses (early_kvm_mode_cfg()): a splat without any help of ours.
WARNS = NO_NV.replace("no-nv", "warns").replace("kvm-arm.mode=none", "kvm-arm.mode=nvhe")
FALSE = """\
scenario: false-claim
summary: Says that L0 emulates no TLBI while L1 executes one.
steps:
  - boot: l1
  - run: nvh-tlbi vmalle1is --vmid 9 --count 3
    on: l1
    name: work
    mark: work
expect:
  - absence: nothing-is-emulated
    given: {event: l0.tlbi}
    of: {event: l0.tlbi, op: $op, vmid: 9}
    scope: work
"""
NO_LOAD = f"""\
scenario: no-load
summary: Its background load does not exist.
steps:
  - boot: l0
  - run: no-such-program
    on: l0
    name: load
    background: true
  - run: sleep 1
    on: l0
    name: work
{EXPECT}"""
EXPIRES = """\
scenario: expires
summary: Waits for words that never come.
steps:
  - boot: l0
  - run: echo done
    on: l0
    name: work
  - run: echo heard; sleep 600
    on: l0
    name: load
    background: true
  - wait-for: {output: never, of: load}
    timeout: 5
expect:
  - result: said
    of: work
    stdout: done
  - existence: traced
    of: {event: l0.tlbi}
"""
WAITS = f"""\
scenario: waits
summary: Waits at L0 for a test to hurt it.
steps:
  - boot: l0
  - run: echo begun >/dev/kmsg; sleep 600
    on: l0
    name: work
{EXPECT}"""
ANSWERS = f"""\
scenario: answers
summary: The next run works.
steps:
  - boot: l0
  - run: echo on
    on: l0
    name: work
{EXPECT}"""


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of several scenarios that must all end badly; took place when this returns."""
    texts = {
        "panic": PANIC,
        "dies": DIES,
        "vmm": VMM,
        "no-nv": NO_NV,
        "warns": WARNS,
        "false": FALSE,
        "no-load": NO_LOAD,
    }
    run = Run(tmp_path_factory.mktemp("damaged"), texts)
    try:
        assert run.finish() == EXIT_RED, run.log.read_text()  # what broke outweighs the VMM that was killed
    finally:
        run.end()
    return run


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A deadline that passes, alone: where QEMU gets too little of the host, the host is at fault."""
    run = Run(tmp_path_factory.mktemp("expired"), {"expires": EXPIRES}, "--jobs", "1")
    try:
        assert run.finish() == EXIT_RED, run.log.read_text()
    finally:
        run.end()
    return run


def findings(cell: dict[str, Any], verdict: str) -> list[dict[str, Any]]:
    return [finding for finding in cell["findings"] if finding["verdict"] == verdict]


def test_panic_is_a_failure_that_quotes_it(damaged: Run) -> None:
    cell = damaged.cells()["panics"]
    assert cell["verdict"] == "fail", cell
    splat = next(f for f in findings(cell, "fail") if f["kind"] == "console")
    assert "sysrq triggered crash" in str(splat)
    assert "l1" in str(splat)
    assert "Kernel panic" in (damaged.place("panics") / "l1.console.log").read_text()


def test_panic_of_l0_ends_the_cell(damaged: Run) -> None:
    cell = damaged.cells()["dies"]
    failed = {finding["name"]: finding["message"] for finding in findings(cell, "fail")}
    assert set(failed) == {"no-splat-l0", "level-l0"}  # and not `step`, which says that it was slow
    assert failed["level-l0"].startswith("l0: its kernel died: panic: Kernel panic - not syncing: sysrq")


def test_warning_is_a_failure(damaged: Run) -> None:
    cell = damaged.cells()["warns"]
    assert cell["verdict"] == "fail"
    failed = {finding["name"]: finding["message"] for finding in findings(cell, "fail")}
    assert set(failed) == {"no-splat-l0", "boot-l1"}
    assert "WARNING: " in failed["no-splat-l0"]
    assert "early_kvm_mode_cfg" in failed["no-splat-l0"]
    assert "offers no virtual EL2" in failed["boot-l1"]  # why it went no further is told too


def test_background_load_that_does_not_exist_is_red(damaged: Run) -> None:
    cell = damaged.cells()["no-load"]
    (failed,) = findings(cell, "fail")
    assert (failed["name"], failed["kind"]) == ("load", "run")
    assert "ended with status 127" in failed["message"]
    assert "no-such-program" in (damaged.place("no-load") / "output" / "load.stderr").read_text()


def test_deadline_of_a_step_keeps_the_evidence(expired: Run) -> None:
    cell = expired.cells()["expires"]
    (late,) = findings(cell, "fail")
    assert late["kind"] == "deadline"
    assert "no match within" in late["message"]
    assert "its last output: heard" in late["message"]
    place = expired.place("expires")
    assert (place / "output" / "load.stdout").read_text() == "heard\n"
    assert (place / "timeline.jsonl").stat().st_size > 0
    assert (place / "l0.trace.txt").stat().st_size > 0
    assert {f["name"] for f in findings(cell, "pass")} >= {"said", "no-splat-l0"}
    assert {f["name"] for f in findings(cell, "undecided")} == {"traced"}


def test_vmm_that_is_killed_is_named(damaged: Run) -> None:
    cell = damaged.cells()["vmm-dies"]
    assert cell["verdict"] == "infra"
    assert cell["reason"].startswith("l1: its VMM at l0 ended with status 265"), cell["reason"]
    assert cell["seconds"] < 120
    assert {"l0.console.log", "l1.console.log", "qemu.log"} <= {ref["path"] for ref in cell["files"]}


def test_kernel_without_virtual_el2_fails_at_once(damaged: Run) -> None:
    cell = damaged.cells()["no-nv"]
    (failed,) = findings(cell, "fail")
    assert (failed["name"], failed["kind"]) == ("boot-l1", "boot")
    assert "the KVM of L0's kernel offers no virtual EL2" in failed["message"]
    assert "kvm-arm.mode=nested" in failed["message"]
    assert cell["seconds"] < 60


def test_false_expectation_fails_with_line_values_and_events(damaged: Run) -> None:
    cell = damaged.cells()["false-claim"]
    assert cell["verdict"] == "fail", cell
    finding = next(f for f in cell["findings"] if f["name"] == "nothing-is-emulated")
    assert re.search(r"/false\.yaml:\d+:5$", finding["where"])
    line = int(finding["where"].split(":")[-2])
    assert FALSE.splitlines()[line - 1] == "  - absence: nothing-is-emulated"
    assert finding["bindings"] == {"op": "vmalle1is"}
    assert "l0.tlbi" in finding["trigger"]["text"]
    assert "vmid=9" in finding["trigger"]["text"]
    assert finding["trigger"] in finding["context"]
    assert len(finding["context"]) > 1
    report = damaged.log.read_text()
    assert "false-claim" in report
    assert "op=vmalle1is" in report


def test_killed_qemu_is_infra_and_the_next_run_works(start: Start) -> None:
    run = start({"waits": WAITS})
    run.until(lambda: began(run), "the command")
    (machine,) = run.machines()
    os.kill(machine, signal.SIGKILL)
    began_at = time.monotonic()
    assert run.finish(60) == EXIT_INFRA
    assert time.monotonic() - began_at < 30
    cell = run.cells()["waits"]
    assert cell["verdict"] == "infra"
    assert cell["reason"].startswith("QEMU ended with signal 9")
    assert "nvh: l0 ready" in (run.place("waits") / "l0.console.log").read_text()
    again = start({"answers": ANSWERS})
    assert again.finish() == 0, again.log.read_text()


def began(run: Run) -> bool:
    return any("sleep 600" in path.read_text() for path in run.out.glob("cells/*/commands.log"))


@pytest.mark.parametrize("victim", ["the cell", "the harness"])
def test_killed_harness_leaves_no_machine(start: Start, victim: str) -> None:
    run = start({"waits": WAITS})
    run.until(lambda: began(run), "the command")
    machines = list(run.machines())
    assert len(machines) == 1
    if victim == "the harness":
        run.process.kill()
        run.process.wait()
    else:
        (cell,) = run.cell_processes()
        os.kill(cell, signal.SIGKILL)
        assert run.finish(60) == EXIT_INFRA
        assert "ended with signal 9" in run.cells()["waits"]["reason"]
    assert wait_gone(machines, 10) == []
    assert wait_gone(list(processes_in(run.out)), 30) == []


def test_model_without_nv2_is_refused(start: Start, tmp_path: Path) -> None:
    text = (IMAGES / "models/qemu.yaml").read_text()
    path = tmp_path / "a72.yaml"
    path.write_text(text.replace("model: qemu\n", "model: a72\n").replace("cpu: max", "cpu: cortex-a72"))
    run = start({"answers": ANSWERS}, "--model", str(path))
    assert run.finish() == EXIT_USER
    said = run.log.read_text()
    assert "model a72 (-cpu cortex-a72) lacks FEAT_NV2: ID_AA64MMFR2_EL1.NV is 0" in said
    assert "Choose a CPU such as max" in said
    assert not run.out.exists()


def test_statuses_are_what_the_verdicts_say(damaged: Run) -> None:
    verdicts = {cell["verdict"] for cell in damaged.cells().values()}
    assert verdicts == {"fail", "infra"}
    assert EXIT_RED != EXIT_INFRA


def test_level_that_died_is_named(damaged: Run) -> None:
    """L1's panic resets it, which ends its VMM: a finding beside the splat, not an infrastructure error."""
    cell = damaged.cells()["panics"]
    (died,) = [f for f in findings(cell, "fail") if f["kind"] == "level"]
    assert died["name"] == "level-l1"
    # What shows first depends on how long L1 takes from its panic to its reset.
    ways = ("its VMM at l0 ended with status 0", "its kernel died: panic")
    assert any(way in died["message"] for way in ways)

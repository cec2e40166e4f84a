# SPDX-License-Identifier: GPL-2.0-only
"""What nvh-bundle prints is what the reader renders, whatever the program below it does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.host.paths import IMAGES
from harness.ktap.by_cell import run_of
from harness.ktap.cells import LoggedMachine, cells
from harness.ktap.judge import of_selection
from harness.ktap.log import render
from harness.ktap.manifest import Bundle
from harness.ktap.read import read
from harness.ktap.tagged import ours
from harness.verdict import Verdict
from tests.ktap.conftest import Run, recorded, write_bundle

MACHINE = LoggedMachine("board", "board 1", "", "2026-11-28T00:00:00Z", "./nvh judge x")


def test_a_whole_log_is_what_the_reader_renders(run_bundle: Run, bundle: Bundle) -> None:
    status, log = run_bundle()
    reading = read(log, "log")
    assert (status, reading.damage) == (0, ())
    assert [line.text for line in ours(log.decode().splitlines())] == render(reading.log)
    assert of_selection(reading, bundle).verdict is Verdict.PASS
    assert reading.log.counts == {"passed": len(recorded()) - 1, "failed": 0, "skipped": 1}


def test_it_is_ktap(run_bundle: Run) -> None:
    """By the kernel's documentation: version, plan, numbered results, subtests before their result."""
    _, log = run_bundle()
    lines = log.decode().strip().splitlines()
    assert lines[0] == "KTAP version 1"
    plain = [line for line in lines if not re.match(r" *# ", line)]
    outer = [line for line in plain if not line.startswith(" ")]
    families = int(outer[1].removeprefix("1.."))
    assert [line.split()[1] for line in outer[2:]] == [str(n) for n in range(1, families + 1)]
    for block in "\n".join(plain).split("\n  KTAP version 1\n")[1:]:
        inner = [line[2:] for line in block.splitlines() if line.startswith("  ")]
        count = int(inner[0].removeprefix("1.."))
        numbers = [int(m[1]) for line in inner[1:] if (m := re.match(r"(?:not )?ok (\d+) [^#]+", line))]
        assert numbers == list(range(1, count + 1))


def test_a_failure_is_red_and_a_selection_is_what_was_asked_for(run_bundle: Run, tmp_path: Path) -> None:
    lines = recorded(("pass", "fail"))
    status, log = run_bundle("--cases=hidden-range/*,s2-unmap*", "--skip=*/4k/1g*", lines=lines)
    bundle = write_bundle(tmp_path / "bundle", dict.fromkeys(lines, 1))
    reading = read(log, "log")
    assert status == 1
    assert of_selection(reading, bundle).verdict is Verdict.PASS
    assert {family.name for family in reading.log.families} == {"hidden-range", "s2-unmap", "s2-unmap-part"}
    found = {cell.id: cell.verdict for cell in cells(reading, bundle, MACHINE)}
    assert found["bundle[family=hidden-range]"] is Verdict.FAIL
    assert found["bundle"] is Verdict.PASS


def test_what_does_not_apply_has_no_cell_and_is_reported(run_bundle: Run, bundle: Bundle) -> None:
    reading = read(run_bundle()[1], "log")
    found = cells(reading, bundle, MACHINE)
    assert "bundle[family=s2-all]" not in {cell.id for cell in found}
    absent = next(each for each in found[0].findings if each.name == "not-applicable")
    assert "s2-all (1 no-FEAT_XS)" in absent.message
    assert {cell.verdict for cell in found} == {Verdict.PASS}


def test_a_reason_that_the_machine_contradicts(run_bundle: Run, bundle: Bundle) -> None:
    """A probe that wrongly says that a feature is not there hides cases."""
    log = run_bundle(features="pages-4k,cpus-2,TLBIOS,TLBIRANGE,XS,NV2,s2-4k,s2-16k,s2-64k")[1]
    found = {cell.id: cell for cell in cells(read(log, "log"), bundle, MACHINE)}
    assert found["bundle[family=s2-all]"].verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("mode", "options", "said"),
    [
        ("dies", (), "nvh-litmus ended with status 267"),
        ("hangs", ("--patience=1",), "was ended"),
        ("another", (), "unexpected case"),
        ("torn", (), "did not end"),
    ],
)
def test_a_program_that_goes_wrong_passes_nowhere_it_matters(
    run_bundle: Run, bundle: Bundle, mode: str, options: tuple[str, ...], said: str
) -> None:
    status, log = run_bundle("--cases=trap-ttlbis/*", *options, mode=mode)
    reading = read(log, "log")
    assert status == 1
    assert said in log.decode()
    assert not reading.damage, reading.damage_text
    assert {cell.verdict for cell in cells(reading, bundle, MACHINE)[1:]} == {Verdict.UNDECIDED}


def test_time_that_was_up_is_no_pass(run_bundle: Run, bundle: Bundle) -> None:
    reading = read(run_bundle("--cases=trap-ttlbis/*", "--seconds=5")[1], "log")
    assert not reading.damage
    [cell] = cells(reading, bundle, MACHINE)[1:]
    assert cell.verdict is Verdict.UNDECIDED
    assert any("30 did not run" in each.message for each in cell.findings)


def test_what_the_program_says_stays_between_the_lines(run_bundle: Run, bundle: Bundle) -> None:
    reading = read(run_bundle("--cases=s1-own/*", mode="chatty")[1], "log")
    assert not reading.damage, reading.damage_text
    assert {cell.verdict for cell in cells(reading, bundle, MACHINE)} == {Verdict.PASS}


def test_no_el2_is_a_skip_that_says_why(run_bundle: Run, bundle: Bundle) -> None:
    status, log = run_bundle(mode="no-el2")
    reading = read(log, "log")
    assert status == 4
    assert not reading.damage, reading.damage_text
    assert b"1..0 # SKIP " in log
    [whole] = cells(reading, bundle, MACHINE)
    assert whole.verdict is Verdict.VACUOUS


@pytest.mark.parametrize(
    "option",
    [
        "--case=x",
        "--cases=",
        "--cases=a b",
        "--cpus=x",
        "--list=../x",
        "--off=never",
        "--self-test=2",
        "cases=x",
    ],
)
def test_a_wrong_option_is_refused(run_bundle: Run, option: str) -> None:
    status, log = run_bundle(option)
    assert status == 2
    assert log.startswith(b"Bail out! nvh-bundle: ")


def test_run_sh_refuses_another_machine() -> None:
    """This machine is no arm64 host with KVM: status 4 and a reason, as kselftest wants it."""
    script = IMAGES / "payloads/bundle/run.sh"
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 4
    assert re.fullmatch(r"KTAP version 1\n1\.\.0 # SKIP .+\n", done.stdout)


def test_why_nothing_ran_is_reported(run_bundle: Run) -> None:
    with pytest.raises(UserError, match="log:1: nothing ran: nvh-bundle: no case is chosen"):
        read(run_bundle("--cases=no-such/*")[1], "log")


@pytest.mark.parametrize("kind", ["1", "exit"])
def test_a_self_test_tells_what_the_machine_can_show(run_bundle: Run, tmp_path: Path, kind: str) -> None:
    """On a real TLB a case that a model would hide may fail without its operation; another may not."""
    own = {name: line for name, line in recorded().items() if name.startswith("s1-own/")}
    obliged = [name for name, line in own.items() if " obliged=yes " in line]
    assert len(obliged) > 1
    assert all(" control=not-observable " in own[name] for name in obliged)
    own[obliged[0]] = own[obliged[0]].replace("verdict=pass", "verdict=unable-to-fail")
    status, log = run_bundle(f"--self-test={kind}", lines=own)
    assert status == 0
    bundle = write_bundle(tmp_path / "bundle", dict.fromkeys(own, 1))
    whole, family = cells(read(log, "log"), bundle, MACHINE)
    told = next(each for each in whole.findings if each.name == "observable")
    able, every = len(obliged) - 1, len(obliged)
    assert told.message == (
        f"s1-own: {able} of {every} can fail, {able} of {every} not-observable can be seen"
    )
    assert family.id == "bundle-self-test[family=s1-own]"
    assert family.verdict is Verdict.VACUOUS


def test_what_nvh_litmus_said_beside_its_cases_is_in_a_cells_run(run_bundle: Run) -> None:
    """A scenario may ask for such a line."""
    log = read(run_bundle()[1], "log").log
    assert not re.search("^pressure=", run_of(log).stdout, re.MULTILINE)
    log.families[0].entries.append("said pressure=64 reads=12345")
    assert re.search("^pressure=64 reads=12345$", run_of(log).stdout, re.MULTILINE)
    assert run_of(log).stdout.splitlines()[-1].startswith("cases=")

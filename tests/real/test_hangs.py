# SPDX-License-Identifier: GPL-2.0-only
"""A hang of L0, L1 or L2 is reported as what it is, and the next case and the next cell run all the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness.errors import EXIT_RED
from harness.litmus.case_lines import CaseLine, parse, summary
from tests.real.conftest import Run

EXPECT = """\
expect:
  - result: ended
    of: work
    exit: any
"""


def at_l0(name: str, command: str, timeout: int, stack: str = "") -> str:
    stack = f"stack: {{{stack}}}\n" if stack else ""
    return f"""\
scenario: {name}
summary: Hangs on purpose.
{stack}steps:
  - boot: l0
  - run: {command}
    on: l0
    name: work
    timeout: {timeout}
{EXPECT}"""


CASES = ("provoke-*", "s2-unmap/ipas2e1is/4k/4k-first/*", "s2-remote/ipas2e1is/4k/4k-match*")
LITMUS = "nvh-litmus " + " ".join(f"--case '{glob}'" for glob in CASES)
# No interrupt reaches any CPU any more once GICD_CTLR is 0: they sleep for ever.
SILENCE = "busybox devmem 0x08000000 32 0; sleep 600"
VMS = "ls /sys/kernel/debug/kvm"
TEXTS = {
    # Under icount a loop with YIELD in it hardly lets the guest's time go on.
    "a-cases": at_l0("cases", LITMUS, 120, "timing: mttcg"),
    "b-silent": at_l0("silent", SILENCE, 10),
    "c-silent-mttcg": at_l0("silent-mttcg", f"{VMS}; {SILENCE}", 10, "timing: mttcg"),
    "d-panic": at_l0("panic", "echo c >/proc/sysrq-trigger; sleep 600", 10, "l0: {cmdline: panic=0}"),
    "e-answers": at_l0("answers", f"{VMS}; echo on", 20),
}


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("hung"), TEXTS)
    try:
        assert run.finish(480) == EXIT_RED, run.log.read_text()
    finally:
        run.end()
    return run


def deadline(cell: dict[str, Any]) -> str:
    """What the finding about the step's deadline says."""
    (finding,) = [f for f in cell["findings"] if f["kind"] == "deadline"]
    assert finding["verdict"] == "fail"
    return str(finding["message"])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("silent", "QEMU's monitor does not answer either"),
        ("silent-mttcg", "every CPU of the machine is idle"),
    ],
)
def test_hang_of_l0_is_told_from_a_slow_machine(hung: Run, name: str, how: str) -> None:
    cell = hung.cells()[name]
    assert cell["verdict"] == "fail"
    said = deadline(cell)
    assert f"the machine is hung: {how}" in said
    assert "l0's agent does not answer" in said
    named = {f["name"]: f["verdict"] for f in cell["findings"]}
    assert named["level-l0"] == "fail"
    assert named["no-splat-l0"] == "undecided"  # its log could not be read


def test_panic_of_l0_is_a_failure_that_quotes_it(hung: Run) -> None:
    cell = hung.cells()["panic"]
    assert cell["verdict"] == "fail"
    (died,) = [f for f in cell["findings"] if f["name"] == "level-l0"]
    assert "its kernel died: panic" in died["message"]
    (splat,) = [f for f in cell["findings"] if f["name"] == "no-splat-l0" and f["verdict"] == "fail"]
    assert "sysrq triggered crash" in splat["message"]


def test_cells_after_a_hang_run(hung: Run) -> None:
    assert hung.cells()["answers"]["verdict"] == "pass"


@pytest.mark.parametrize(("name", "kept"), [("silent-mttcg", 1), ("answers", 0)])
def test_a_vm_is_kept_where_cpus_have_threads(hung: Run, name: str, kept: int) -> None:
    said = (hung.place(name) / "output" / "work.stdout").read_text().split()
    assert "halt_poll_ns_grow" in said or "remote_tlb_flush" in said or "exits" in said, said
    assert len([word for word in said if re.fullmatch(r"[0-9]+-[0-9]+", word)]) == kept


def lines(run: Run) -> tuple[str, dict[str, CaseLine]]:
    text = next((run.place("cases") / "output").glob("work.stdout")).read_text()
    return text, {line.case: line for line in parse(text, "work.stdout")}


@pytest.mark.parametrize(
    ("case", "verdict", "where"),
    [
        ("provoke-l2-hang", "hang", "vcpu0 at L2 pc="),
        ("provoke-l1-hang", "hang", "vcpu0 at vEL2 pc="),
        ("provoke-l2-hang-on-another-vcpu", "hang", "vcpu1 at L2 pc="),
        ("provoke-l1-exception", "broken", "exception at vEL2: esr=0x2000000"),
    ],
)
def test_hang_of_l1_or_l2_says_where(hung: Run, case: str, verdict: str, where: str) -> None:
    line = lines(hung)[1][case]
    assert line.verdict == verdict
    assert where in line.why


def test_cases_after_a_hang_run(hung: Run) -> None:
    text, cases = lines(hung)
    others = [line for line in cases.values() if not line.case.startswith("provoke")]
    assert [line.verdict for line in others] == ["pass"] * 4
    assert summary(text)["failed"] == "4"
    assert summary(text)["passed"] == "4"

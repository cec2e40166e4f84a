# SPDX-License-Identifier: GPL-2.0-only
"""What is one cause and what is two."""

from __future__ import annotations

from harness.check.console import splat_findings
from harness.level import Level
from harness.report.cause import cause_of, normalised
from harness.verdict import Verdict
from tests.nightly.history import made


def digest(result: object) -> str:
    found = cause_of(result)  # type: ignore[arg-type]
    assert found is not None
    return found.digest


def test_a_pass_has_none() -> None:
    assert cause_of(made.cell("a")) is None


def test_the_same_splat_is_one_cause_whatever_scenario_time_cpu_and_line() -> None:
    one = made.cell("a[x=1]", Verdict.FAIL, made.splat(3.5, 0, 32))
    two = made.cell("b", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "gone"), made.splat(99.25, 1, 77))
    assert digest(one) == digest(two)
    found = cause_of(one)
    assert found is not None
    assert found.kind == "splat"
    assert found.title == "l0: warn in kvm_s2_fault at arch/arm64/kvm/nested.c:132"


def test_another_function_or_level_is_another_splat() -> None:
    one = made.cell("a", Verdict.FAIL, made.splat())
    text = made.splat().message.replace("kvm_s2_fault", "kvm_vncr_fault")
    other = made.finding("no-splat-l0", Verdict.FAIL, text, "console")
    level = made.finding("no-splat-l1", Verdict.FAIL, made.splat().message, "console")
    found = {
        digest(one),
        digest(made.cell("a", Verdict.FAIL, other)),
        digest(made.cell("a", Verdict.FAIL, level)),
    }
    assert len(found) == 3


def test_every_warning_of_a_level_is_a_cause_of_its_own_as_cells_print_them() -> None:
    """From the console to the cause, as a cell does it: not all WARNs of a level are one."""
    line = "[    3.5] WARNING: CPU: 0 PID: 9 at arch/arm64/kvm/mmu.c:12 {}+0x18/0x1c0".replace(
        "3.5", "3.500000"
    )
    cells = []
    for function in ("kvm_handle_guest_abort", "kvm_unmap_gfn_range"):
        (seen,) = splat_findings({Level.L0: f"boot\n{line.format(function)}\nmore\n"})
        cells.append(made.cell("a", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "x"), seen))
    assert digest(cells[0]) != digest(cells[1])
    for cell in cells:
        cause = cause_of(cell)
        assert cause is not None
        assert cell.headline.startswith(f"no-splat-{cause.title}")
    assert cells[0].headline.startswith(
        "no-splat-l0: warn in kvm_handle_guest_abort at arch/arm64/kvm/mmu.c:12"
    )


def test_what_broke_is_the_cause_before_what_could_not_hold_then() -> None:
    lost = made.finding("lost", Verdict.FAIL, "no unmap")
    boot = made.finding("boot-l1", Verdict.FAIL, "l1 did not come up within 90 s", "boot")
    crash = made.finding("model-crash", Verdict.FAIL, "QEMU ended with signal 11", "model")
    died = made.finding("level-l2", Verdict.FAIL, "l2's VMM ended with status 1", "level")
    for found, kind in ((boot, "level"), (crash, "model"), (died, "level"), (made.splat(), "splat")):
        one, other = made.cell("a[x=1]", Verdict.FAIL, lost, found), made.cell("b", Verdict.FAIL, found)
        cause = cause_of(one)
        assert cause is not None
        assert cause.kind == kind
        assert digest(one) == digest(other), "whatever scenario met it"
        assert one.headline.startswith(f"{found.name}: ")
    both = made.cell("a", Verdict.FAIL, boot, made.splat())
    assert both.headline.startswith("no-splat-l0: ")


def test_what_was_seen_outweighs_the_error_after_it() -> None:
    cell = made.cell("a", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "gone"), reason="disk full")
    assert cell.headline == "lost: gone"
    found = cause_of(cell)
    assert found is not None
    assert found.kind == "assertion"


def test_the_same_assertion_is_one_cause_at_every_point_of_the_matrix() -> None:
    one = made.cell("a[x=1]", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "at 0x1000"))
    two = made.cell("a[x=2]", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "at 0x2000"), model="other")
    assert digest(one) == digest(two)
    assert digest(one) != digest(
        made.cell("b", Verdict.FAIL, made.finding("lost", Verdict.FAIL, "at 0x1000"))
    )
    vacuous = made.cell("a[x=1]", Verdict.VACUOUS, made.finding("lost", Verdict.VACUOUS, "no trigger"))
    assert digest(one) != digest(vacuous)


def test_what_stopped_cells_is_their_cause() -> None:
    one = made.cell("a", findings=()).infra("QEMU ended with signal 9: pid 4711 at /tmp/x1/run/qemu.log")
    two = made.cell("b", findings=()).infra("QEMU ended with signal 9: pid 815 at /var/y/run/qemu.log")
    three = made.cell("b", findings=()).infra("no answer within 90 s")
    assert digest(one) == digest(two) != digest(three)
    found = cause_of(one)
    assert found is not None
    assert found.kind == "infrastructure"


def test_normalised_keeps_what_matters() -> None:
    text = normalised(
        "[   14.203411] WARNING: CPU: 1 PID: 77 at arch/arm64/kvm/nested.c:812 f+0x12/0x30\nmore"
    )
    assert text == "WARNING: CPU: N PID: N at nested.c:N f+X/X"

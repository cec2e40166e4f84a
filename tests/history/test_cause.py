"""What is one cause and what is two."""

from __future__ import annotations

from harness.history.cause import cause_of, normalised
from harness.verdict import Verdict
from tests.history import made


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
    assert found.title.startswith("l0: WARNING: CPU: N PID: N at ")
    assert "kvm_s2_fault" in found.title


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

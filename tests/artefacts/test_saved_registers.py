# SPDX-License-Identifier: GPL-2.0-only
"""Registers before and after: what differs is lost, and so is what the program itself finds changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from harness.artefacts import saved_registers
from harness.artefacts.saved_registers import Lost, differences, told
from harness.machine.qemu import Machine


def test_what_differs_is_lost_and_what_is_gone_too() -> None:
    before = {(0, "VBAR_EL2"): 0x5A3E, (0, "x29"): 1, (1, "x29"): 2}
    assert differences(before, dict(before)) == ()
    lost = differences(before, {(0, "VBAR_EL2"): 0, (1, "x29"): 2})
    assert lost == (Lost(0, "VBAR_EL2", 0x5A3E, 0), Lost(0, "x29", 1, None))
    assert str(lost[0]) == "VBAR_EL2 of PE 0 was 0x5a3e and is 0x0 after save and restore"
    assert str(lost[1]) == "x29 of PE 0 was 0x1 and is gone after save and restore"


def test_the_program_tells_of_registers_that_nobody_else_sees() -> None:
    said = "01\r\nlost|ICH_LR0_EL2|0x90a0000000000021|0x0\r\nlost|ICC_PMR_EL1|0xb0|0x10\r\n"
    assert told(said) == (Lost(1, "ICH_LR0_EL2", 0x90A0000000000021, 0), Lost(1, "ICC_PMR_EL1", 0xB0, 0x10))
    assert told("01\r\n01\r\n") == ()


def test_half_a_line_is_waited_for() -> None:
    assert told("01\nlost|ICC_PMR_EL1|0xb0|0x1") == ()


@pytest.mark.parametrize(
    "timer", ["CNTP_CTL", "CNTV_CTL_EL0", "CNTP_CTL_EL02", "CNTHVS_CTL_EL2", "CNTPS_CTL_EL1"]
)
def test_the_condition_of_each_timer_is_no_difference(timer: str) -> None:
    assert differences({(0, timer): 0x1}, {(0, timer): 0x5}) == ()
    assert differences({(0, timer): 0x1}, {(0, timer): 0x0})
    assert differences({(0, timer.replace("CTL", "CVAL")): 0x1}, {(0, timer.replace("CTL", "CVAL")): 0x5})


def test_what_the_counter_makes_of_a_timer_is_no_difference() -> None:
    before = {(0, "CNTHV_CTL_EL2"): 0x5, (0, "CNTV_CTL"): 0x1, (1, "VBAR_EL2"): 0x5}
    assert differences(before, {(0, "CNTHV_CTL_EL2"): 0x1, (0, "CNTV_CTL"): 0x5, (1, "VBAR_EL2"): 0x5}) == ()
    lost = differences(before, {(0, "CNTHV_CTL_EL2"): 0x4, (1, "VBAR_EL2"): 0x1})
    assert [each.register for each in lost] == ["CNTHV_CTL_EL2", "CNTV_CTL", "VBAR_EL2"]


class Restored:
    """A restored machine that tells once what it lost, as soon as it runs, to those who listen."""

    work, running, spec = 0.0, True, SimpleNamespace(flags=())

    def __init__(self) -> None:
        self.listened, self.console = False, SimpleNamespace(text="")

    def listen(self) -> None:
        self.listened = True

    def qmp(self, command: str, **_: object) -> list[object]:
        if command == "cont":
            self.console.text = ("lost|ICC_PMR_EL1|0xb0|0x0\n" if self.listened else "") + "01\n01\n"
        return []


def test_the_first_words_of_a_restored_machine_are_heard() -> None:
    lost, failed = saved_registers._go_on(cast(Machine, Restored()), 1.0)
    assert (lost, failed) == ((Lost(1, "ICC_PMR_EL1", 0xB0, 0),), "")

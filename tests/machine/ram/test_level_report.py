# SPDX-License-Identifier: GPL-2.0-only
"""Ranges, filters, JSON and text of a report."""

from __future__ import annotations

import json

import pytest

from harness.errors import UserError
from harness.machine.ram.level_report import (
    OWN,
    Composition,
    Disagreement,
    Filter,
    LevelReport,
    Mmu,
    Slot,
    Tables,
    Vcpu,
    Vm,
    parse_range,
)
from harness.machine.ram.stage2 import Attributes, BadDescriptor, LeafRun
from harness.reproduce.inspect.terminal import human, render

RUN = LeafRun(0x4800_0000, 0x5D60_0000, 0x20_0000, 2, Attributes.of(3 << 6 | 1 << 10, lpa2=True), 1)
TABLES = Tables(
    0x422C_0000, 52, 4096, 0, 3, {2: 1}, 0x20_0000, 0, (BadDescriptor(0x1000, 3, 0x5, "reserved"),), (RUN,)
)
WRONG = Disagreement(0x4800_0000, 0x5D60_0000, 4096, "L1's tables do not map it")
REPORT = LevelReport(
    "l0",
    "7.3.4-nvh",
    "7b7f",
    0,
    (
        Vm(
            0,
            0xFFFF000001EDA000,
            64,
            "qemu-system-aar",
            True,
            (Vcpu(0, 67, 1, "in-guest", "nested", 0x1234, 0x3C5, "nested 1", {"HCR_EL2": 0x488000038}),),
            (
                Mmu(None, 1, 1, 0x4119_C000, 0x1802E3558, problem="VTCR_EL2 0x0: TG0 is reserved"),
                Mmu(0, 2, 1, 0x422B_0000, 0x1802E358C, valid=False),
                Mmu(
                    *(1, 3, 1, 0x422C_0000, 0x1802E358C, True, 0x1_0000_41DD_A000, 0x802D3558, True),
                    refcnt=1,
                    tables=TABLES,
                    composition=Composition(TABLES, 0x1F_F000, 0, (WRONG,)),
                ),
            ),
            (Slot(2, 0x4000_0000, 1 << 30, 0xFFFF5BE00000, 0),),
        ),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x48000000-0x48200000", (0x4800_0000, 0x4820_0000)),
        ("0x48000000+0x1000", (0x4800_0000, 0x4800_1000)),
        ("4096", (4096, 4097)),
        (" 0x0-4096 ", (0, 4096)),
    ],
)
def test_ranges(text: str, expected: tuple[int, int]) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "0x", "-4", "0x1000-", "0x10-0x20-0x30", "1.5", "0x2000-0x2000", "8+0"]
)
def test_bad_ranges(text: str) -> None:
    with pytest.raises(UserError, match="range"):
        parse_range(text)


def test_filter() -> None:
    assert all(Filter().wants_vm(index) and Filter().wants_mmu(index) for index in (0, 7))
    assert Filter().wants_mmu(None)
    one = Filter(vm=1, mmu=2)
    assert [one.wants_vm(index) for index in (0, 1)] == [False, True]
    assert [one.wants_mmu(index) for index in (None, 0, 2)] == [False, False, True]
    assert [Filter(mmu=OWN).wants_mmu(index) for index in (None, 0)] == [True, False]


def test_json_is_whole_and_plain() -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    assert (data["format"], data["level"], len(data["vms"])) == (1, "l0", 1)
    nested = data["vms"][0]["mmus"][2]
    assert nested["vttbr"] == 0x1_0000_41DD_A000
    assert nested["tables"]["runs"][0] == {
        "ipa": 0x4800_0000,
        "pa": 0x5D60_0000,
        "size": 0x20_0000,
        "level": 2,
        "attributes": "rwx attr=0x0 af",
        "count": 1,
    }
    assert nested["composition"]["disagreements"][0]["text"] == "L1's tables do not map it"
    assert data["vms"][0]["vcpus"][0]["registers"] == {"HCR_EL2": 0x488000038}


def test_text_says_what_matters() -> None:
    lines = render(REPORT).splitlines()
    assert lines[0] == "l0: Linux 7.3.4-nvh, build ID 7b7f"
    text = "\n".join(lines)
    for words in (
        "VM 0: qemu-system-aar (pid 64), virtual EL2, kvm at 0xffff000001eda000",
        "slot 2: IPA 0x40000000 + 1G at HVA 0xffff5be00000",
        "vCPU 0 (pid 67): in-guest, on cpu 1, nested, uses nested 1, pc 0x1234 pstate 0x3c5",
        "HCR_EL2 0x488000038",
        "cannot be walked: VTCR_EL2 0x0: TG0 is reserved",
        "nested 1: VMID 3 (generation 1), pgd 0x422c0000",
        "for VMID 1 BADDR 0x41dda000 VTCR 0x802d3558, stage 2 on, refcnt 1",
        "0x0048000000 - 0x0048200000 -> 0x005d600000  level 2  rwx",
        "DEFECT at IPA 0x1000 level 3: 0x5: reserved",
        "DISAGREES 0x48000000 + 4K -> 0x5d600000: L1's tables do not map it",
        "1 nested contexts unused",
    ):
        assert words in text, words
    assert "nested 0" not in text


def test_no_virtual_machines() -> None:
    report = LevelReport("l2", "7.3.4-nvh", "", 0x2A00000, ())
    assert render(report) == (
        "l2: Linux 7.3.4-nvh, build ID unknown, KASLR offset 0x2a00000\nno virtual machines\n"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (1, "1B"), (4096, "4K"), (36 << 20, "36M"), (1 << 30, "1G"), ((1 << 30) + 4096, "1048580K")],
)
def test_sizes(size: int, text: str) -> None:
    assert human(size) == text

# SPDX-License-Identifier: GPL-2.0-only
"""Exits a case, counted in a trace of the model that was made here."""

from __future__ import annotations

import numpy as np
import pytest

from bench.litmus_exits import LEAST, Units, cause, changes, counted, exits, who
from harness.trace.model import layout
from harness.trace.model.layout import UnitKind

NV, TGE = 1 << 42, 1 << 27
EL0, EL1, EL2 = 0x3C0, 0x3C5, 0x3C9
SYNC_LOWER, IRQ_LOWER = 8, 9


def exception(el: int, vector: int, spsr: int, hcr: int, esr: int) -> list[tuple[int, ...]]:
    more = UnitKind.EXCEPTION << 8
    return [
        (UnitKind.EXCEPTION, 0, el << 14 | vector, 0, 0x1000, 0, hcr),
        (UnitKind.MORE, 0, more | 1, 0, 0x2000, spsr, esr),
        (UnitKind.MORE, 0, more | 2, 0, 0, 0, 0),
    ]


def write(el: int, info: int, value: int) -> list[tuple[int, ...]]:
    return [
        (UnitKind.MSR, 0, el << 14 | info, 0, 0x1000, 0, 0),
        (UnitKind.MORE, 0, UnitKind.MSR << 8 | 1, 0, value, 0, 0),
    ]


def units(*records: list[tuple[int, ...]]) -> Units:
    return np.array([unit for record in records for unit in record], dtype=layout.UNIT)


@pytest.mark.parametrize(
    ("spsr", "hcr", "expected"),
    [
        (EL1, NV, "vEL2"),
        (EL1, 0, "L2"),
        (EL0, 0, "L2"),
        (EL0, TGE, "L0's programs"),
        (EL2, TGE, "L0"),
        (EL2, NV, "L0"),
    ],
)
def test_who_is_told_by_el_and_hcr(spsr: int, hcr: int, expected: str) -> None:
    assert who(spsr, hcr) == expected


@pytest.mark.parametrize(
    ("vector", "esr", "expected"),
    [
        (SYNC_LOWER, 0x1A << 26, "ERET"),
        (SYNC_LOWER, 0x24 << 26 | 0x47, "access"),
        (SYNC_LOWER, 0x16 << 26, "HVC"),
        (SYNC_LOWER, 0x18 << 26 | 1 << 20 | 4 << 14 | 8 << 10, "TLBI"),
        (SYNC_LOWER, 0x18 << 26 | 1 << 20 | 0 << 14 | 9 << 10 | 3 << 1, "TLBI"),
        (SYNC_LOWER, 0x18 << 26 | 1 << 20 | 4 << 14 | 7 << 10 | 8 << 1, "AT"),
        (SYNC_LOWER, 0x18 << 26 | 1 << 20 | 0 << 14 | 7 << 10 | 9 << 1, "AT"),
        (SYNC_LOWER, 0x18 << 26 | 1 << 20 | 3 << 14 | 7 << 10 | 11 << 1 | 1 << 17, "S1_3_C7_C11_1"),
        (SYNC_LOWER, 0x18 << 26 | 3 << 20 | 4 << 14 | 6 << 10 | 4 << 17 | 1, "S3_4_C6_C0_4"),
        (SYNC_LOWER, 0x3C << 26, "EC 0x3c"),
        (IRQ_LOWER, 0x24 << 26, "interrupt"),
    ],
)
def test_the_syndrome_is_reported_in_words(vector: int, esr: int, expected: str) -> None:
    assert cause(vector, esr) == expected


def test_exceptions_to_other_levels_are_no_exits() -> None:
    found = exits(
        units(
            exception(2, SYNC_LOWER, EL1, NV, 0x1A << 26),
            exception(1, SYNC_LOWER, EL1, NV, 0x1A << 26),
            exception(2, SYNC_LOWER, EL1, 0, 0x24 << 26),
            exception(2, SYNC_LOWER, EL1, NV, 0x1A << 26),
        )
    )
    assert found == {("vEL2", "ERET"): 2, ("L2", "access"): 1}


def test_a_write_of_the_same_value_is_no_change() -> None:
    hcr = 4 << 11 | 1 << 7 | 1 << 3
    vttbr = 4 << 11 | 2 << 7 | 1 << 3
    found = changes(
        units(write(2, hcr, 1), write(2, vttbr, 1), write(2, hcr, 1), write(1, hcr, 2), write(2, hcr, 2))
    )
    assert found == {"HCR_EL2": 2, "VTTBR_EL2": 1}


def test_what_is_rare_is_one_row_and_nothing_is_lost() -> None:
    rows = {"often": 990, "rare": 3, "rarer": 2, "just": 5, "never": 0}
    table = counted("exits", rows, 10)
    names, numbers = (list(table.columns[i].cells) for i in range(2))
    assert 3 < LEAST * sum(rows.values()) <= 5
    assert names == ["often", "just", "others", "all"]
    assert numbers == ["99.00", "0.50", "0.50", "100.00"]

# SPDX-License-Identifier: GPL-2.0-only
"""The XS attribute: which translations an nXS form leaves."""

from __future__ import annotations

import pytest

from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import ROOT, VMID, VTCR, tlbi, use


@pytest.mark.parametrize(
    ("mair", "hcr", "leaf_more", "taken"),
    [
        (0xFF, 0, 0, True),  # Normal Write-Back
        (0x44, 0, 0, False),  # Normal Non-cacheable: XS = 1 ...
        (0x40, 0, 0, True),  # ... but for its own encoding
        (0x04, 0, 0, False),  # Device-nGnRE, and with XS = 0
        (0x05, 0, 0, True),
        (0x44, 0, 1 << 11, True),  # FnXS in stage 2
        (0x44, 1 << 46, 0x18 - 0x3C, True),  # HCR_EL2.FWB, MemAttr 0b0110: Write-Back whatever stage 1 says
    ],
)
def test_nxs_forms_leave_what_has_xs(
    driver: Driver, mair: int, hcr: int, leaf_more: int, taken: bool
) -> None:
    """R_KBSSD, R_TDMCS, R_FQWJG: an nXS form need not take a translation whose XS attribute is 1."""
    s1 = 0x2000_0000
    for at, value in (
        (s1, (s1 + 0x1000) | 3),
        (s1 + 0x1010, (s1 + 0x2000) | 3),
        (s1 + 0x2000, 0x20_0000 | 0xF03),
    ):
        driver("put", at, value)
    for block in (0, 1 << 29):
        driver("put", ROOT + 8 * (block >> 30), (0xC0 | 0x400 | 1 | 0x3C) + leaf_more)
    driver(
        "context",
        0,
        0,
        1,
        1,
        0,
        VMID,
        5,
        25 | 1 << 23,
        s1 | 5 << 48,
        0,
        VTCR,
        ROOT | VMID << 48,
        1 | hcr,
        mair,
    )
    use(driver, va=0x40_0000)
    assert tlbi(driver, "vae1isnxs", va=0x40_0000, asid=5) == ("gone" if taken else "nothing")
    assert tlbi(driver, "vae1is", va=0x40_0000, asid=5) == "gone"


def test_stage_1_off_has_xs(driver: Driver) -> None:
    """R_WFZPW: but with HCR_EL2.DC."""
    for hcr, answer in ((1, "nothing"), (1 | 1 << 12, "gone")):
        driver("put", ROOT, 0xC0 | 0x400 | 1 | 0x3C)
        driver("context", 0, 0, 0, 1, 0, hcr, 0, 0, 0, 0, VTCR, ROOT | hcr << 48, hcr)
        use(driver, va=0x40_0000)
        assert tlbi(driver, "vaae1isnxs", va=0x40_0000, vmid=hcr) == answer

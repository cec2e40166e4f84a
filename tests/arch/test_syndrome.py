# SPDX-License-Identifier: GPL-2.0-only
"""ESR_ELx in words."""

from __future__ import annotations

import pytest

from harness.arch.syndrome import explain


@pytest.mark.parametrize(
    ("esr", "words"),
    [
        (0x0200_0000, "UNDEFINED or unknown reason"),
        (0x9200_0004, "data abort from a lower EL, translation fault of level 0, read"),
        (
            0x9200_00CF,
            "data abort from a lower EL, permission fault of level 3, on a walk of stage 1 (S1PTW), write",
        ),
        (
            0x9600_2047,
            "data abort from the same EL, translation fault of level 3, write, of the page at VNCR_EL2",
        ),
        (
            0x93C7_8005,
            "data abort from a lower EL, translation fault of level 1, read, 8 bytes, X7",
        ),
        (
            0x9320_4045,
            "data abort from a lower EL, translation fault of level 1, write, 1 byte, signed, W0, "
            "acquire or release",
        ),
        (0x8200_000B, "instruction abort from a lower EL, access flag fault of level 3"),
        (0x8600_0010, "instruction abort from the same EL, status 0x10"),
        (0x6212_2020 | 0x3 << 1, "trapped MSR, MRS or system instruction, S1_0_C8_C3_1, write"),
        (0x6A00_0000, "trapped ERET"),
        (0xF200_0000, "exception class 0x3c"),
    ],
)
def test_words(esr: int, words: str) -> None:
    assert explain(esr) == words

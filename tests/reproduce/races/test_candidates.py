# SPDX-License-Identifier: GPL-2.0-only
"""Which places of a made-up kernel a schedule may hold a CPU at."""

from __future__ import annotations

from harness.reproduce.races.candidates import candidates
from harness.trace.executed.places import Text
from harness.trace.executed.symbols import KernelText

BASE = 0xFFFF800080000000
NOP, RET = 0xD503201F, 0xD65F03C0
LOAD, TEST = 0xB9400820, 0x34000040  # ldr w0, [x1, #8]; cbz w0
SIZE = 0x20
NAMES = ("kvm_handle_vncr_abort", "kvm_handle_guest_abort", "kvm_vgic_vncr_look", "memcpy", "_raw_write_lock")


def call(at: int, function: str) -> int:
    return 0x94000000 | ((BASE + SIZE * NAMES.index(function) - at) // 4 & 0x3FFFFFF)


def kernel() -> Text:
    """Three functions that load, test, take a lock and copy; only the names differ."""
    words: list[int] = []
    for number in range(len(NAMES)):
        at = BASE + SIZE * number
        lock, copy = call(at + 8, "_raw_write_lock"), call(at + 12, "memcpy")
        words += [LOAD, TEST, lock, copy, RET, NOP, NOP, NOP] if number < 3 else [RET, *[NOP] * 7]
    addresses = tuple(BASE + SIZE * i for i in range(len(NAMES)))
    return Text(KernelText(BASE, BASE + SIZE * len(NAMES), addresses, NAMES), {BASE: words})


def test_places_are_entries_returns_locks_and_tests_of_what_is_shared() -> None:
    found = [str(place) for place in candidates(kernel())]
    assert found == [
        "kvm_handle_vncr_abort",
        "kvm_handle_vncr_abort return",
        "kvm_handle_vncr_abort call _raw_write_lock",
        "kvm_handle_vncr_abort test 1",
        "kvm_handle_guest_abort",
        "kvm_handle_guest_abort return",
        "kvm_handle_guest_abort call _raw_write_lock",
    ]

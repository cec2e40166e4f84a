# SPDX-License-Identifier: GPL-2.0-only
"""KVM's functions among a kernel's, and which were executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InfraError
from harness.trace.executed import counts, kvm_functions, symbols
from tests.trace.executed.files import traced

TEXT = 0xFFFF800080000000


def kernel(place: Path, names: list[str]) -> symbols.KernelText:
    """A System.map with a function of four instructions for each name."""
    rows = [f"{TEXT:016x} T _text"]
    rows += [f"{TEXT + 16 * n:016x} t {name}" for n, name in enumerate(names)]
    rows += [f"{TEXT + 16 * len(names):016x} T _etext"]
    (place / "System.map").write_text("\n".join(rows) + "\n")
    return symbols.load(place / "System.map")


def test_what_lies_with_kvms_is_kvms(tmp_path: Path) -> None:
    others = [f"other{n}" for n in range(300)]
    names = ["kvm_guest_init", *others, "kvm_init.part.0", "handle_alle1is", "__kvm_tlbi", "x"]
    table = kernel(tmp_path, names)
    assert [each.name for each in kvm_functions.functions(table)] == [
        "kvm_init",
        "handle_alle1is",
        "__kvm_tlbi",
    ]


def test_a_kernel_without_kvm(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="no KVM"):
        kvm_functions.functions(kernel(tmp_path, ["start_kernel"]))


def test_what_was_executed_is_reached_once(tmp_path: Path) -> None:
    table = kernel(tmp_path, ["kvm_init", "handle_alle1is", "__kvm_tlbi"])
    (tmp_path / "t").write_bytes(traced(table.start, table.end, [TEXT + 16 + 8, TEXT + 32]))
    found = counts.read(tmp_path / "t")
    all_of = kvm_functions.functions(table)
    assert kvm_functions.reached(all_of, found) == {"handle_alle1is", "__kvm_tlbi"}
    assert kvm_functions.reached(all_of, found, {"__kvm_tlbi"}) == {"handle_alle1is"}

# SPDX-License-Identifier: GPL-2.0-only
"""nvh-litmus builds with -Werror, knows every operation, and refuses what it does not understand."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.arch.cover import Entry, State, obliges
from harness.arch.header import write_headers
from harness.arch.table import TABLE, Operation, Regime, load, read
from harness.host.paths import IMAGES
from harness.litmus.coverage import tabulate

PAYLOADS = IMAGES / "payloads"
L2_SYMBOLS = (
    "l2_vectors",
    "l2_loads",
    "l2_spin",
    "l2_vncr_spin",
    "l2_hang",
    "el0_read",
    "l2_tlbi_stubs",
    "spins",
)
CROSS = "aarch64-linux-gnu-"
STUBS = 5
"""Of an operation, in guest/tlbi.c."""


NEW_ROW = "newall1,0,8,7,6,vmalle1,el1&0,none,local,no,no,none,no"


def build(work: Path, operations: Sequence[Operation], target: str, sources: Path = PAYLOADS) -> Path:
    if shutil.which(f"{CROSS}gcc") is None:
        pytest.fail(f"{CROSS}gcc is missing; install gcc-aarch64-linux-gnu")
    write_headers(work, operations)
    command = ["make", "-C", str(sources), f"O={work}", f"GENERATED={work}", f"{work}/{target}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return work


def registers_of(directory: Path, operations: Sequence[Operation]) -> dict[str, list[int]]:
    """Of each operation that the hypervisor has: the register of each of its instructions."""
    dump = subprocess.run(
        [f"{CROSS}objdump", "-d", directory / "litmus-guest.elf"], check=True, capture_output=True, text=True
    ).stdout
    words = [
        int(line.split()[1], 16) for line in dump.splitlines() if line.startswith("    ") and ":" in line
    ]
    names = {operation.instruction(0): operation.name for operation in operations}
    found: dict[str, list[int]] = {}
    for word in words:
        if name := names.get(word & ~31):
            found.setdefault(name, []).append(word & 31)
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("litmus"), load(), "nvh-litmus")


def test_the_hypervisor_has_every_operation(built: Path) -> None:
    """Thrice at vEL2, by where its operand is, and twice for L2, which has it in X1 or moves it."""
    found = registers_of(built, load())
    assert set(found) == {operation.name for operation in load()}
    everywhere = set[int]()
    for operation in load():
        registers = found[operation.name]
        if operation.has_operand:
            low, high, zero, same, moved = registers
            assert low < 16 < high < 29, operation.name
            assert (zero, same) == (31, 1), operation.name
            assert 15 <= moved < 29, operation.name
            everywhere |= set(registers)
        else:
            assert set(registers) == {31}, operation.name
            assert len(registers) >= STUBS, f"{operation.name}: start-up may have one more"
    assert everywhere == set(range(32)) - {29, 30}, "each register holds some operand"


def test_an_operation_is_one_row(tmp_path: Path) -> None:
    """One more row and no other change: what executes, judges and lists knows it."""
    (tmp_path / "tlbi.csv").write_text(f"{TABLE.read_text().rstrip()}\n{NEW_ROW}\n")
    operations = read(tmp_path / "tlbi.csv")
    assert (len(operations), operations[-1].name) == (len(load()) + 1, "newall1")
    build(tmp_path, operations, "nvh-litmus")
    build(tmp_path, operations, "nvh-tlbi")
    assert len(registers_of(tmp_path, operations)["newall1"]) == STUBS
    for program in ("nvh-litmus", "nvh-tlbi"):
        assert b"newall1\0" in (tmp_path / program).read_bytes()
    entry = Entry(1, Regime.EL10, 0x1000, 0x1000, 12, 3, vmid=1)
    assert obliges(operations[-1], 0, State(vmid=1), entry)
    assert not obliges(operations[-1], 0, State(vmid=2), entry)
    assert tabulate([]).places[-1].operation.name != "newall1"
    assert tabulate([], operations=operations).places[-1].operation.name == "newall1"


def test_the_hypervisor_starts_where_the_vmm_puts_it(built: Path) -> None:
    symbols = subprocess.run(
        [f"{CROSS}nm", built / "litmus-guest.elf"], check=True, capture_output=True, text=True
    ).stdout
    address = {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines() if line.strip()}
    assert address["_start"] == 0x4000_0000
    page = 0x1_0000
    l2 = {address[name] // page for name in L2_SYMBOLS}
    assert len(l2) == 1, "L2's code and data share one 64K page, which every granule maps"

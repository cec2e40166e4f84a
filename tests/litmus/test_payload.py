"""nvh-litmus builds with -Werror, knows every operation, and refuses what it does not understand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.build.paths import IMAGES
from harness.tlbi.header import header
from harness.tlbi.table import by_instruction, load

PAYLOADS = IMAGES / "payloads"
L2_SYMBOLS = (
    "l2_vectors",
    "l2_read",
    "l2_spin",
    "l2_vncr_spin",
    "l2_hang",
    "el0_read",
    "l2_tlbi_stubs",
    "spins",
)
CROSS = "aarch64-linux-gnu-"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(f"{CROSS}gcc") is None:
        pytest.fail(f"{CROSS}gcc is missing; install gcc-aarch64-linux-gnu")
    work = tmp_path_factory.mktemp("litmus")
    (work / "tlbi_ops.h").write_text(header(load()))
    command = ["make", "-C", str(PAYLOADS), f"O={work}", f"GENERATED={work}", f"{work}/nvh-litmus"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return work


def test_the_hypervisor_has_every_operation(built: Path) -> None:
    """Twice: once to execute at vEL2 and once for L2, which executes it with the operand in X1."""
    dump = subprocess.run(
        [f"{CROSS}objdump", "-d", built / "litmus-guest.elf"], check=True, capture_output=True, text=True
    ).stdout
    words = [
        int(line.split()[1], 16) for line in dump.splitlines() if line.startswith("    ") and ":" in line
    ]
    found: dict[str, list[int]] = {}
    for word in words:
        if operation := by_instruction(word):
            found.setdefault(operation.name, []).append(word & 31)
    assert set(found) == {operation.name for operation in load()}
    for operation in load():
        assert len(found[operation.name]) >= 2, operation.name
        assert (1 if operation.has_operand else 31) in found[operation.name]


def test_the_hypervisor_starts_where_the_vmm_puts_it(built: Path) -> None:
    symbols = subprocess.run(
        [f"{CROSS}nm", built / "litmus-guest.elf"], check=True, capture_output=True, text=True
    ).stdout
    address = {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines() if line.strip()}
    assert address["_start"] == 0x4000_0000
    page = 0x1_0000
    l2 = {address[name] // page for name in L2_SYMBOLS}
    assert len(l2) == 1, "L2's code and data share one 64K page, which every granule maps"

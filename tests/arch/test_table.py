# SPDX-License-Identifier: GPL-2.0-only
"""The operation table against independent oracles: the GNU assembler and the v8 patch's list."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.arch import operations as header
from harness.arch import table
from harness.errors import InputError, UserError

AS = "aarch64-linux-gnu-as"
OBJCOPY = "aarch64-linux-gnu-objcopy"

# The names of the v8 patch, "KVM: arm64: nv: Trap and emulate TLBI instructions from virtual EL2" (v8 42/69).
NV_TLBI_V8 = frozenset(
    f"{name}{scope}"
    for name in (
        *("vmalle1", "vae1", "aside1", "vaae1", "vale1", "vaale1"),
        *("ipas2e1", "ipas2le1", "alle2", "vae2", "alle1", "vale2", "vmalls12e1"),
    )
    for scope in ("", "is")
)


def assemble(source: str, directory: Path) -> list[int]:
    for tool in (AS, OBJCOPY):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing; install binutils-aarch64-linux-gnu")
    asm, obj, raw = (directory / name for name in ("t.s", "t.o", "t.bin"))
    asm.write_text(source)
    done = subprocess.run([AS, "-o", obj, asm], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    subprocess.run([OBJCOPY, "-O", "binary", "-j", ".text", obj, raw], check=True, capture_output=True)
    data = raw.read_bytes()
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def line(name: str, op: table.Operation, rt: int) -> str:
    return f"tlbi {name}, x{rt}\n" if op.has_operand else f"tlbi {name}\n"


def knows_nxs(directory: Path) -> bool:
    """Whether this assembler has the nXS names (GNU as of Debian 12 has not)."""
    source = directory / "nxs.s"
    source.write_text(".arch armv8.7-a\ntlbi vmalle1isnxs\n")
    return subprocess.run([AS, "-o", "/dev/null", source], check=False, capture_output=True).returncode == 0


def test_encodings_are_the_assemblers(tmp_path: Path) -> None:
    """Every row. An nXS form is its plain form with CRn 9 for 8 (Arm ARM, FEAT_XS): the one bit 12."""
    operations = table.load()
    registers = [i % 31 if op.has_operand else table.XZR for i, op in enumerate(operations)]
    text = "".join(
        line(op.name.removesuffix("nxs"), op, rt) for op, rt in zip(operations, registers, strict=True)
    )
    words = assemble(".arch armv8.4-a\n" + text, tmp_path)
    for op, rt, word in zip(operations, registers, words, strict=True):
        assert op.instruction(rt) == word | op.nxs << 12, op.name
    if knows_nxs(tmp_path):
        named = [op for op in operations if op.nxs]
        words = assemble(".arch armv8.7-a\n" + "".join(line(op.name, op, 5) for op in named), tmp_path)
        for op, word in zip(named, words, strict=True):
            assert op.instruction(5 if op.has_operand else table.XZR) == word, op.name


def test_the_assembler_tells_a_wrong_row(tmp_path: Path) -> None:
    wrong = dataclasses.replace(table.by_name("ipas2e1is"), crm=4)
    assert assemble("tlbi ipas2e1is, x1\n", tmp_path) != [wrong.instruction(1)]


def test_features_are_the_assemblers(tmp_path: Path) -> None:
    """What v8.0 assembles is exactly what needs no feature: the v8 patch's 26."""
    if shutil.which(AS) is None:
        pytest.fail(f"{AS} is missing; install binutils-aarch64-linux-gnu")
    operations = table.load()
    source = tmp_path / "all.s"
    source.write_text("".join(line(op.name, op, 1) for op in operations))
    command = [AS, "-march=armv8-a", "-o", "/dev/null", str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    refused = {int(number) for number in re.findall(r"all\.s:(\d+): Error", done.stderr)}
    assert {op.name for n, op in enumerate(operations, 1) if n not in refused} == NV_TLBI_V8
    assert {op.name for op in operations if not op.features} == NV_TLBI_V8


def test_complete() -> None:
    operations = table.load()
    assert {op.name for op in operations if op.nv_tlbi_v8} == NV_TLBI_V8
    assert len(operations) == 126
    plain = {op.name for op in operations if not op.nxs}
    assert {op.name for op in operations if op.nxs} == {f"{name}nxs" for name in plain}
    for scope, suffix in ((table.Shareability.IS, "is"), (table.Shareability.OS, "os")):
        stems = {op.name.removesuffix("nxs").removesuffix(suffix) for op in operations if op.scope is scope}
        assert stems == {op.name for op in operations if op.scope is table.Shareability.LOCAL and not op.nxs}


def test_semantic_columns() -> None:
    for op in table.load():
        assert op.last_level == (re.search(r"(va|vaa|ipas2)le[12]", op.name) is not None), op.name
        assert op.operand.is_range == op.name.startswith("r"), op.name
        assert (op.regime is table.Regime.EL2) == (
            "e2" in op.name.replace("s2e1", "").replace("s2le1", "")
        ), op.name
        stem = op.name.removesuffix("nxs").removesuffix("is").removesuffix("os").removeprefix("r")
        assert stem.replace("le1", "e1").replace("le2", "e2") == op.family or op.family in (
            "alle1",
            "alle2",
            "vmalle1",
        )


def test_lookups() -> None:
    op = table.by_name("IPAS2E1IS")
    assert op.sys_insn == 1 << 19 | 4 << 16 | 8 << 12 | 0 << 8 | 1 << 5
    assert op.instruction(1) == 0xD50C8021
    for each in table.load():
        assert table.by_name(each.name) is each
        assert table.by_sys_insn(each.sys_insn) is each
        assert table.by_instruction(each.instruction(7)) is each
    assert table.by_sys_insn(0) is None
    assert table.by_instruction(0xD503201F) is None  # NOP
    assert table.by_instruction(op.instruction(1) | 1 << 21) is None  # SYSL


def test_unknown_name_gets_the_closest() -> None:
    with pytest.raises(UserError, match="did you mean 'vmalls12e1is'"):
        table.by_name("vmals12e1is")
    with pytest.raises(UserError, match=r"tlbi\.csv"):
        table.by_name("q")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,8,8,7,0,x,el2,none,local,no,no,none,no", "op1 8 is not within"),
        ("x,4,8,7,0,x,el3,none,local,no,no,none,no", "el3"),
        ("x,4,8,7,0,x,el2,none,os,no,no,none,no", "must be TLBIOS"),
        ("x,4,9,7,0,x,el2,none,local,no,no,none,no", "CRn is 9"),
        ("x,4,8,7,0,x,el2,none,local,no,maybe,none,no", "neither yes nor no"),
        ("x,4,8,7,0,x,el2,none,local,no,no,TURBO,no", "unknown feature"),
        ("x,4,8,7", "expected the columns"),
        ("a,4,8,7,0,x,el2,none,local,no,no,none,no", "given twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{table.COLUMNS}\na,4,8,7,4,a,el2,none,local,no,no,none,no\n{row}\n")
    with pytest.raises(InputError, match=message) as caught:
        table.read(path)
    assert caught.value.problems[0].where.line == 3


def test_header_is_c(tmp_path: Path) -> None:
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.fail("aarch64-linux-gnu-gcc is missing; install gcc-aarch64-linux-gnu")
    (tmp_path / "tlbi_ops.h").write_text(header.header(table.load()))
    (tmp_path / "t.c").write_text(
        '#include "tlbi_ops.h"\n#include "tlbi_ops.h"\n'
        "#define X(name, op1, crn, crm, op2, has_operand) \\\n"
        '_Static_assert(sizeof(#name) > 4, ""); enum { name = op1 << 16 | crn << 12 '
        "| crm << 8 | op2 << 5 };\n"
        'TLBI_OPERATIONS(X)\n_Static_assert(ripas2le1osnxs == (4 << 16 | 9 << 12 | 4 << 8 | 7 << 5), "");\n'
    )
    command = ["aarch64-linux-gnu-gcc", "-Wall", "-Werror", "-fsyntax-only", "t.c"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

# SPDX-License-Identifier: GPL-2.0-only
"""The tables beside images/tlbi.csv: what they say, and that a bad row is refused where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch import registers, ttl_and_traps
from harness.arch.header import headers, write_headers
from harness.arch.table import by_name, load
from harness.errors import InputError, UserError

TTLS, TRAPS, FIELDS = (
    ttl_and_traps.TTLS.read_text(),
    ttl_and_traps.TRAPS.read_text(),
    registers.TABLE.read_text(),
)


def test_every_row_names_its_rule_and_the_issue() -> None:
    assert (
        {each.issue for each in ttl_and_traps.ttls()}
        == {each.issue for each in registers.load()}
        == {"M.a.a"}
    )
    assert all(each.rule.startswith("Table D8-12") for each in ttl_and_traps.ttls())
    assert all(",D24.2.71 TLBI" in row and row.endswith(",M.a.a") for row in TRAPS.splitlines()[1:])


def test_traps_are_for_every_operation_of_el1() -> None:
    bits = {ttl_and_traps.hfgitr_bit(op) for op in load() if op.op1 == 0}
    assert bits == set(ttl_and_traps.HFGITR_BITS)
    assert {ttl_and_traps.hfgitr_bit(op) for op in load() if op.op1} == {None}
    assert ttl_and_traps.hfgitr_bit(by_name("vae1isnxs")) == ttl_and_traps.hfgitr_bit(by_name("vae1is")) == 29


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("address,0b0100,4k,0,LPA2", "address,0b0100,4k,0,LPA3", "unknown feature"),
        ("address,0b0101,4k,1,none", "address,0b0101,4k,4,none", "level 4"),
        ("address,0b0101,4k,1,none", "address,0b0100,4k,1,none", "missing or given twice"),
        ("range,0b11,64k,3,none,Table D8-124", "range,0b11,64k,3,none,", "expected all"),
        ("form,ttl", "ttl,form", "wrong heading"),
    ],
)
def test_a_bad_ttl_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in TTLS
    (tmp_path / "bad.csv").write_text(TTLS.replace(old, new, 1))
    with pytest.raises(InputError, match=says):
        ttl_and_traps.read_ttls(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("vmalle1os,18", "vmalle1os,17", "a bit of 18 to 47"),
        ("vmalle1os,18", "vae2os,18", "a TLBI of EL1"),
        ("vmalle1os,18", "vmalle1os,19", "given twice"),
        ("vmalle1os,18,D24.2.71 TLBIVMALLE1OS,M.a.a\n", "", "missing"),
    ],
)
def test_a_bad_trap_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in TRAPS
    (tmp_path / "bad.csv").write_text(TRAPS.replace(old, new, 1))
    with pytest.raises(InputError, match=says):
        ttl_and_traps.read_traps(tmp_path / "bad.csv", load())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("HCR,HCR_EL2,NV,42,42", "HCR,HCR_EL2,NV,64,64", "64-bit register"),
        ("HCR,HCR_EL2,NV,42,42", "HCR,HCR_EL2,NV1,42,42", "given twice"),
        ("NONE=0 ISH=1", "NONE=0 ISH=4", "does not fit"),
        ("HCR,HCR_EL2,VM,0,0,,D24.2.62,M.a.a", "HCR,HCR_EL2,VM,0,0,,,M.a.a", "names the rule"),
        ("prefix,register", "register,prefix", "wrong heading"),
    ],
)
def test_a_bad_field_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FIELDS
    (tmp_path / "bad.csv").write_text(FIELDS.replace(old, new, 1))
    with pytest.raises(InputError, match=says):
        registers.read(tmp_path / "bad.csv")


def test_fields_by_name() -> None:
    assert registers.mask("HCR.NV") == 1 << 42
    assert registers.get(0x60122026, "ESR.EC") == registers.value("ESR.EC.SYS64") == 0x18
    assert registers.place("VTTBR.VMID", 0xFFFF) == 0xFFFF << 48
    with pytest.raises(UserError, match=r"did you mean 'HCR\.TGE'"):
        registers.mask("HCR.TGF")
    with pytest.raises(UserError, match="does not fit into bits 47:44"):
        registers.place("XT.TTL", 16)
    with pytest.raises(UserError, match="no value 'SYS'"):
        registers.value("ESR.EC.SYS")


def test_headers_are_written(tmp_path: Path) -> None:
    write_headers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(headers())
    assert "#define HCR_NV NVH_BITS(42, 42)" in (tmp_path / "arch_registers.h").read_text()

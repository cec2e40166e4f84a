# SPDX-License-Identifier: GPL-2.0-only
"""Rules of the Arm ARM (DDI 0487 issue M.a.a) by name, each with an example that it decides.

Numbers R1 to R24 are those of the audit of the oracle; what it found right is in tests/litmus/test_oracle.py.
"""

from __future__ import annotations

import dataclasses

import pytest

from harness.arch.cover import Entry, State, answer, fate, miss_of, obliges
from harness.arch.library import ALL_FEATURES, Answer, Fate, Features, Miss
from harness.arch.operand import Fields, encode
from harness.arch.registers import mask
from harness.arch.table import Regime, by_name
from harness.program.allowed import UNDEFINED, ReferenceModel, allowed_of
from harness.program.program import Access, Context, Map, Program, Tlbi, World, make_operand

NO_LPA2 = ALL_FEATURES & ~Features.LPA2
HERE = State(vmid=1)
OLD_PE = State(vmid=1, features=NO_LPA2)
PAGE = Entry(2, Regime.EL10, 0x4000_0000, 0x1000, 12, 3, vmid=1)
PAGE_16K = Entry(2, Regime.EL10, 0x4000_0000, 0x4000, 14, 3, vmid=1)
BLOCK_64G = Entry(2, Regime.EL10, 0, 1 << 36, 14, 1, vmid=1)
S1_PAGE = Entry(1, Regime.EL10, 0x40_0000, 0x1000, 12, 3, vmid=1, asid=5)
S1_TABLE = Entry(1, Regime.EL10, 0x40_0000, 2 << 20, 12, 2, vmid=1, asid=5, table=True)


def ipas2(ttl: int) -> int:
    return encode(by_name("ipas2e1is"), Fields(ipa=0x4000_0000, ttl=ttl))


@pytest.mark.parametrize(("ttl", "entry"), [(0b0100, PAGE), (0b1001, PAGE_16K)])
def test_r1_a_ttl_of_lpa2_is_no_hint_without_it(ttl: int, entry: Entry) -> None:
    """Table D8-123: reserved without FEAT_LPA2, and then as if TTL[3:2] were 00."""
    operation = by_name("ipas2e1is")
    assert obliges(operation, ipas2(ttl), OLD_PE, entry)
    assert not obliges(operation, ipas2(ttl), HERE, entry)


@pytest.mark.parametrize("ttl", [0b0001, 0b1000, 0b1100])
def test_r1_a_reserved_ttl_is_no_hint(ttl: int) -> None:
    """Table D8-123: whatever is implemented."""
    for state in (HERE, OLD_PE):
        assert obliges(by_name("ipas2e1is"), ipas2(ttl), state, PAGE)


def test_r2_a_reserved_ttl_of_a_range_is_no_hint() -> None:
    """Table D8-124: 16 KB with TTL 01 is level 1 with FEAT_LPA2, and without as if TTL were 00."""
    operation = by_name("ripas2e1is")
    xt = encode(operation, Fields(ipa=0x4000_0000, tg=2, ttl=1, num=3))
    assert answer(operation, xt, OLD_PE, PAGE_16K) is Answer.MUST
    assert miss_of(operation, xt, HERE, PAGE_16K) is Miss.OTHER_LEVEL
    assert answer(operation, xt, HERE, BLOCK_64G) is Answer.UNPREDICTABLE
    aligned = encode(operation, Fields(ipa=0, tg=2, ttl=1, num=3))
    assert answer(operation, aligned, HERE, BLOCK_64G) is Answer.MUST


@pytest.mark.parametrize("name", ["rvae1is", "rvae2is", "ripas2e1is"])
@pytest.mark.parametrize("ds", [False, True])
def test_r3_the_unit_of_a_base_with_ds(name: str, ds: bool) -> None:
    """I_TYBWT: 64 KB with DS, of TCR_ELx for a VA and of VTCR_EL2 for an IPA; the other one's DS says
    nothing."""
    operation = by_name(name)
    at, ipa = 0x40_0000, name.startswith("rip")
    xt = encode(operation, Fields(va=at, ipa=at, asid=5, tg=1), ds=ds)
    regime = Regime.EL2 if name == "rvae2is" else Regime.EL10
    entry = Entry(2 if ipa else 1, regime, at, 0x1000, 12, 3, vmid=1, asid=5)
    right = State(1, ds2=ds, ds1=not ds) if ipa else State(1, ds1=ds, ds2=not ds)
    wrong = State(1, ds2=not ds, ds1=ds) if ipa else State(1, ds1=not ds, ds2=ds)
    assert obliges(operation, xt, right, entry)
    assert not obliges(operation, xt, wrong, entry)


def test_r4_nxs_forms_need_not_take_what_has_xs() -> None:
    """R_KBSSD: IMPLEMENTATION SPECIFIC, so MAY."""
    slow = dataclasses.replace(PAGE, xs=True)
    for name, entry, wanted in (
        ("ipas2e1isnxs", PAGE, Answer.MUST),
        ("ipas2e1isnxs", slow, Answer.MAY),
        ("ipas2e1is", slow, Answer.MUST),
    ):
        assert answer(by_name(name), ipas2(0), HERE, entry) is wanted, name


@pytest.mark.parametrize(
    ("ttl", "wanted"), [(0, Answer.MUST), (3, Answer.MUST), (2, Answer.MAY), (1, Answer.MAY)]
)
def test_r5_a_range_is_for_table_entries_above_its_level(ttl: int, wanted: Answer) -> None:
    """C5.5.35, TTL: non-leaf entries up to but not including the level are obliged."""
    operation = by_name("rvae1is")
    at = 0 if ttl == 1 else 0x40_0000
    xt = encode(operation, Fields(va=at, asid=5, tg=1, ttl=ttl, scale=1, num=31))
    assert answer(operation, xt, HERE, S1_TABLE) is wanted
    last_level = by_name("rvale1is")
    assert answer(last_level, xt, HERE, S1_TABLE) is Answer.MAY


FLAT = Entry(1, Regime.EL10, 0x40_0000, 0x1000, 12, 3, vmid=1, flat=True)


@pytest.mark.parametrize("name", ["vae1is", "vaae1is", "vale1is"])
def test_r6_operations_by_va_are_for_entries_with_stage_1_off(name: str) -> None:
    """R_XQBCL, I_RGYNM. Such an entry has no ASID, and no level or granule for a hint to be right about."""
    operation = by_name(name)
    assert obliges(operation, encode(operation, Fields(va=0x40_0000, asid=9)), HERE, FLAT)
    assert not obliges(operation, encode(operation, Fields(va=0x40_1000, asid=9)), HERE, FLAT)
    hint = encode(operation, Fields(va=0x40_0000, asid=9, ttl=7))
    assert miss_of(operation, hint, HERE, FLAT) is Miss.NO_GRANULE_THERE


def test_r6_the_model_takes_the_page_that_is_named_and_no_other() -> None:
    """With stage 1 off a block of stage 2 may be held as pages of any size."""
    world = World(12, (Context(),))
    ipa, pa = 0x4_0020_0000, 0x1_0020_0000
    before = (Map("s2", 0, ipa, 2, pa, "rwx"), Access("read", 0, ipa), Map("s2", 0, ipa, 2))
    taken = Tlbi(0, "ipas2e1is", make_operand(by_name("ipas2e1is"), at=ipa, shift=12, ttl_level=0))
    for va, left in ((ipa, 1), (ipa + 0x1000, 2)):
        vae1 = Tlbi(0, "vae1is", make_operand(by_name("vae1is"), at=va, shift=12, ttl_level=0))
        program = Program(world, (*before, taken, vae1, Access("read", 0, ipa)))
        assert len(allowed_of(program)[-1] or ()) == left, hex(va)


def test_r7_a_hidden_feature_is_undefined_before_it_is_trapped() -> None:
    """C5.5: the pseudocode of each operation begins with what is implemented."""
    every = State(
        0,
        el=1,
        hcr=mask("HCR.TTLB") | mask("HCR.TTLBIS") | mask("HCR.TTLBOS") | mask("HCR.NV"),
        hfgitr=(1 << 64) - 1,
        features=Features.LPA2,
    )
    for name in ("vae1os", "rvae1", "vae1isnxs", "ipas2e1os", "rvae2is"):
        assert fate(by_name(name), every) is Fate.HIDDEN, name
        assert fate(by_name(name), dataclasses.replace(every, features=ALL_FEATURES)).trapped, name
    world = World(12, (Context(traps=frozenset({"ttlb", "ttlbos"})),), hide="os")
    model = ReferenceModel(world)
    assert set(model.step(Tlbi(0, "vae1os", 0, by_l2=True)) or ()) == {UNDEFINED}
    trapped = model.step(Tlbi(0, "vae1", 0, by_l2=True)) or frozenset()
    assert [token for token in trapped if token.startswith("trap=")] == list(trapped)


def test_r8_table_entries_are_never_global() -> None:
    """R_CHVGJ."""
    operation = by_name("vae1is")
    table = dataclasses.replace(S1_TABLE, is_global=True)
    leaf = dataclasses.replace(S1_PAGE, is_global=True)
    other = encode(operation, Fields(va=0x40_0000, asid=6))
    assert obliges(operation, other, HERE, leaf)
    assert miss_of(operation, other, HERE, table) is Miss.OTHER_ASID
    assert obliges(operation, encode(operation, Fields(va=0x40_0000, asid=5)), HERE, table)
    aside1 = by_name("aside1is")
    assert obliges(aside1, encode(aside1, Fields(asid=5)), HERE, table)  # R14


def test_r10_a_misaligned_base_is_unpredictable() -> None:
    """I_HKYNQ: neither obliged nor promised to stay, but only for what the operation is about."""
    operation = by_name("ripas2e1is")
    block = Entry(2, Regime.EL10, 0x4020_0000, 2 << 20, 12, 2, vmid=1)
    xt = encode(operation, Fields(ipa=0x4020_1000, tg=1, ttl=2))
    assert answer(operation, xt, HERE, block) is Answer.UNPREDICTABLE
    assert answer(operation, xt, HERE, dataclasses.replace(block, vmid=2)) is Answer.MAY


def test_r18_fnxs_makes_el1s_operations_nxs() -> None:
    """D24.2.63 HCRX_EL2.FnXS, I_NVLMG: at EL1 only."""
    operation = by_name("vae1is")
    xt = encode(operation, Fields(va=0x40_0000, asid=5))
    slow = dataclasses.replace(S1_PAGE, xs=True)
    guest = State(1, el=1, e2h=False, hcrx=mask("HCRX.FNXS"))
    assert miss_of(operation, xt, guest, slow) is Miss.XS_STAYS
    assert obliges(operation, xt, guest, S1_PAGE)
    assert obliges(operation, xt, dataclasses.replace(guest, hcrx=0), slow)
    assert obliges(operation, xt, dataclasses.replace(guest, el=2), slow)


def test_r18_fgtnxs_lifts_hfgitr_from_nxs_forms() -> None:
    """D24.2.63 HCRX_EL2.FGTnXS; HCR_EL2.TTLB stays."""
    state = State(0, el=1, hfgitr=(1 << 64) - 1)
    lifted = dataclasses.replace(state, hcrx=mask("HCRX.FGTNXS"))
    assert fate(by_name("vae1isnxs"), state) is Fate.BY_HFGITR
    assert fate(by_name("vae1isnxs"), lifted) is Fate.EXECUTES
    assert fate(by_name("vae1is"), lifted) is Fate.BY_HFGITR
    assert fate(by_name("vae1isnxs"), dataclasses.replace(lifted, hcr=mask("HCR.TTLB"))) is Fate.BY_TTLB


def test_r20_a_fault_tells_all_of_the_ipa() -> None:
    """D24.2 HPFAR_EL2: IPA[47:12] whatever the granule."""
    world = World(16, (Context(),))
    found = allowed_of(Program(world, (Access("read", 0, 0x4_0001_3008),)))[-1]
    assert list(found or ()) == ["s2-translation@0x400013000"]

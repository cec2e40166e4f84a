# SPDX-License-Identifier: GPL-2.0-only
"""The driver says what the reference says, in the words of reports; the rules themselves are tests/arch's."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from harness.arch.cover import ALL, Entry, State, obliges
from harness.arch.operand import Fields, encode
from harness.arch.table import Operand, Operation, Regime, by_name, load
from harness.errors import UserError
from tests.check.sanitizer.conftest import Driver, instruction

COVERS = "covers it"
CASES = 20000


@dataclass(frozen=True)
class Case:
    """One operation and one entry."""

    operation: Operation
    xt: int
    state: State
    entry: Entry
    ds: bool = False
    fb: bool = False

    @property
    def command(self) -> str:
        """The driver's command; the executing PE is 0."""
        e, s = self.entry, self.state
        words: list[int] = [
            instruction(self.operation),
            self.xt,
            0,
            s.el,
            s.vmid,
            s.e2h,
            s.tge,
            self.ds,
            self.fb,
        ]
        regime = 0 if e.regime is Regime.EL10 else 1
        vmid = e.vmid if e.regime is Regime.EL10 else 0
        words += [e.stage - 1, regime, e.start, e.size, e.shift, e.level, vmid, e.asid, e.is_global, e.table]
        return " ".join(["cover", *(str(int(word)) for word in words), "0" if s.own_pe else "1"])


def random_entry(dice: random.Random) -> Entry:
    shift, level = dice.choice([(12, 3), (12, 2), (12, 1), (14, 3), (14, 2), (16, 3), (16, 2)])
    size = 1 << (shift + (3 - level) * (shift - 3))
    regime = dice.choice([Regime.EL10, Regime.EL10, Regime.EL2])
    stage = dice.choice([1, 2]) if regime is Regime.EL10 else 1
    start = dice.randrange(0, 8) * size
    if stage == 1 and dice.random() < 0.3:
        start = (start | 0xFFFF_0000_0000_0000) & ALL & ~(size - 1)
    return Entry(stage, regime, start, size, shift, level, dice.randrange(3), dice.randrange(3),
                 stage == 1 and dice.random() < 0.3, dice.random() < 0.1)  # fmt: skip


def random_operand(dice: random.Random, operation: Operation, entry: Entry) -> int:
    """An operand near the entry, with hints right and wrong."""
    unit = 1 << entry.shift
    near = (entry.start + dice.randrange(-2, 3) * unit + dice.randrange(0, entry.size, unit)) & ALL
    if operation.operand in (Operand.IPA, Operand.IPA_RANGE):
        near &= (1 << 48) - 1
    elif near >> 55 & 1:
        near |= 0x1FF << 55
    else:
        near &= (1 << 55) - 1
    asid = dice.randrange(3)
    tg = (entry.shift - 10) // 2 if dice.random() < 0.8 else dice.randrange(1, 4)
    if operation.operand.is_range:
        near &= ~((1 << (10 + 2 * tg)) - 1)
        fields = Fields(asid=asid, va=near, ipa=near, tg=tg, scale=dice.randrange(2), num=dice.randrange(4),
                        ttl=dice.choice([0, 0, entry.level, dice.randrange(4)]))  # fmt: skip
    else:
        ttl = dice.choice([0, tg << 2 | entry.level, dice.randrange(16)])
        fields = Fields(asid=asid, va=near & ~0xFFF, ipa=near & ~0xFFF, ttl=ttl)
    return encode(operation, fields)


def test_agrees_with_the_oracle(driver: Driver) -> None:
    dice = random.Random(6)
    cases: list[Case] = []
    while len(cases) < CASES:
        operation, entry = dice.choice(load()), random_entry(dice)
        state = State(dice.randrange(3), dice.random() < 0.7, dice.random() < 0.3, dice.random() < 0.7)
        try:
            xt = random_operand(dice, operation, entry)
        except UserError:  # an address that the form cannot hold
            continue
        cases.append(Case(operation, xt, state, entry))
    answers = driver.many([case.command for case in cases])
    wanted = [obliges(case.operation, case.xt, case.state, case.entry) for case in cases]
    differ = [(c, a) for c, a, w in zip(cases, answers, wanted, strict=True) if (a == COVERS) != w]
    assert not differ, differ[:3]
    assert CASES // 20 < sum(wanted) < CASES // 2, "the cases are no longer of both kinds"


def page(**changes: int | bool | Regime) -> Entry:
    """A non-global page of L2's stage 1."""
    values = {"stage": 1, "regime": Regime.EL10, "start": 0x400000, "size": 4096, "shift": 12, "level": 3}
    return Entry(**{**values, "vmid": 1, "asid": 5, **changes})  # type: ignore[arg-type]


HERE = State(1, e2h=True, tge=False)


@pytest.mark.parametrize(
    ("name", "fields", "state", "entry", "why"),
    [
        ("vae1is", {"va": 0x400000, "asid": 5}, HERE, page(), COVERS),
        ("vae1is", {"va": 0x400000, "asid": 6}, HERE, page(), "its ASID is another one"),
        ("vae1is", {"va": 0x401000, "asid": 5}, HERE, page(), "its address or range is another one"),
        ("vae1is", {"va": 0x400000, "asid": 5, "ttl": 6}, HERE, page(), "its TTL names another level"),
        ("vae1is", {"va": 0x400000, "asid": 5, "ttl": 11}, HERE, page(),
         "its TG or TTL names another granule"),
        ("vae1is", {"va": 0x400000, "asid": 5}, State(2, True, False), page(), "another VMID was loaded"),
        ("vae1is", {"va": 0x400000, "asid": 5}, State(1, True, True), page(),
         "it is for the other translation regime"),
        ("vae1", {"va": 0x400000, "asid": 5}, State(1, True, False, own_pe=False), page(),
         "it is for the executing PE alone"),
        ("vale1is", {"va": 0x400000, "asid": 5}, HERE, page(table=True), "it is for the last level alone"),
        ("aside1is", {"asid": 5}, HERE, page(is_global=True), "it is for non-global entries alone"),
        ("ipas2e1is", {"ipa": 0x400000}, HERE, page(), "it is for the other stage"),
        ("rvae1is", {"va": 0x400000, "asid": 5, "tg": 2}, HERE, page(),
         "its TG or TTL names another granule"),
    ],
)  # fmt: skip
def test_says_why_not(
    driver: Driver, name: str, fields: dict[str, int], state: State, entry: Entry, why: str
) -> None:
    operation = by_name(name)
    assert driver(Case(operation, encode(operation, Fields(**fields)), state, entry).command) == why


@pytest.mark.parametrize(("ds", "unit", "covers"), [(True, 16, True), (True, 12, False), (False, 12, True)])
def test_base_of_a_range_with_lpa2(driver: Driver, ds: bool, unit: int, covers: bool) -> None:
    """With TCR_ELx.DS the base of a range counts 64 KB, whatever the granule."""
    operation = by_name("rvae1is")
    xt = 5 << 48 | 1 << 46 | 0x400000 >> unit
    answer = driver(Case(operation, xt, HERE, page(), ds=ds).command)
    assert (answer == COVERS) == covers


def test_hcr_fb_makes_a_local_operation_broadcast(driver: Driver) -> None:
    operation = by_name("vae1")
    xt = encode(operation, Fields(va=0x400000, asid=5))
    remote = State(1, True, False, own_pe=False, el=1)
    assert driver(Case(operation, xt, remote, page(), fb=True).command) == COVERS
    at_el2 = State(1, True, False, own_pe=False)
    assert driver(Case(operation, xt, at_el2, page(), fb=True).command) != COVERS
    assert driver(Case(operation, xt, remote, page()).command) != COVERS

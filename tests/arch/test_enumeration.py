# SPDX-License-Identifier: GPL-2.0-only
"""The reference and the independent oracle agree; an error seeded in either is found."""

from __future__ import annotations

import ctypes
import itertools
import random
import shutil
import sys
import types
from pathlib import Path

import pytest

from harness.arch.library import Answer, CFields, CState, Features, Miss, answer_of, c_operation, load_library
from harness.arch.reference import SOURCES, compile_reference
from harness.arch.table import Shareability, load
from tests.arch import enumerate as command
from tests.arch import rules
from tests.arch.domain import (
    HCR_E2H,
    HCR_TGE,
    HCRX_FNXS,
    Group,
    Reference,
    expected,
    groups,
)
from tests.arch.rules import Traps

LEAST = 500_000

C_ERRORS = {
    "reserved TTLs oblige nothing": (
        "operand.h",
        "if (ttl->shift && (ttl->needs & ~state->features) == 0) {\n\t\t\tf.shift = ttl->shift;",
        "if (f.ttl >> 2) {\n\t\t\tf.shift = ttl->shift;",
    ),
    "a range's reserved TTL is a level": (
        "operand.h",
        "if (ttl->shift && (ttl->needs & ~state->features) == 0)\n\t\tf->level",
        "if (ttl->shift)\n\t\tf->level",
    ),
    "DS is ignored": ("operand.h", "return ds ? 16 : shift;", "return ds ? shift : shift;"),
    "one granule too few": (
        "operand.h",
        "f->address + (range_bytes(f->shift, f->scale, f->num) - 1)",
        "f->address + (range_bytes(f->shift, f->scale, f->num) - (1ull << f->shift) - 1)",
    ),
    "SCALE counts four bits": ("operand.h", "(5 * scale + 1 + shift)", "(4 * scale + 1 + shift)"),
    "a range's base is not sign-extended": (
        "operand.h",
        "sign_extend(f->address, unit + 36)",
        "(f->address & ~(1ull << 63))",
    ),
    "ranges ask table entries for the level": ("cover.h", "entry->level < level", "entry->level <= level"),
    "a misaligned base obliges": ("cover.h", "return MISS_MISALIGNED;", "return COVERS;"),
    "the last address is not in a range": (
        "cover.h",
        "f->first <= entry->start + (entry->size - 1)",
        "f->first < entry->start + (entry->size - 1) - 0xfff",
    ),
    "table entries are global": (
        "cover.h",
        "(entry->global || entry->flat) && !entry->table",
        "entry->global || entry->flat",
    ),
    "ASIDE1 takes global entries": (
        "cover.h",
        "if (aim->op->family == aside1 && global)",
        "if (aim->op->family == alle1 && global)",
    ),
    "EL2 without E2H has ASIDs": (
        "cover.h",
        "!(op->family == vae2 && !(state->hcr & HCR_E2H))",
        "!(op->family == vae2 && !state->el)",
    ),
    "IPAS2 takes combined entries": (
        "cover.h",
        "(family == ipas2e1) != (entry->stage == STAGE_2)",
        "(family == ipas2e1) != (entry->stage != STAGE_1)",
    ),
    "last-level forms take tables": (
        "cover.h",
        "aim->op->last_level && entry->table",
        "aim->op->last_level && entry->flat",
    ),
    "nXS forms take what has XS": ("cover.h", "entry->xs && aim->nxs", "entry->xs && !entry->start"),
    "FnXS does nothing": ("operation.h", "state->hcrx & HCRX_FNXS", "state->hcrx & HCRX_FGTNXS"),
    "FB acts at EL2": (
        "operation.h",
        "state->el == 1 && (state->hcr & (HCR_FB",
        "state->el && (state->hcr & (HCR_FB",
    ),
    "TGE alone redirects": (
        "operation.h",
        "(state->hcr & (HCR_E2H | HCR_TGE)) == (HCR_E2H | HCR_TGE)",
        "(state->hcr & HCR_TGE) != 0",
    ),
    "IPAS2 is redirected": (
        "operation.h",
        "return is_for_el1(op) && state->el == 2",
        "return op->regime == EL10 && state->el == 2",
    ),
    "the VMID is ignored": ("cover.h", "aim->vmid != entry->vmid", "aim->vmid > 9"),
    "a TTL of a smaller granule is no hint": (
        "cover.h",
        "if (f->shift && f->shift != entry->shift)",
        "if (f->shift > entry->shift)",
    ),
}

PYTHON_ERRORS = {
    "level 0 without LPA2": ("if needs_lpa2 and not lpa2:", "if False:"),
    "VAs are not sign-extended": (
        "first = of_digits(at, signed=not ipa)",
        "first = of_digits(at, signed=False)",
    ),
    "a hint names table entries": (
        "return not held.table and (x.granule, x.level)",
        "return (x.granule, x.level)",
    ),
    "ranges end one page early": (
        "last = min(first + pages * GRANULE_BYTES[granule], TOP) - 1",
        "last = min(first + pages * GRANULE_BYTES[granule], TOP) - 4097",
    ),
    "vaal is not of the last level": ('op.type in ("val", "vaal", "ipas2l")', 'op.type in ("val", "ipas2l")'),
    "another VMID counts for VMALLS12": (
        'op.type != "all" and held.vmid',
        'op.type == "ipas2" and held.vmid',
    ),
}


def first_difference(reference: Reference, asked: list[tuple[Group, bytes]]) -> str:
    """The first question whose answers differ in words, or an empty string."""
    for group, theirs in asked:
        ours = reference.answers(group)
        if ours != theirs:
            at = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
            return command.describe(group, at, ours[at], theirs[at])
    return ""


def test_they_agree(answered: list[tuple[Group, bytes]], reference: Reference) -> None:
    questions = sum(group.questions for group, _ in answered)
    counts = {answer: sum(theirs.count(answer) for _, theirs in answered) for answer in Answer}
    print(f"{questions} questions, {counts}")
    assert questions >= LEAST
    assert all(counts[answer] > questions // 100 for answer in Answer), "the questions are of all three kinds"
    assert first_difference(reference, answered) == ""


@pytest.mark.parametrize("error", C_ERRORS)
def test_an_error_in_the_reference_is_found(
    answered: list[tuple[Group, bytes]], tmp_path: Path, error: str
) -> None:
    name, right, wrong = C_ERRORS[error]
    copy = tmp_path / "arch"
    shutil.copytree(SOURCES, copy)
    text = (copy / name).read_text()
    assert text.count(right) == 1, f"{name} has changed: seed this error anew"
    (copy / name).write_text(text.replace(right, wrong))
    wrong_library = load_library(compile_reference(copy, tmp_path))
    assert first_difference(Reference(wrong_library), answered)


@pytest.mark.parametrize("error", PYTHON_ERRORS)
def test_an_error_in_the_oracle_is_found(
    answered: list[tuple[Group, bytes]], reference: Reference, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = PYTHON_ERRORS[error]
    text = Path(rules.__file__ or "").read_text()
    assert text.count(right) == 1, "rules.py has changed: seed this error anew"
    module = types.ModuleType("wrong_rules")
    monkeypatch.setitem(sys.modules, "wrong_rules", module)
    exec(compile(text.replace(right, wrong), "wrong_rules", "exec"), module.__dict__)
    shuffled = random.Random(1).sample(answered, len(answered))
    assert any(expected(group, module) != reference.answers(group) for group, _ in shuffled)


@pytest.mark.real
def test_they_agree_in_full(reference: Reference) -> None:
    questions, differences, told = command.compare(reference, groups(full=True))
    print(f"{questions} questions, {differences} differences")
    assert questions > 10_000_000
    assert (differences, told) == (0, [])


def test_a_reason_is_an_answer() -> None:
    """Obliged, UNPREDICTABLE, or neither."""
    wanted = {Miss.COVERS: Answer.MUST, Miss.MISALIGNED: Answer.UNPREDICTABLE}
    assert {miss: answer_of(miss) for miss in Miss} == {m: wanted.get(m, Answer.MAY) for m in Miss}


# ---- what becomes of an operation

BITS = {"nv": 1 << 42, "ttlb": 1 << 25, "ttlbis": 1 << 54, "ttlbos": 1 << 55}
FATES = {0: "execute", 1: "undefined", 2: "undefined"}


def all_traps(bit: int | None) -> itertools.product[tuple[object, ...]]:
    own = 0 if bit is None else 1 << bit
    masks = sorted({0, own, (1 << 64) - 1, (1 << 64) - 1 & ~own})
    flags = [(False, True)] * 8
    return itertools.product((1, 2), *flags[:4], masks, *flags[4:])


def c_traps(by: Traps) -> CState:
    hcr = sum(bit for name, bit in BITS.items() if getattr(by, name))
    features = Features.OS * by.has_os | Features.RANGE * by.has_range | Features.XS * by.has_xs
    return CState(hcr=hcr, hcrx=(1 << 4) * by.fgtnxs, hfgitr=by.hfgitr, el=by.el, features=features)


def test_fates_agree(reference: Reference) -> None:
    """C5.5: UNDEFINED first, then HCR_EL2.{TTLB,TTLBIS,TTLBOS} or NV, then HFGITR_EL2, less FGTnXS."""
    questions = 0
    seen = set()
    for op in load():
        name = op.name.removesuffix("nxs")
        bit = 18 + rules.HFGITR.index(name) if name in rules.HFGITR else None
        for values in all_traps(bit):
            by = Traps(*values)  # type: ignore[arg-type]
            got = reference.library.nvh_fate(c_operation(op), c_traps(by))
            wanted = rules.fate(op.name, by)
            assert FATES.get(got, "trap") == wanted, (op.name, by, got)
            seen.add(wanted)
            questions += 1
    print(f"{questions} questions, 0 differences")
    assert seen == {"execute", "undefined", "trap"}


def test_syndromes_agree(reference: Reference) -> None:
    for op in load():
        for rt in range(32):
            wanted = rules.syndrome(op.instruction(rt), rt if op.has_operand else 31)
            assert reference.library.nvh_syndrome(c_operation(op), rt) == wanted, op.name


def test_barriers_agree(reference: Reference) -> None:
    domains = {0: "osh", 4: "nsh", 8: "ish", 12: "sy"}
    scopes = {Shareability.LOCAL: "", Shareability.IS: "is", Shareability.OS: "os"}
    flags = (False, True)
    asked = itertools.product(domains, flags, flags, range(4), flags, flags, enumerate(scopes), flags)
    for crm, nxs, below, bsu, host, fnxs, (number, scope), of_nxs in asked:
        hcr = bsu << 10 | (HCR_E2H | HCR_TGE) * host
        got = reference.library.nvh_dsb_completes(crm | 3, nxs, below, hcr, HCRX_FNXS * fnxs, number, of_nxs)
        wanted = rules.completes(domains[crm], nxs, below, bsu, host, fnxs, scopes[scope], of_nxs)
        assert bool(got) == wanted, (crm, nxs, below, bsu, host, fnxs, scope, of_nxs)


def test_every_bit_of_every_operand_is_decoded_alike(reference: Reference) -> None:
    """One bit at a time, and all but one, with and without DS."""
    for op, bit, inverted, ds in itertools.product(load(), range(64), (False, True), (False, True)):
        xt = (1 << bit) ^ (((1 << 64) - 1) * inverted)
        state = CState(features=Features.LPA2, ds1=ds, ds2=ds)
        found = CFields()
        reference.library.nvh_decode(c_operation(op), xt, ctypes.byref(state), ctypes.byref(found))
        wanted = rules.operand(op.name, xt, True, ds, ds)
        level = None if found.level < 0 else found.level
        assert (found.asid, found.first, found.last, level) == (
            wanted.asid,
            wanted.first,
            wanted.last,
            wanted.level,
        ), (op.name, hex(xt), ds)

# SPDX-License-Identifier: GPL-2.0-only
"""Stage-1 permissions: the reference and the independent oracle agree, leaf by leaf; a seeded error is found.

Dimensions: Direct, Indirect and Overlay permissions; each Base permission of either privilege at each
PIIndex; each Overlay permission at each POIndex; hierarchical bits; regimes with one Exception level and two,
NV1; WXN, HD and nDirty, PAN and EPAN; read, write and execute at EL0 and above.
"""

from __future__ import annotations

import ctypes
import itertools
import shutil
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

from harness.arch.library import CPermissionControls, CPermissions, library, load_library
from harness.arch.reference import SOURCES, compile_reference
from tests.arch import permissions
from tests.arch.permissions import Registers

FLAGS = (False, True)
ACCESSES = {"r": 1, "w": 2, "x": 4}
LEAST = 150_000


@dataclass(frozen=True)
class Leaves:
    """One set of registers, and PSTATE.PAN, against leaves behind tables."""

    registers: Registers
    pan: bool
    leaves: tuple[int, ...]
    tables: tuple[int, ...]


def nibbles(first: int, step: int = 1) -> str:
    """A register whose entry ``i`` is ``first + step * i``."""
    return "".join(f"{(first + step * i) % 16:04b}" for i in reversed(range(16)))


def bits(*numbers: int) -> tuple[int, ...]:
    """Each word that has some of these bits."""
    return tuple(
        sum(1 << n for n, on in zip(numbers, chosen, strict=True) if on)
        for chosen in itertools.product(FLAGS, repeat=len(numbers))
    )


def pairs(leaves: tuple[int, ...], tables: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Each leaf behind each of the tables."""
    both = list(itertools.product(leaves, tables))
    return tuple(leaf for leaf, _ in both), tuple(table for _, table in both)


SHAPES = (Registers(), Registers(nv1=True), Registers(one=True))
"""Regimes with an EL0, with NV1, and with one Exception level."""


def asked(full: bool = False) -> Iterator[Leaves]:
    """All questions; ``full``: each pair of Overlay permissions with each pair of Base permissions."""
    direct = pairs(bits(6, 7, 51, 53, 54), bits(59, 60, 61, 62))
    for shape, wxn, hd, pan, epan in itertools.product(SHAPES, FLAGS, FLAGS, FLAGS, FLAGS):
        registers = replace(shape, wxn=wxn, hd=hd, epan=epan)
        yield Leaves(registers, pan, *direct)
    indirect = pairs(bits(6, 7, 51, 53, 54), (0, 0xF << 59))
    for shape, hd, pan, above, below in itertools.product(SHAPES, FLAGS, FLAGS, range(16), range(16)):
        if not full and shape != Registers() and (above + below) % 3:
            continue
        registers = replace(shape, hd=hd, pie=True, pir=nibbles(above), pire0=nibbles(below, 3), wxn=hd)
        yield Leaves(registers, pan, *indirect)
    overlaid = pairs(bits(6, 51, 53, 54, 60, 61, 62), (0, 0xF << 59))
    direct_overlaid = pairs(bits(6, 7, 53, 54, 60, 61, 62), (0, 0xF << 59))
    for shape, (poe, e0poe), pie, above, below in itertools.product(
        SHAPES, ((True, False), (False, True), (True, True)), FLAGS, range(16), range(16)
    ):
        if not full and below != (3 * above + 5) % 16:
            continue
        for base in range(16) if full and pie else (above,):
            registers = replace(
                shape,
                pie=pie,
                poe=poe,
                e0poe=e0poe,
                pir=nibbles(base),
                pire0=nibbles(base + above, 2),
                por=nibbles(above),
                por0=nibbles(below),
                wxn=bool(above % 2),
            )
            yield Leaves(registers, False, *(overlaid if pie else direct_overlaid))


def controls(question: Leaves) -> CPermissionControls:
    """The same registers for the reference."""
    r = question.registers
    wide = {name: int(getattr(r, name), 2) for name in ("pir", "pire0", "por", "por0")}
    narrow = {name: getattr(r, name) for name in ("nv1", "wxn", "epan", "hd", "pie", "poe", "e0poe")}
    return CPermissionControls(two=not r.one, pan=question.pan, **wide, **narrow)


def reference(library_: ctypes.CDLL, question: Leaves) -> list[tuple[int, int, int, int]]:
    """What the C says of each leaf."""
    count = len(question.leaves)
    words = ctypes.c_uint64 * count
    answers = (CPermissions * count)()
    library_.nvh_permissions(
        controls(question), words(*question.leaves), words(*question.tables), count, answers
    )
    return [(a.privileged, a.unprivileged, a.pan_open, a.gcs_alone) for a in answers]


def oracle(question: Leaves, module: ModuleType = permissions) -> list[tuple[int, int]]:
    """What the Python says: the same bits, those of EL0 last."""
    told = []
    for leaf, tables in zip(question.leaves, question.tables, strict=True):
        above, below = (
            sum(
                bit
                for access, bit in ACCESSES.items()
                if module.permitted(question.registers, leaf, tables, access, el0, question.pan)
            )
            for el0 in FLAGS
        )
        told.append((above, below))
    return told


def differs(library_: ctypes.CDLL, question: Leaves, theirs: list[tuple[int, int]]) -> str:
    """The first leaf that they do not agree about, or an empty string."""
    for i, (ours, other) in enumerate(zip(reference(library_, question), theirs, strict=True)):
        if ours[:2] != other:
            where = f"leaf {question.leaves[i]:#x} behind {question.tables[i]:#x}"
            return f"{where}: reference {ours}, oracle {other}: {question}"[:600]
    return ""


@pytest.fixture(scope="module")
def answered() -> list[tuple[Leaves, list[tuple[int, int]]]]:
    return [(question, oracle(question)) for question in asked()]


def test_they_agree(answered: list[tuple[Leaves, list[tuple[int, int]]]]) -> None:
    questions = sum(len(question.leaves) for question, _ in answered)
    different = [told for question, theirs in answered if (told := differs(library(), question, theirs))]
    print(f"{questions} questions, {len(different)} differences")
    assert questions > LEAST
    assert not different, different[0]
    seen = {both for _, theirs in answered for both in theirs}
    assert len(seen) > 30, "the answers are of many kinds"


@pytest.mark.real
def test_they_agree_in_full() -> None:
    questions = 0
    for question in asked(full=True):
        questions += len(question.leaves)
        assert differs(library(), question, oracle(question)) == ""
    print(f"{questions} questions, 0 differences")
    assert questions > 1_000_000


def test_what_is_open_is_reported() -> None:
    """PAN and a reserved value of PIRE0 (R_TBKKB), and what a GCS permission removes (R_VFPJF)."""
    seen = set()
    for above, below, pan in itertools.product(range(16), range(16), FLAGS):
        ours, theirs = f"{above:04b}", f"{below:04b}"
        question = Leaves(Registers(pie=True, pir=ours * 16, pire0=theirs * 16), pan, (0,), (0,))
        ((_, _, open_, gcs),) = reference(library(), question)
        words = permissions.BASE.get(ours, ""), permissions.BASE.get(theirs, "")
        unsafe = bool(set("xg") & set(words[0]) and set("wg") & set(words[1]))
        assert bool(open_) == (pan and permissions.reserved(theirs)), (ours, theirs)
        assert bool(gcs) == (unsafe and not ("x" in words[0] and "w" in words[1])), (ours, theirs)
        seen.add((open_, gcs))
    assert seen == {(0, 0), (1, 0), (0, 1)}


C_ERRORS = {
    "execute-only reads": ("[2] = PERM_X,", "[2] = PERM_R | PERM_X,"),
    "0b0111 has WXN": ("own->wxn = ours == WXN_APPLIES;", "own->wxn = (ours | 1) == 7;"),
    "0b1101 is read and write": ("[12] = PERM_R | PERM_W,", "[12] = PERM_R | PERM_W,\n\t[13] = PERM_R,"),
    "PIIndex begins with PXN": (
        "(descriptor & PTE_S1_UXN ? 8 : 0) | (descriptor & PTE_S1_PXN ? 4 : 0) | (descriptor & PTE_DBM",
        "(descriptor & PTE_S1_PXN ? 8 : 0) | (descriptor & PTE_S1_UXN ? 4 : 0) | (descriptor & PTE_DBM",
    ),
    "unsafe pairs lose the right to execute alone": (
        "own->base = unsafe ? 0 : above & PERM_RWX;",
        "own->base = unsafe ? above & PERM_R : above & PERM_RWX;",
    ),
    "NV1 has PIRE0_EL1": ("c->two && !c->nv1 ? permission_nibble", "c->two ? permission_nibble"),
    "nDirty is ignored": ("c->pie && descriptor & PTE_S1_RO && !c->hd", "false"),
    "HD is ignored": ("descriptor & PTE_S1_RO && !c->hd)", "descriptor & PTE_S1_RO)"),
    "PAN looks at what EL0 may do": ("pan = pan && theirs;", "pan = pan && theirs && other.base & 3;"),
    "PAN stops fetches": ("p.privileged &= PERM_X;", "p.privileged = 0;"),
    "EPAN is ignored": ("(c->epan && other.base & PERM_X)", "false"),
    "hierarchical bits count with overlays": ("overlays ? 0 : tables", "overlays ? tables : tables"),
    "EL0 of NV1 has an overlay": ("c->e0poe && !c->nv1, perm", "c->e0poe, perm"),
    "a reserved overlay permits": ("nibble & 8 ? 0 :", "nibble > 15 ? 0 :"),
    "an overlay's W and X are exchanged": ("(nibble & 4 ? PERM_W", "(nibble & 2 ? PERM_W"),
    "WXN takes X from an overlay": (
        "over & ~(unsigned)PERM_W : over)",
        "over & ~(unsigned)PERM_X : over)",
    ),
    "Base permissions without overlay have one": ("if (!(enabled && p.overlay))", "if (!enabled)"),
    "what EL0 may write EL1 executes": ("(pxn || (user && write) ? 0", "(pxn ? 0"),
    "APTable[0] is ignored": ("&& !(tables & PTE_TABLE_NO_EL0)", ""),
    "DBM is ignored": ("(c->hd && descriptor & PTE_DBM)", "false"),
    "WXN of Direct permissions is ignored": ("own->wxn = c->wxn &&", "own->wxn = false &&"),
}
PYTHON_ERRORS = {
    "0b1100 is read alone": ('"1100": "rw"', '"1100": "r"'),
    "GCS is safe": ('and ("w" in below or "g" in below)', 'and ("w" in below)'),
    "the other privilege's WXN": ('chosen == "0110"', 'ours == "0110"'),
    "APTable of NV1": ("if bit(tables, 61) and not r.nv1:", "if bit(tables, 61) and r.nv1:"),
    "overlays use POR_EL1 for EL0": ("r.por0 if el0 else r.por,", "r.por,"),
    "one Exception level has PXN": ('word += "" if bit(leaf, 54)', 'word += "" if bit(leaf, 53)'),
}


@pytest.mark.parametrize("error", C_ERRORS)
def test_an_error_in_the_reference_is_found(
    answered: list[tuple[Leaves, list[tuple[int, int]]]], tmp_path: Path, error: str
) -> None:
    right, wrong = C_ERRORS[error]
    copy = tmp_path / "arch"
    shutil.copytree(SOURCES, copy)
    path = copy / "permission.h"
    text = path.read_text()
    assert text.count(right) == 1, "permission.h has changed: seed this error anew"
    path.write_text(text.replace(right, wrong))
    wrong_library = load_library(compile_reference(copy, tmp_path))
    assert any(differs(wrong_library, question, theirs) for question, theirs in answered)


@pytest.mark.parametrize("error", PYTHON_ERRORS)
def test_an_error_in_the_oracle_is_found(
    answered: list[tuple[Leaves, list[tuple[int, int]]]], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = PYTHON_ERRORS[error]
    text = Path(permissions.__file__ or "").read_text()
    assert text.count(right) == 1, "permissions.py has changed: seed this error anew"
    module = types.ModuleType("wrong_permissions")
    monkeypatch.setitem(sys.modules, "wrong_permissions", module)
    exec(compile(text.replace(right, wrong), "wrong_permissions", "exec"), module.__dict__)
    assert any(oracle(question, module) != theirs for question, theirs in answered)

# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin nvh-fault is told: instructions by name, and what becomes of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness.arch import table
from harness.arch.encodings import REGISTERS, TRANSLATIONS
from harness.artefacts.payloads import SOURCES
from harness.mutants import inject

PLUGIN = (SOURCES / "plugin/fault/main.c").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MSR HCR_EL2", (0xD51C1100,)),
        ("MRS HCR_EL2", (0xD53C1100,)),
        ("AT S1E2R", (0xD50C7800,)),
        ("TLBI VAE1IS", (0xD5088320,)),
        ("TLBI vmalle1", (0xD5088700,)),
        ("MSR X_EL2", ()),
        ("AT HCR_EL2", ()),
        ("LDR X0", ()),
        ("TLBI", ()),
    ],
)
def test_instructions_have_names(name: str, words: tuple[int, ...]) -> None:
    assert inject.words(name) == words


def test_a_glob_names_each_operation_that_it_fits() -> None:
    found = inject.words("TLBI RV*E1*")
    assert set(found) == {op.instruction(0) for op in table.load() if re.fullmatch(r"rv.*e1.*", op.name)}
    assert len(inject.words("TLBI *")) == len(table.load())


def test_encodings_are_different() -> None:
    known = [*REGISTERS.values(), *TRANSLATIONS.values()]
    assert len(set(known)) == len(known)


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"at": ["MSR HCR_EL2"], "hides": 0x200}, "at=0xd51c1100,hides=0x200"),
        ({"at": ["TLBI VAE1"], "nothing": True, "el": 1, "pe": 1}, "at=0xd5088720,nothing=on,el=1,pe=1"),
        ({"at": ["MRS ESR_EL2", "MRS ESR_EL2"], "loses": 64}, "at=0xd53c5200,loses=0x40"),
    ],
)
def test_a_row_becomes_options(row: dict[str, Any], options: str) -> None:
    assert inject.options(row) == options


def test_the_plugin_knows_the_options() -> None:
    for kind in inject.KINDS:
        assert re.search(rf'"{kind}(=on)?"', PLUGIN), kind
    assert {"at", "el", "pe"} <= set(re.findall(r'nvh_value\(option, "(\w+)"\)', PLUGIN))
    (room,) = re.findall(r"#define WORDS ([0-9]+)", PLUGIN)
    assert len(table.load()) <= int(room)

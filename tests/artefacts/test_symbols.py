# SPDX-License-Identifier: GPL-2.0-only
"""Addresses by name, in a program that is compiled here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.artefacts.symbols import FAR, ProgramSymbols
from harness.errors import InfraError
from harness.host.command import HOSTCC


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("symbols")
    source = place / "made.S"
    source.write_text(".text\n.globl first, second\nfirst: .space 64\nsecond: .space 0x20000\n")
    made = place / "made"
    words = [
        HOSTCC,
        "-nostdlib",
        "-no-pie",
        "-static",
        "-Wl,--build-id=none",
        "-Wl,-Ttext=0x400000",
        "-Wl,-e,first",
        "-o",
        str(made),
    ]
    subprocess.run([*words, str(source)], check=True, capture_output=True)
    return made


def test_an_address_is_so_far_behind_a_symbol(program: Path) -> None:
    symbols = ProgramSymbols(program)
    start = symbols.address("first")
    assert start is not None
    assert symbols.name(start) == "first"
    assert symbols.name(start + 4) == "first+0x4"
    assert symbols.name(start + 64) == "second"
    assert symbols.name(start + 64 + FAR - 1) == f"second+{FAR - 1:#x}"


def test_what_is_near_no_symbol_has_no_name(program: Path) -> None:
    symbols = ProgramSymbols(program)
    start = symbols.address("first")
    assert start is not None
    assert symbols.name(start - 4) == ""
    assert symbols.name(start + 64 + FAR) == ""
    assert symbols.address("third") is None


def test_no_program_is_reported(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("no ELF")
    with pytest.raises(InfraError, match="no symbols"):
        ProgramSymbols(other)

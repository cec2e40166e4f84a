# SPDX-License-Identifier: GPL-2.0-only
"""images/payloads/lib/number.c, compiled for this machine: digits, and nothing else that strtoul() takes."""

from __future__ import annotations

import ctypes

import pytest

from harness.artefacts.payloads import LIB, SOURCES
from harness.host import command
from harness.host.command import HOSTCC

MOST = 2**64 - 1
FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fPIC", "-shared")
UNTOUCHED = 0x5A5A
BAD = ["", "-1", "+1", " 1", "1 ", "1\n", "0x", "x1", "1x", "1.0", "1e3", "0b1", "a", "-", "--1", "\u0661"]
"""Not a number in base 10 or 0."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    place = tmp_path_factory.mktemp("number") / "number.so"
    command.run([HOSTCC, *FLAGS, "-o", place, SOURCES / LIB / "number.c"], timeout_s=60)
    found = ctypes.CDLL(str(place))
    found.number_parse.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.POINTER(ctypes.c_uint64),
    ]
    found.number_parse.restype = ctypes.c_bool
    found.number_unsigned.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.POINTER(ctypes.c_uint),
    ]
    found.number_unsigned.restype = ctypes.c_bool
    found.number_read.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.POINTER(ctypes.c_uint64)]
    found.number_read.restype = ctypes.c_char_p
    return found


def parse(library: ctypes.CDLL, text: str, base: int = 0, least: int = 0, most: int = MOST) -> int | None:
    value = ctypes.c_uint64(UNTOUCHED)
    if library.number_parse(text.encode(), base, least, most, ctypes.byref(value)):
        return value.value
    assert value.value == UNTOUCHED, "a refused number leaves the variable as it was"
    return None


@pytest.mark.parametrize(
    ("text", "base", "value"),
    [
        ("0", 0, 0),
        ("7", 10, 7),
        ("007", 10, 7),
        ("18446744073709551615", 0, MOST),
        ("0x0", 0, 0),
        ("0xfFfF", 0, 0xFFFF),
        ("0Xa", 0, 10),
        ("0xffffffffffffffff", 0, MOST),
        ("48123", 16, 0x48123),
        ("0x0000000000048123", 16, 0x48123),
        ("00ff", 16, 0xFF),
    ],
)
def test_numbers(library: ctypes.CDLL, text: str, base: int, value: int) -> None:
    assert parse(library, text, base) == value


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("base", [0, 10])
def test_what_is_no_number(library: ctypes.CDLL, text: str, base: int) -> None:
    assert parse(library, text, base) is None
    assert parse(library, "1", base) == 1


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("18446744073709551616", 10),
        ("99999999999999999999999", 10),
        ("0x10000000000000000", 0),
        ("010", 0),
        ("08", 0),
        ("0x1", 10),
        ("g", 16),
        ("-1", 16),
        ("0x", 16),
        ("0x-1", 16),
    ],
)
def test_what_does_not_fit(library: ctypes.CDLL, text: str, base: int) -> None:
    """Too large, octal to C alone, or of another base."""
    assert parse(library, text, base) is None


def test_bounds(library: ctypes.CDLL) -> None:
    taken = [n for n in range(12) if parse(library, str(n), 10, 3, 9) == n]
    assert taken == list(range(3, 10))


def test_the_unsigned_one(library: ctypes.CDLL) -> None:
    value = ctypes.c_uint(UNTOUCHED)
    for text in (*BAD, "4294967296", "4294967297", "18446744073709551617", "0x10"):
        assert not library.number_unsigned(text.encode(), 1, 2**32 - 1, ctypes.byref(value)), text
    assert value.value == UNTOUCHED
    assert library.number_unsigned(b"4294967295", 1, 2**32 - 1, ctypes.byref(value))
    assert value.value == 2**32 - 1


def test_what_follows(library: ctypes.CDLL) -> None:
    value = ctypes.c_uint64(0)
    assert library.number_read(b"7f00-7fff", 16, ctypes.byref(value)) == b"-7fff"
    assert value.value == 0x7F00
    assert library.number_read(b"0x40:name", 0, ctypes.byref(value)) == b":name"
    assert library.number_read(b":name", 0, ctypes.byref(value)) is None


@pytest.mark.parametrize("parser", ["strtol", "strtoul", "strtoull", "strtod", "atoi", "atol"])
def test_no_payload_has_a_parser_of_its_own(parser: str) -> None:
    for path in sorted((*SOURCES.rglob("*.c"), *SOURCES.rglob("*.h"))):
        text = "\n".join(
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if not line.lstrip().startswith("*")
        )
        assert f"{parser}(" not in text, f"{path} should use lib/number.h"

# SPDX-License-Identifier: GPL-2.0-only
"""The bare image has both headers, one place for its bundle's id, and a board from a checked file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from harness.bundle.bare import BARE_IMAGE, KIND, build_bare, identified, load_board
from harness.errors import InfraError, UserError
from harness.host.cache import Store
from harness.host.paths import data_names
from tests.conftest import need

ID = "fedcba9876543210"
GOOD = "board: mine\nsummary: Mine.\nram: 0x80000000\nuart: 0x1c090000\npe-stride: 0x100\n"


@pytest.mark.parametrize("name", data_names(KIND))
def test_shipped_boards(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert board.uart < board.ram


@pytest.mark.parametrize(
    ("was", "now", "where"),
    [
        ("0x80000000", "0x80001000", ":3:6"),
        ("ram:", "rom:", ":3:1"),
        ("0x100", "0", ":5:12"),
        ("mine", "Mine!", ":1:8"),
        ("0x1c090000", "uart0", ":4:7"),
    ],
)
def test_wrong_boards(tmp_path: Path, was: str, now: str, where: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert load_board(str(path)).ram == 0x80000000
    path.write_text(GOOD.replace(was, now, 1))
    with pytest.raises(UserError) as caught:
        load_board(str(path))
    assert f"mine.yaml{where}" in str(caught.value)


def test_a_board_that_is_not_there() -> None:
    with pytest.raises(UserError, match="did you mean 'virt'"):
        load_board("vrit")


@pytest.fixture(scope="module", params=data_names(KIND))
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    need("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    store = Store(tmp_path_factory.mktemp("cache"))
    return (build_bare(store, load_board(request.param), lambda _: None).path / BARE_IMAGE).read_bytes()


def test_it_is_an_image_of_linux(image: bytes) -> None:
    """Documentation/arch/arm64/booting.rst: header of 64 bytes."""
    code, _, offset, size, flags, _, _, _, magic, pe = struct.unpack("<2I6Q2I", image[:64])
    assert code.to_bytes(4, "little")[:2] == b"MZ"
    assert magic == 0x644D5241
    assert (offset, size, flags) == (0, len(image), 0xA)
    assert image[pe : pe + 4] == b"PE\0\0"


def test_it_is_an_application_of_uefi(image: bytes) -> None:
    """PE32+: two sections that cover the file from the first to its end, none both written and executed."""
    [pe] = struct.unpack("<I", image[60:64])
    machine, sections, _, _, _, optional, _ = struct.unpack("<2H3I2H", image[pe + 4 : pe + 24])
    assert (machine, sections) == (0xAA64, 2)
    magic, _, _, code, data, _, entry = struct.unpack("<H2B4I", image[pe + 24 : pe + 44])
    [subsystem] = struct.unpack("<H", image[pe + 24 + 68 : pe + 24 + 70])
    assert (magic, subsystem) == (0x20B, 10)
    at, end = pe + 24 + optional, 4096
    for size, flags in ((code, 0x60000020), (data, 0xC0000040)):
        _, memory, address, raw, file, _, _, found = struct.unpack("<8s6II", image[at : at + 36])
        assert (memory, address, raw, file) == (size, end, size, end)
        at, end = at + 40, end + size
        [found] = struct.unpack("<I", image[at - 4 : at])
        assert found == flags
    assert end == len(image)
    assert 4096 <= entry < 4096 + code


def test_it_bears_the_id(image: bytes) -> None:
    assert image.count(ID.encode()) == 0
    assert identified(image, ID).count(ID.encode()) == 1
    assert len(identified(image, ID)) == len(image)
    with pytest.raises(InfraError):
        identified(identified(image, ID), ID)
    with pytest.raises(InfraError):
        identified(image, "short")

# SPDX-License-Identifier: GPL-2.0-only
"""What nvh-linux gives its guest, compiled for this machine: a device tree, and a PL011."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.artefacts.payloads import SOURCES
from harness.host import command
from harness.host.command import HOSTCC

FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-pthread")
ROOM = 4096
BEGIN, END_NODE, PROPERTY, END = 1, 2, 3, 9


@pytest.fixture(scope="module")
def fdt(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    place = tmp_path_factory.mktemp("fdt") / "fdt.so"
    command.run([HOSTCC, *FLAGS, "-fPIC", "-shared", "-o", place, SOURCES / "linux/fdt.c"], timeout_s=60)
    found = ctypes.CDLL(str(place))
    found.fdt_start.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    found.fdt_bytes.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    found.fdt_finish.restype = ctypes.c_size_t
    return found


def write(fdt: ctypes.CDLL, room: int, names: tuple[bytes, ...] = (b"reg", b"name", b"reg")) -> bytes:
    """A tree with a node in its root, which has ``names``, then a text and none."""
    tree = ctypes.create_string_buffer(1024)  # struct fdt, which is smaller
    place = ctypes.create_string_buffer(b"\xff" * ROOM, ROOM)
    fdt.fdt_start(tree, place, room)
    fdt.fdt_node(tree, b"")
    fdt.fdt_node(tree, b"node@7")
    for number, name in enumerate(names):
        fdt.fdt_cells(tree, name, 2, (ctypes.c_uint32 * 2)(number, 0x12345678))
    fdt.fdt_text(tree, b"text", b"words")
    fdt.fdt_bytes(tree, b"none", None, 0)
    fdt.fdt_end(tree)
    fdt.fdt_end(tree)
    size = fdt.fdt_finish(tree)
    assert place.raw[room:] == b"\xff" * (ROOM - room), "written outside its room"
    return place.raw[:size]


def read(blob: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Each property with its node's path, as chapter 5 of the specification has them."""
    word = [int.from_bytes(blob[at : at + 4], "big") for at in range(0, 40, 4)]
    magic, total, at, names, reserved, version, compatible, _, names_size, tree_size = word
    assert (magic, total, version, compatible) == (0xD00DFEED, len(blob), 17, 16)
    assert blob[reserved : reserved + 16] == bytes(16)
    assert at % 4 == reserved % 8 == 0
    end, path = at + tree_size, list[str]()
    assert names == end
    assert names + names_size <= total
    while at < end:
        token = int.from_bytes(blob[at : at + 4], "big")
        at += 4
        if token == BEGIN:
            text = blob[at : blob.index(b"\0", at)]
            path.append(text.decode())
            at += (len(text) + 1 + 3) & ~3
        elif token == END_NODE:
            path.pop()
        elif token == PROPERTY:
            size, name = (int.from_bytes(blob[at + n : at + n + 4], "big") for n in (0, 4))
            label = blob[names + name : blob.index(b"\0", names + name)].decode()
            yield "/".join(path), label, blob[at + 8 : at + 8 + size]
            at += 8 + ((size + 3) & ~3)
        else:
            assert (token, path, at) == (END, [], end)


def test_the_tree_says_what_was_put_there(fdt: ctypes.CDLL) -> None:
    cell = bytes.fromhex("12345678")
    assert list(read(write(fdt, ROOM))) == [
        ("/node@7", "reg", bytes(4) + cell),
        ("/node@7", "name", bytes.fromhex("00000001") + cell),
        ("/node@7", "reg", bytes.fromhex("00000002") + cell),
        ("/node@7", "text", b"words\0"),
        ("/node@7", "none", b""),
    ]


def test_a_tree_without_room_is_none(fdt: ctypes.CDLL) -> None:
    size = len(write(fdt, ROOM))
    assert len(write(fdt, size)) == size
    assert not [room for room in range(size) if write(fdt, room)]
    assert not write(fdt, ROOM, tuple(f"{number:0100d}".encode() for number in range(6)))


UART = r"""
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "uart.h"
static volatile int up;
static void line(bool now) { up = now; }
static uint32_t get(uint64_t at)
{
	uint32_t value = 0xbad;
	if (!uart_read(at, &value))
		abort();
	return value;
}
int main(void)
{
	char text[64];
	int n = 0;

	if (!uart_start(line))
		return 1;
	for (const char *c = "sent "; *c; c++)
		uart_write(0, (uint32_t)*c | 0x100);
	uart_write(0x24, 26);
	fprintf(stderr, "kept=%u masked=%d", get(0x24), up);
	uart_write(0x38, 1 << 5);
	fprintf(stderr, " may-send=%d", up);
	uart_write(0x38, 1 << 4);
	while (n < 3) {
		while (!up)
			usleep(1000);
		fprintf(stderr, " %x", get(0x40));
		text[n++] = (char)get(0);
	}
	text[n] = 0;
	usleep(50000);
	fprintf(stderr, " got=%s after=%d flags=%x unknown=%d%d\n", text, up, get(0x18), uart_write(0x80, 1),
		uart_read(0xfe0, &(uint32_t){ 0 }));
	return 0;
}
"""


def test_the_uart_sends_and_receives(tmp_path: Path) -> None:
    """Bytes both ways, none lost, and the line is up while there is a cause that the mask lets through."""
    source = tmp_path / "drive.c"
    source.write_text(UART)
    program = tmp_path / "drive"
    linux = SOURCES / "linux"
    command.run([HOSTCC, *FLAGS, "-I", linux, "-o", program, source, linux / "uart.c"], timeout_s=60)
    done = subprocess.run([program], input=b"abc", capture_output=True, timeout=30, check=True)
    assert done.stdout == b"sent "
    assert done.stderr.decode() == (
        "kept=26 masked=0 may-send=1 10 10 10 got=abc after=0 flags=90 unknown=00\n"
    )

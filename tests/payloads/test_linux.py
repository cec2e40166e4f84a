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


LOG = r"""
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "log.h"
#include "vmm.h"

#define PAGE 4096
#define PAGES 128
static uint8_t *memory;
static struct { uint64_t word[2]; unsigned reading, lose, cleared, on, enabled[2]; int rests; } vm;

/* Before each reading the guest writes pages 3 and 70 + its number; the log may lose one of the latter. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	va_start(list, request);
	void *argument = va_arg(list, void *);
	va_end(list);
	if (request == KVM_ENABLE_CAP) {
		struct kvm_enable_cap *cap = argument;
		vm.enabled[cap->cap == KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2] = (unsigned)cap->args[0];
	} else if (request == KVM_SET_USER_MEMORY_REGION) {
		vm.on = ((struct kvm_userspace_memory_region *)argument)->flags == KVM_MEM_LOG_DIRTY_PAGES;
		memset(vm.word, (vm.enabled[1] & 2) ? 0xff : 0, sizeof(vm.word));
	} else if (request == KVM_GET_DIRTY_LOG) {
		unsigned page = 70 + vm.reading++;
		memory[3 * PAGE]++;
		memory[page * PAGE + 5]++;
		vm.word[0] |= 1 << 3;
		if (vm.reading != vm.lose)
			vm.word[1] |= 1ull << (page - 64);
		memcpy(((struct kvm_dirty_log *)argument)->dirty_bitmap, vm.word, sizeof(vm.word));
		if (!vm.enabled[1])
			memset(vm.word, 0, sizeof(vm.word));
	} else if (request == KVM_CLEAR_DIRTY_LOG) {
		struct kvm_clear_dirty_log *clear = argument;
		if (clear->first_page || clear->num_pages != PAGES || clear->slot != 7)
			abort();
		vm.cleared++;
		memset(vm.word, 0, sizeof(vm.word));
	} else {
		abort();
	}
	return fd == 42 ? 0 : -1;
}
static void rest(bool so) { vm.rests += so ? 1 : 100; }
int main(int argc, char **argv)
{
	struct log log = { .kind = log_kind(argv[1]), .split_kib = 2048, .vm = 42, .slot = 7, .rest = rest };
	struct logged found;

	vm.lose = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	log.gpa = 0x40000000;
	log.size = PAGES * PAGE;
	log.memory = memory = vmm_memory(log.size);
	if (!log.kind || !log_prepare(&log) || !log_copy(&log, &found))
		return 1;
	printf("split=%u manual=%u cleared=%u ", vm.enabled[0], vm.enabled[1], vm.cleared);
	printf("on=%u rests=%d copied=%zu again=%zu ", vm.on, vm.rests, found.copied, found.again);
	printf("differ=%zu blocks=%ld\n", found.differ, found.blocks_kib);
	return 0;
}
"""


@pytest.fixture(scope="module")
def log_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("log")
    (place / "drive.c").write_text(LOG)
    sources = (place / "drive.c", SOURCES / "linux/log.c", SOURCES / "lib/vmm.c")
    flags = (*FLAGS, f"-I{SOURCES}/linux", f"-I{SOURCES}/lib", "-Wl,--wrap=ioctl")
    command.run([HOSTCC, *flags, "-o", place / "drive", *sources], timeout_s=60)
    return place / "drive"


@pytest.mark.parametrize(
    ("kind", "manual", "cleared", "again"),
    [("automatic", 0, 0, 10), ("manual", 1, 5, 10), ("initially-set", 3, 6, 10)],
)
def test_a_log_that_names_all_gives_the_memory_as_it_is(
    log_program: Path, kind: str, manual: int, cleared: int, again: int
) -> None:
    """Five readings, each of two pages that were written, the last one with the guest at rest."""
    done = subprocess.run([log_program, kind], capture_output=True, timeout=30, check=True, text=True)
    assert done.stdout == (
        f"split=2097152 manual={manual} cleared={cleared} on=0 rests=102 copied=128 again={again} differ=0"
        " blocks=-1\n"
    )
    assert not done.stderr


@pytest.mark.parametrize("kind", ["automatic", "manual", "initially-set"])
def test_a_page_that_a_log_loses_is_told(log_program: Path, kind: str) -> None:
    done = subprocess.run([log_program, kind, "3"], capture_output=True, timeout=30, check=True, text=True)
    assert " differ=1 " in done.stdout
    assert done.stderr == "nvh-linux: the page at 0x40048000 is not in the log and has changed\n"


def test_another_word_is_no_kind_of_log(log_program: Path) -> None:
    assert subprocess.run([log_program, "none"], check=False, timeout=30).returncode == 1


USERFAULT = r"""
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "userfault.h"

#define PAGE 4096
#define SIZE (64 * PAGE)
int main(void)
{
	uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t wrong = 0, held = 0;
	unsigned char there[64];
	uint8_t *kept;
	long moved;

	if (!userfault_map(memory, SIZE))
		return 1;
	kept = mremap(memory, 0, SIZE, MREMAP_MAYMOVE); /* the same pages once more, as a shadow has them */
	for (size_t page = 0; page < 64; page += page % 3 ? 1 : 2)
		memset(memory + page * PAGE, (int)page + 1, PAGE);
	moved = userfault_move();
	mincore(memory, SIZE, there);
	for (size_t page = 0; page < 64; page++)
		held += there[page] & 1;
	for (size_t page = 0; page < 64; page += page % 3 ? 1 : 2)
		for (size_t at = 0; at < PAGE; at++)
			wrong += memory[page * PAGE + at] != page + 1;
	printf("held=%zu wrong=%zu ", held, wrong);
	printf("moved=%s ", moved == (long)held || !moved ? "all" : "not all"); /* none: not told a frame */
	printf("behind=%ld read=%x", userfault_behind(), kept[5 * PAGE + 3]);
	kept[5 * PAGE + 9]++;
	kept[7 * PAGE]++;
	memory[8 * PAGE]++;
	printf(" behind=%ld\n", userfault_behind());
	return 0;
}
"""


def test_memory_that_is_taken_away_comes_back_as_it_was(tmp_path: Path) -> None:
    """What the file never held it does not hold then, either. Who kept old pages still has them."""
    (tmp_path / "drive.c").write_text(USERFAULT)
    sources = [tmp_path / "drive.c", SOURCES / "linux/userfault.c", SOURCES / "linux/pagemap.c"]
    flags = (*FLAGS, f"-I{SOURCES}/linux")
    command.run([HOSTCC, *flags, "-o", tmp_path / "drive", *sources], timeout_s=60)
    done = subprocess.run([tmp_path / "drive"], capture_output=True, timeout=30, check=True, text=True)
    assert done.stdout == "held=43 wrong=0 moved=all behind=0 read=6 behind=2\n"


GUEST = r"""
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "userfault.h"

#define PAGE 4096
#define PAGES 512
static uint8_t *memory;
static volatile unsigned long rounds, lost;
static volatile int done;

/* Writes to every other page, and knows what it wrote. */
static void *guest(void *unused)
{
	unsigned char value = 0;

	while (!done) {
		for (size_t page = 0; page < PAGES; page += 2) {
			volatile uint8_t *at = memory + page * PAGE;

			lost += *at != value;
			*at = value + 1;
		}
		value++;
		rounds++;
	}
	return unused;
}

int main(void)
{
	unsigned long moves = 0, before;
	pthread_t thread;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!userfault_map(memory, PAGES * PAGE))
		return 1;
	memory[0] = 0;
	if (!userfault_start())
		return 2;
	pthread_create(&thread, NULL, guest, NULL);
	for (int i = 0; i < 10; i++) {
		for (before = rounds; rounds < before + 2;)
			usleep(100);
		moves += userfault_move() >= 0;
	}
	for (before = rounds; rounds < before + 2;)
		usleep(100);
	done = 1;
	pthread_join(thread, NULL);
	printf("moves=%lu lost=%lu behind=%ld ", moves, lost, userfault_behind());
	printf("missing=%lu minor=%lu\n", userfault_missing(), userfault_minor());
	return 0;
}
"""


def test_a_guest_whose_memory_is_taken_away_loses_nothing(tmp_path: Path) -> None:
    """Its 256 pages are asked for after each move, but one that it may use before all are watched."""
    (tmp_path / "drive.c").write_text(GUEST)
    sources = [tmp_path / "drive.c", SOURCES / "linux/userfault.c", SOURCES / "linux/pagemap.c"]
    command.run([HOSTCC, *FLAGS, f"-I{SOURCES}/linux", "-o", tmp_path / "drive", *sources], timeout_s=60)
    done = subprocess.run([tmp_path / "drive"], capture_output=True, timeout=60, check=False, text=True)
    if done.returncode == 2:
        pytest.skip("this machine gives us no userfaultfd")
    said, _, minor = done.stdout.rstrip().rpartition(" minor=")
    assert said == "moves=10 lost=0 behind=0 missing=255"
    assert 2550 <= int(minor) <= 2560

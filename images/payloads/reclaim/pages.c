// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-pages: at L0, does to pages of L1's memory what hosts do to pages: writes them to swap, merges them with equal ones
 * (KSM), moves them away from a frame that is about to fail (soft offline), or declares their frame broken (hard offline).
 * The pages are named by their addresses in L1's physical memory, as case pattern of nvh-kvm prints them; --plug says
 * how much of it virtio-mem may plug, by which its mapping is found. Once all are merged, KSM stops, and what is
 * waited for is that each gets a frame of its own again: L2 has written to it.
 * Exit: 0 it happened to each page, 1 not to all, 2 usage, 3 the kernel refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "mappings.h"
#include "number.h"

#define RAM_BASE 0x40000000ull /* of QEMU's machine virt */
#define PLUG_ALIGN (1ull << 30) /* where virtio-mem's memory begins, after L1's own */
#define PAGES_MAX 4096
#define PAGE 4096ull
/* /proc/PID/pagemap and /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst) */
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FRAME (~0ull >> 9) /* its bits 54 to 0 */
#define KPF_HWPOISON (1ull << 19)
#define KPF_KSM (1ull << 21)
#define KSM "/sys/kernel/mm/ksm/"

enum action { SWAP_OUT, MERGE, SOFT_OFFLINE, HARD_OFFLINE, ACTIONS };
static const char *const words[] = { "swap-out", "merge", "soft-offline", "hard-offline" };

struct page {
	uint64_t at, frame; /* address in the VMM, and its frame before */
};

static struct page page[PAGES_MAX];
static size_t pages;
static int pagemap = -1, flags = -1;

static int usage(void)
{
	fprintf(stderr, "usage: nvh-pages PID swap-out|merge|soft-offline|hard-offline --at PA+PAGES[,...] [--pages N]\n"
			"                 [--timeout S] [--plug MIB]\n");
	return 2;
}

static uint64_t entry_of(uint64_t at)
{
	uint64_t entry = 0;

	return pread(pagemap, &entry, sizeof(entry), (off_t)(at / PAGE * sizeof(entry))) == (ssize_t)sizeof(entry) ? entry : 0;
}

static uint64_t flags_of(uint64_t frame)
{
	uint64_t value = 0;

	return pread(flags, &value, sizeof(value), (off_t)(frame * sizeof(value))) == (ssize_t)sizeof(value) ? value : 0;
}

/* Whether it happened to the page by now. */
static bool done(enum action action, const struct page *p)
{
	uint64_t entry = entry_of(p->at);

	switch (action) {
	case SWAP_OUT: /* the guest may have it back already, in another frame */
		return (entry & SWAPPED) || ((entry & PRESENT) && (entry & FRAME) != p->frame);
	case MERGE:
		return (entry & PRESENT) && (flags_of(entry & FRAME) & KPF_KSM);
	default:
		return (flags_of(p->frame) & KPF_HWPOISON) && (!(entry & PRESENT) || (entry & FRAME) != p->frame);
	}
}

/* Whether a page that was merged is alone again. */
static bool broken(enum action action, const struct page *p)
{
	uint64_t entry = entry_of(p->at);

	(void)action;
	return (entry & PRESENT) && !(flags_of(entry & FRAME) & KPF_KSM);
}

/* How many pages are so, once all are or `end` has come. */
static size_t wait_for(bool (*so)(enum action, const struct page *), enum action action, time_t end)
{
	for (;;) {
		size_t n = 0;

		for (size_t i = 0; i < pages; i++)
			n += so(action, &page[i]);
		if (n == pages || time(NULL) >= end)
			return n;
		usleep(200000);
	}
}

static bool put(const char *path, uint64_t value)
{
	FILE *file = fopen(path, "we");
	bool fine = file && fprintf(file, "%lu\n", value) > 0;

	if (file && fclose(file))
		fine = false;
	if (!fine)
		fprintf(stderr, "nvh-pages: %s: %s\n", path, strerror(errno));
	return fine;
}

static bool offline(const char *how, uint64_t frame)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/%s_offline_page", how);
	return put(path, frame * PAGE);
}

static bool swap_out(unsigned pid)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	for (size_t i = 0; i < pages; i++) {
		struct iovec range = { (void *)page[i].at, PAGE };

		if (fd < 0 || syscall(SYS_process_madvise, fd, &range, 1ul, MADV_PAGEOUT, 0u) < 0) {
			fprintf(stderr, "nvh-pages: process_madvise: %s\n", strerror(errno));
			return false;
		}
	}
	return true;
}

static bool act(enum action action, unsigned pid)
{
	switch (action) {
	case SWAP_OUT:
		return swap_out(pid);
	case MERGE:
		return put(KSM "pages_to_scan", 20000) && put(KSM "sleep_millisecs", 5) && put(KSM "run", 1);
	default:
		for (size_t i = 0; i < pages; i++)
			if (!offline(action == SOFT_OFFLINE ? "soft" : "hard", page[i].frame))
				return false;
		return true;
	}
}

/* The mapping of this size, NULL if there is none or more than one. */
static const struct mapping *of_size(const struct mapping *all, size_t n, uint64_t size)
{
	const struct mapping *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (all[i].size == size) {
			if (found)
				return NULL;
			found = &all[i];
		}
	return found;
}

/* The address in the VMM of L1's page `pa`, 0 if it has none; `plug` may be NULL. */
static uint64_t address_of(uint64_t pa, const struct mapping *ram, const struct mapping *plug)
{
	uint64_t offset = pa - RAM_BASE, begin = (ram->size + PLUG_ALIGN - 1) / PLUG_ALIGN * PLUG_ALIGN;

	if (offset < ram->size)
		return ram->start + offset;
	if (plug && offset >= begin && offset - begin < plug->size)
		return plug->start + (offset - begin);
	return 0;
}

/* PA+PAGES[,PA+PAGES...]: the first `most` of them. */
static bool read_pages(char *text, const struct mapping *ram, const struct mapping *plug, size_t most)
{
	for (char *part = strtok(text, ","); part && pages < most; part = strtok(NULL, ",")) {
		char *plus = strchr(part, '+');
		uint64_t pa, n;

		if (!plus)
			return false;
		*plus = 0;
		if (!number_parse(part, 0, RAM_BASE, UINT64_MAX, &pa) || !number_parse(plus + 1, 10, 1, PAGES_MAX, &n))
			return false;
		for (uint64_t i = 0; i < n && pages < most; i++) {
			uint64_t at = address_of(pa + i * PAGE, ram, plug);

			if (!at)
				return false;
			page[pages++] = (struct page){ .at = at };
		}
	}
	return pages > 0;
}

int main(int argc, char **argv)
{
	static struct mapping mapping[MAPPINGS_MAX];
	const struct mapping *ram = mapping, *plug = NULL;
	unsigned pid, most = PAGES_MAX, timeout_s = 0, plug_mib = 0, action = ACTIONS;
	char *at = NULL, path[64];
	size_t happened, mappings;
	time_t end;

	if (argc < 5 || argc % 2 == 0 || !number_unsigned(argv[1], 1, INT_MAX, &pid))
		return usage();
	for (unsigned i = 0; i < ACTIONS; i++)
		action = strcmp(argv[2], words[i]) ? action : i;
	for (int i = 3; i < argc; i += 2) {
		if (!strcmp(argv[i], "--at"))
			at = argv[i + 1];
		else if (!(!strcmp(argv[i], "--pages") && number_unsigned(argv[i + 1], 1, PAGES_MAX, &most)) &&
			 !(!strcmp(argv[i], "--timeout") && number_unsigned(argv[i + 1], 0, 3600, &timeout_s)) &&
			 !(!strcmp(argv[i], "--plug") && number_unsigned(argv[i + 1], 1, 1 << 20, &plug_mib)))
			return usage();
	}
	if (action == ACTIONS || !at)
		return usage();
	snprintf(path, sizeof(path), "/proc/%u/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	mappings = mappings_read(pid, mapping);
	if (pagemap < 0 || flags < 0 || !mappings) {
		fprintf(stderr, "nvh-pages: process %u: %s\n", pid, strerror(errno));
		return 3;
	}
	if (plug_mib) {
		plug = of_size(mapping, mappings, (uint64_t)plug_mib << 20);
		if (!plug) {
			fprintf(stderr, "nvh-pages: process %u has not one mapping of %u MiB\n", pid, plug_mib);
			return 3;
		}
		ram += plug == mapping; /* the largest but that */
	}
	if (!read_pages(at, ram, plug, most)) {
		fprintf(stderr, "nvh-pages: %s is not in the memory of process %u\n", at, pid);
		return usage();
	}
	for (size_t i = 0; i < pages; i++) {
		uint64_t entry = entry_of(page[i].at);

		page[i].frame = entry & FRAME;
		if (!(entry & PRESENT) || !page[i].frame) {
			fprintf(stderr, "nvh-pages: page %zu is not in memory\n", i);
			return 3;
		}
	}
	if (!act(action, pid))
		return 3;
	end = time(NULL) + timeout_s;
	happened = wait_for(done, action, end);
	printf("action=%s pages=%zu happened=%zu", words[action], pages, happened);
	if (action == MERGE && happened == pages && put(KSM "run", 0))
		printf(" broken=%zu", wait_for(broken, action, end));
	putchar('\n');
	return happened == pages ? 0 : 1;
}

// SPDX-License-Identifier: GPL-2.0
/* Cases that split and collapse the huge pages behind the region. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* KiB of the mapping that huge pages back, from smaps; -1 when it cannot be told. */
static long huge_kib(const void *memory, size_t size)
{
	uintptr_t at = (uintptr_t)memory;
	FILE *file = fopen("/proc/self/smaps", "re");
	long total = -1, kib;
	char line[512];
	bool inside = false;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			inside = start < at + size && end > at;
		} else if (inside && sscanf(line, "AnonHugePages: %ld kB", &kib) == 1) {
			total = (total < 0 ? 0 : total) + kib;
		}
	}
	fclose(file);
	return total;
}

static bool call_failed(struct result *r, const char *what)
{
	return fail(r, "%s: %s", what, strerror(errno));
}

/* A vCPU that faults holds a reference to the page for a moment: EAGAIN. */
static bool try_collapse(void *memory, size_t size)
{
	for (int tries = 0; tries < 100; tries++) {
		if (!madvise(memory, size, MADV_COLLAPSE))
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			return false;
		usleep(2000);
	}
	return false;
}

/* The whole region as huge pages, its content `seed`, seen by the guest. */
static bool make_huge(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r,
		      unsigned long *huge)
{
	size_t size = o->pages * PAGE;
	uint64_t seed = fresh_seed();
	long kib;

	epoch_open(vm);
	/* In this order: the running guest may be the first to touch the region again. */
	if (madvise(memory, size, MADV_HUGEPAGE) || madvise(memory, size, MADV_DONTNEED))
		return call_failed(r, "MADV_HUGEPAGE");
	fill(memory, o->pages, seed);
	kib = huge_kib(memory, size);
	if (kib < (long)(size / 1024) && !try_collapse(memory, size))
		return call_failed(r, "no transparent huge page, and MADV_COLLAPSE");
	kib = huge_kib(memory, size);
	if (kib < (long)(size / 1024))
		return fail(r, "only %ld of %zu KiB in huge pages", kib, size / 1024);
	*huge += (unsigned long)kib;
	expect_seed(vm, seed);
	return epoch_control(vm, o, r);
}

static bool judge(struct vm *vm, const uint8_t *memory, const struct options *o, struct result *r)
{
	uint64_t epoch = epoch_judge(vm);

	if (!epoch_wait(vm, 2, o, r))
		return false;
	r->lost += stamps_missing(vm, memory, epoch);
	return true;
}

/* Split: every second page goes away (even iterations) or changes its protection and back (odd). */
static bool split(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r)
{
	uint64_t seed = fresh_seed();

	epoch_open(vm);
	for (size_t p = 0; p < o->pages; p++) {
		uint8_t *page = memory + p * PAGE;

		if (p % 2 == 0) {
			expect_page(vm, p, vm->control->expect[p]);
		} else if (r->iterations % 2 == 0) {
			if (!o->self_test && madvise(page, PAGE, MADV_DONTNEED))
				return call_failed(r, "MADV_DONTNEED");
			expect_page(vm, p, 0);
		} else {
			if (mprotect(page, PAGE, PROT_READ) || mprotect(page, PAGE, PROT_READ | PROT_WRITE))
				return call_failed(r, "mprotect");
			expect_page(vm, p, value_of(seed, p));
			if (o->self_test)
				continue;
			*(volatile uint64_t *)page = value_of(seed, p);
			*(volatile uint64_t *)(page + LAST_WORD) = value_of(seed, p);
		}
	}
	return judge(vm, memory, o, r);
}

static bool collapse(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r)
{
	size_t size = o->pages * PAGE;
	uint64_t seed = fresh_seed();

	/* Under the running guest, which is judged all the while: content must hold across the move. */
	epoch_open(vm);
	for (size_t p = 0; p < o->pages; p++)
		expect_page(vm, p, vm->control->expect[p]);
	epoch_judge(vm);
	if (!try_collapse(memory, size))
		return call_failed(r, "MADV_COLLAPSE");
	if (huge_kib(memory, size) < (long)(size / 1024))
		return fail(r, "MADV_COLLAPSE left small pages");
	if (!epoch_wait(vm, 2, o, r) || !judge(vm, memory, o, r))
		return false;
	/* The freed small pages still hold that content: only a change tells them from the new page. */
	epoch_open(vm);
	if (!o->self_test)
		fill(memory, o->pages, seed);
	expect_seed(vm, seed);
	return judge(vm, memory, o, r);
}

static bool thp(const struct options *o, struct result *r, bool then_collapse)
{
	uint8_t *memory = region_map(o->pages);
	unsigned long huge = 0;
	struct vm vm;
	bool ok;

	if (!memory)
		return fail(r, "no memory");
	if (o->pages % 512)
		return fail(r, "the region must be a multiple of 2 MiB");
	ok = case_begin(&vm, memory, o, r);
	while (ok && case_goes_on(o, r)) {
		ok = make_huge(&vm, memory, o, r, &huge) && split(&vm, memory, o, r) &&
		     (!then_collapse || collapse(&vm, memory, o, r));
		r->iterations++;
	}
	snprintf(r->extra, sizeof(r->extra), " huge_kib=%lu", huge);
	case_end(&vm, r);
	region_unmap(memory, o->pages);
	return ok;
}

bool case_thp_split(const struct options *o, struct result *r)
{
	return thp(o, r, false);
}

bool case_thp_collapse(const struct options *o, struct result *r)
{
	return thp(o, r, true);
}

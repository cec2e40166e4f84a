// SPDX-License-Identifier: GPL-2.0-only
/* Cases that split and collapse the huge pages behind the region. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "host.h"

static bool call_failed(struct result *r, const char *what)
{
	return fail(r, "%s: %s", what, strerror(errno));
}

/* The whole region as huge pages, its content `seed`, seen by the guest. */
static bool make_huge(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r,
		      unsigned long *huge)
{
	size_t size = o->pages * page_size;
	uint64_t seed = fresh_seed();
	long kib;

	epoch_open(vm);
	/* In this order: the running guest may be the first to touch the region again. */
	if (madvise(memory, size, MADV_HUGEPAGE) || madvise(memory, size, MADV_DONTNEED))
		return call_failed(r, "MADV_HUGEPAGE");
	fill(memory, o->pages, seed);
	kib = vmm_huge_kib(memory, size);
	if (kib < (long)(size / 1024) && !vmm_collapse(memory, size))
		return call_failed(r, "no transparent huge page, and MADV_COLLAPSE");
	kib = vmm_huge_kib(memory, size);
	if (kib < (long)(size / 1024))
		return fail(r, "only %ld of %zu KiB in huge pages", kib, size / 1024);
	*huge += (unsigned long)kib;
	expect_seed(vm, seed);
	return epoch_control(vm, o, r);
}

/* Split: every second page goes away (even iterations) or changes its protection and back (odd). */
static bool split(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r)
{
	uint64_t seed = fresh_seed();

	epoch_open(vm);
	for (size_t p = 0; p < o->pages; p++) {
		uint8_t *page = memory + p * page_size;

		if (p % 2 == 0) {
			expect_page(vm, p, vm->control->expect[p]);
		} else if (r->iterations % 2 == 0) {
			if (!o->self_test && madvise(page, page_size, MADV_DONTNEED))
				return call_failed(r, "MADV_DONTNEED");
			expect_page(vm, p, 0);
		} else {
			if (mprotect(page, page_size, PROT_READ) || mprotect(page, page_size, PROT_READ | PROT_WRITE))
				return call_failed(r, "mprotect");
			expect_page(vm, p, value_of(seed, p));
			if (o->self_test)
				continue;
			*(volatile uint64_t *)page = value_of(seed, p);
			*(volatile uint64_t *)(page + LAST_WORD) = value_of(seed, p);
		}
	}
	return epoch_changed(vm, memory, o, r);
}

static bool collapse(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r)
{
	size_t size = o->pages * page_size;
	uint64_t seed = fresh_seed();

	/* Under the running guest, which is judged all the while: content must hold across the move. */
	epoch_open(vm);
	for (size_t p = 0; p < o->pages; p++)
		expect_page(vm, p, vm->control->expect[p]);
	epoch_judge(vm);
	if (!vmm_collapse(memory, size))
		return call_failed(r, "MADV_COLLAPSE");
	if (vmm_huge_kib(memory, size) < (long)(size / 1024))
		return fail(r, "MADV_COLLAPSE left small pages");
	if (!epoch_wait(vm, 2, o, r) || !epoch_changed(vm, memory, o, r))
		return false;
	/* The freed small pages still hold that content: only a change tells them from the new page. */
	epoch_open(vm);
	if (!o->self_test)
		fill(memory, o->pages, seed);
	expect_seed(vm, seed);
	return epoch_changed(vm, memory, o, r);
}

struct huge {
	uint8_t *memory;
	bool then_collapse;
	unsigned long kib;
};

static bool thp_once(struct vm *vm, void *argument, const struct options *o, struct result *r)
{
	struct huge *kept = argument;

	return make_huge(vm, kept->memory, o, r, &kept->kib) && split(vm, kept->memory, o, r) &&
	       (!kept->then_collapse || collapse(vm, kept->memory, o, r));
}

static bool thp(const struct options *o, struct result *r, bool then_collapse)
{
	struct huge kept = { .memory = region_map(o->pages), .then_collapse = then_collapse };
	bool ok;

	if (o->pages * page_size % huge_size())
		return fail(r, "the region must be a multiple of %zu MiB", huge_size() >> 20);
	ok = case_changes(kept.memory, o, r, thp_once, &kept);
	snprintf(r->extra, sizeof(r->extra), " huge_kib=%lu", kept.kib);
	region_unmap(kept.memory, o->pages);
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

// SPDX-License-Identifier: GPL-2.0-only
/* Cases that change memory slots: removal, move, dirty logging. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host.h"

/* Pages that a pass visits while every access is an exit to this program. */
#define MMIO_PAGES 16

static size_t size_of(const struct options *o)
{
	return o->pages * page_size;
}

static bool kvm_failed(struct vm *vm, struct result *r)
{
	r->broken = true;
	return fail(r, "%s", vm->broken);
}

/* The memory behind the region now, and what comes next. */
struct two {
	void *now, *next;
};

/* A whole pass of writes that land in the new memory, and none in the old. */
static bool judge_two(struct vm *vm, const struct two *two, const struct options *o, struct result *r)
{
	uint64_t epoch = epoch_judge(vm);

	if (!epoch_wait(vm, 2, o, r))
		return false;
	r->lost += stamps_missing(vm, two->next, epoch);
	r->stale += stamps_present(vm, two->now, epoch);
	return true;
}

static void swap(struct two *two)
{
	*two = (struct two){ .now = two->next, .next = two->now };
}

static bool remove_once(struct vm *vm, void *kept, const struct options *o, struct result *r)
{
	size_t stride = o->pages / MMIO_PAGES ? o->pages / MMIO_PAGES : 1;
	uint64_t seed = fresh_seed(), mmio, epoch;
	struct two *two = kept;

	/* Gone: each access must leave the guest as MMIO. */
	epoch_open(vm);
	__atomic_store_n(&vm->mmio_seed, seed, __ATOMIC_RELEASE);
	cover(vm, r->iterations % stride, stride, true);
	if (!o->self_test && !vm_slot(vm, SLOT_REGION, REGION_GPA, 0, NULL, 0))
		return kvm_failed(vm, r);
	expect_seed(vm, seed);
	mmio = vm_mmio(vm);
	epoch = epoch_judge(vm);
	if (!epoch_wait(vm, 1, o, r))
		return false;
	if (!o->self_test && vm_mmio(vm) == mmio)
		return fail(r, "no MMIO exit after the slot was removed");
	r->stale += stamps_present(vm, two->now, epoch);

	/* Back, with other memory behind it. */
	epoch_open(vm);
	seed = fresh_seed();
	fill(two->next, o->pages, seed);
	cover(vm, 0, 1, true);
	if (!o->self_test && !vm_slot(vm, SLOT_REGION, REGION_GPA, size_of(o), two->next, 0))
		return kvm_failed(vm, r);
	expect_seed(vm, seed);
	if (!judge_two(vm, two, o, r))
		return false;
	swap(two);
	return true;
}

/*
 * KVM moves a slot by guest address only: the region's slot goes, and the slot aside, with memory of
 * its own, moves to the region. The slot ids swap roles each time.
 */
static bool move_once(struct vm *vm, void *kept, const struct options *o, struct result *r)
{
	bool odd = r->iterations % 2;
	enum slot here = odd ? SLOT_ASIDE : SLOT_REGION, aside = odd ? SLOT_REGION : SLOT_ASIDE;
	uint64_t seed = fresh_seed();
	struct two *two = kept;

	if (!r->iterations && !vm_slot(vm, SLOT_ASIDE, ASIDE_GPA, size_of(o), two->next, 0))
		return kvm_failed(vm, r);
	epoch_open(vm);
	fill(two->next, o->pages, seed);
	if (!o->self_test) {
		if (!vm_slot(vm, here, REGION_GPA, 0, NULL, 0) ||
		    !vm_slot(vm, aside, REGION_GPA, size_of(o), two->next, 0))
			return kvm_failed(vm, r);
	}
	expect_seed(vm, seed);
	if (!judge_two(vm, two, o, r))
		return false;
	if (!o->self_test && !vm_slot(vm, here, ASIDE_GPA, size_of(o), two->now, 0))
		return kvm_failed(vm, r);
	swap(two);
	return true;
}

static bool with_two(const struct options *o, struct result *r, change_once once)
{
	struct two two = { .now = region_map(o->pages), .next = region_map(o->pages) };
	bool ok = two.next ? case_changes(two.now, o, r, once, &two) : fail(r, "no memory");

	region_unmap(two.now, o->pages);
	region_unmap(two.next, o->pages);
	return ok;
}

bool case_memslot_remove(const struct options *o, struct result *r)
{
	return with_two(o, r, remove_once);
}

bool case_memslot_move(const struct options *o, struct result *r)
{
	return with_two(o, r, move_once);
}

/* Pages set in the dirty bitmap of the region; -1 on error. With `clear`, KVM_CLEAR_DIRTY_LOG protects. */
static long dirty_pages(struct vm *vm, const struct options *o, bool clear)
{
	size_t words = (o->pages + 63) / 64;
	uint64_t *bits = calloc(words, 8);
	struct kvm_dirty_log get = { .slot = SLOT_REGION, .dirty_bitmap = bits };
	struct kvm_clear_dirty_log cleared = { .slot = SLOT_REGION,
					       .num_pages = (uint32_t)o->pages,
					       .dirty_bitmap = bits };
	long n = -1;

	if (bits && !ioctl(vm->fd, KVM_GET_DIRTY_LOG, &get)) {
		n = 0;
		for (size_t i = 0; i < words; i++)
			n += __builtin_popcountl(bits[i]);
		/* KVM_CLEAR_DIRTY_LOG takes the bitmap as it was reported. */
		if (clear && ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &cleared))
			n = -1;
	}
	if (n < 0)
		vm_break(vm, "dirty log: %s", strerror(errno));
	free(bits);
	return n;
}

struct dirty {
	void *memory;
	bool clear;
	unsigned long reported, idle;
};

static bool clear_by_hand(struct vm *vm, struct result *r)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				      .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } };

	return !ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ||
	       fail(r, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: %s", strerror(errno));
}

static bool dirty_once(struct vm *vm, void *kept, const struct options *o, struct result *r)
{
	struct dirty *d = kept;
	/* The self-test's guest leaves pages unwritten that are then missing from the log. */
	size_t first = o->self_test ? 1 : 0;
	long n;

	if (d->clear && !r->iterations && !clear_by_hand(vm, r))
		return false;
	if (!vm_slot(vm, SLOT_REGION, REGION_GPA, size_of(o), d->memory, KVM_MEM_LOG_DIRTY_PAGES))
		return kvm_failed(vm, r);
	for (int round = 0; round < 3; round++) {
		/* The log was collected (or enabled) under the running writer; now a whole pass of writes. */
		epoch_open(vm);
		cover(vm, first, 1, true);
		epoch_judge(vm);
		if (!epoch_wait(vm, 1, o, r))
			return false;
		epoch_open(vm);
		n = dirty_pages(vm, o, d->clear);
		if (n < 0)
			return kvm_failed(vm, r);
		d->reported += (unsigned long)n;
		/* A write that is not reported went through a writable translation from before. */
		r->stale += o->pages - (size_t)n;
	}
	/* Readers only: the log must be able to say "clean", or the count above means nothing. */
	cover(vm, 0, 1, false);
	epoch_judge(vm);
	if (!epoch_wait(vm, 1, o, r))
		return false;
	epoch_open(vm);
	if (dirty_pages(vm, o, d->clear) < 0)
		return kvm_failed(vm, r);
	epoch_judge(vm);
	if (!epoch_wait(vm, 1, o, r))
		return false;
	n = dirty_pages(vm, o, d->clear);
	if (n < 0)
		return kvm_failed(vm, r);
	d->idle += (unsigned long)n;
	if ((size_t)n == o->pages)
		return fail(r, "every page is reported dirty while nobody writes");
	/* Off again under a running writer. */
	epoch_open(vm);
	cover(vm, 0, 1, true);
	epoch_judge(vm);
	if (!vm_slot(vm, SLOT_REGION, REGION_GPA, size_of(o), d->memory, 0))
		return kvm_failed(vm, r);
	return epoch_wait(vm, 1, o, r);
}

static bool dirty_log(const struct options *o, struct result *r, bool clear)
{
	struct dirty kept = { .memory = region_map(o->pages), .clear = clear };
	bool ok = case_changes(kept.memory, o, r, dirty_once, &kept);

	snprintf(r->extra, sizeof(r->extra), " reported=%lu idle_dirty=%lu", kept.reported, kept.idle);
	region_unmap(kept.memory, o->pages);
	return ok;
}

bool case_dirty_log(const struct options *o, struct result *r)
{
	return dirty_log(o, r, false);
}

bool case_dirty_log_clear(const struct options *o, struct result *r)
{
	return dirty_log(o, r, true);
}

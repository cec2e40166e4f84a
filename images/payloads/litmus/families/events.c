// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0's own events while L2 uses the memory: what KVM's memslots and MMU notifiers promise to L1 they promise to L2.
 * No TLBI of L1 is involved. l0-*: L2 uses it before and after, on the vCPU that asks for the event; l0-remote-*: all
 * the while, on another one.
 */
#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT 2
#define WRITTEN 0x77
#define VICTIM 1

/* ONLY_READ: L2 has only read the page before the memslot becomes read-only; READ_FIRST: it was so from the beginning. */
enum { DONTNEED, MOVE, DELETE, READ_ONLY, DIRTY, EVENTS, ONLY_READ = EVENTS, READ_FIRST, OWN_EVENTS };
static const char *const event_words[] = { "dontneed", "memslot-move", "memslot-delete", "memslot-read-only",
					   "dirty-log", "memslot-only-read", "memslot-read-first" };

uint64_t event_old(uint64_t offset)
{
	return value_at(EVENT_PA + offset);
}

uint64_t event_new(uint64_t offset)
{
	return ~event_old(offset);
}

static void put(uint8_t *memory, uint64_t offset, uint64_t value)
{
	memcpy(memory + offset, &value, sizeof(value));
}

/* Whether the dirty log has the page, and begin anew: KVM write-protects what it reports. */
static bool read_dirty(struct vm *vm, uint64_t offset, uint64_t *answer)
{
	static uint64_t bits[EVENT_SIZE / 4096 / 64]; /* one for each page of L0 */
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };
	uint64_t page = offset / (uint64_t)getpagesize();

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log)) {
		vm_break(vm, "KVM_GET_DIRTY_LOG: %s", strerror(errno));
		return false;
	}
	*answer = 1 + (bits[page / 64] >> page % 64 & 1);
	return true;
}

/* A slot of the same address can change its memory or become read-only by being made anew only. */
static bool slot(struct vm *vm, uint8_t *memory, uint32_t flags)
{
	if (vm->event_present && !vm_slot(vm, SLOT, EVENT_PA, 0, NULL, 0))
		return false;
	vm->event_present = memory;
	return !memory || vm_slot(vm, SLOT, EVENT_PA, EVENT_SIZE, memory, flags);
}

bool event_mmio(const struct vm *vm, struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr - EVENT_PA >= EVENT_SIZE)
		return false;
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &vm->mmio_value, sizeof(vm->mmio_value));
	return true;
}

static uint64_t changed(const struct vm *vm, uint64_t offset)
{
	static uint64_t last;
	uint64_t before = last;

	memcpy(&last, vm->event[0] + offset, sizeof(last));
	return last == before ? 1 : 2;
}

bool host_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer)
{
	*answer = 0;
	if (action == MIGRATE)
		return migrate_action(vm, offset, answer);
	if (action >= HUGE_SET_UP)
		return huge_action(vm, action, offset, answer);
	if (action >= WINDOW_OPEN)
		return window_action(vm, action, offset, answer);
	vm->mmio_value = event_new(offset);
	switch (action) {
	case EVENT_SET_UP:
		put(vm->event[0], offset, event_old(offset));
		put(vm->event[1], offset, event_new(offset));
		return slot(vm, vm->event[0], 0);
	case EVENT_DONTNEED:
		if (madvise(vm->event[0], EVENT_SIZE, MADV_DONTNEED)) {
			vm_break(vm, "MADV_DONTNEED: %s", strerror(errno));
			return false;
		}
		put(vm->event[0], offset, event_new(offset));
		return true;
	case EVENT_MOVE:
		return slot(vm, vm->event[1], 0);
	case EVENT_DELETE:
		return slot(vm, NULL, 0);
	case EVENT_READ_ONLY:
		return slot(vm, vm->event[0], KVM_MEM_READONLY);
	case EVENT_DIRTY_ON: /* flags alone may change in place */
		return vm_slot(vm, SLOT, EVENT_PA, EVENT_SIZE, vm->event[0], KVM_MEM_LOG_DIRTY_PAGES) &&
		       read_dirty(vm, offset, answer);
	case EVENT_DIRTY_READ:
		return read_dirty(vm, offset, answer);
	case EVENT_CHANGED:
		*answer = changed(vm, offset);
		return true;
	default:
		vm_break(vm, "the payload asks for action %lu", action);
		return false;
	}
}

void add_event(struct litmus *l, enum event_action action, uint64_t offset)
{
	struct step *s = add(l, 0, STEP_HOST);

	s->a = action;
	s->b = offset;
}

void expect_event(struct litmus *l, enum event_action action, uint64_t offset, uint64_t answer)
{
	add_event(l, action, offset);
	add_probe(l, 0, l->steps[0] - 1, ROLE_AFTER)->now = answer;
}

static void write_to(struct litmus *l, uint64_t ipa, uint64_t value)
{
	add_access(l, 0, ACCESS_WRITE, ipa, false, ROLE_DONE, 0, 0);
	l->vm->shared->program[0].step[l->steps[0] - 1].b = value;
}

static void build_event(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t leaf = 1ull << level_shift(l->shift, l->level), offset = leaf - (1ull << l->shift);
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), at = ipa + offset;
	bool skip = l->vm->shared->skip;

	add_event(l, EVENT_SET_UP, offset);
	if (l->variant == READ_FIRST && !skip)
		add_event(l, EVENT_READ_ONLY, offset);
	add_context(l, 0, VMID, 0, false, true);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, event_old(offset), 0);
	switch (l->variant) {
	case DONTNEED:
	case MOVE:
	case DELETE:
		if (!skip)
			add_event(l, actions[l->variant], offset);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	case READ_ONLY:
		write_to(l, at, event_old(offset)); /* writable up to now */
		if (!skip)
			add_event(l, EVENT_READ_ONLY, offset);
		write_to(l, at, WRITTEN);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, WRITTEN, event_old(offset));
		break;
	case ONLY_READ:
		if (!skip)
			add_event(l, EVENT_READ_ONLY, offset);
		/* fall through */
	case READ_FIRST:
		write_to(l, at, WRITTEN);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, WRITTEN, event_old(offset));
		break;
	case DIRTY: /* 1: not dirty, 2: dirty */
		write_to(l, at, WRITTEN);
		add_event(l, EVENT_DIRTY_ON, offset);
		expect_event(l, EVENT_DIRTY_READ, offset, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (!skip)
				write_to(l, at, WRITTEN);
			expect_event(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	}
	add_cleanup(l, 0, ipa, l->level, 1);
}

static void victim(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	add_sample(l, VICTIM, at, role, old, now);
}

/* Two samples are four rounds of the victim: what it does after an event it does in full. */
static void build_remote(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t leaf = 1ull << level_shift(l->shift, l->level), offset = leaf - (1ull << l->shift);
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), at = ipa + offset;
	bool skip = l->vm->shared->skip, reads = l->variant < READ_ONLY || (skip && l->variant == DIRTY);

	add_event(l, EVENT_SET_UP, offset);
	add_context(l, 0, VMID, 0, false, true);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_spin(l, VICTIM, 0, at, reads ? SPIN_L2 : SPIN_L2_WRITE);
	switch (l->variant) {
	case READ_ONLY: /* each write changes the memory up to the event, and none after it */
		add_event(l, EVENT_CHANGED, offset);
		victim(l, at, ROLE_DONE, 0, 0);
		expect_event(l, EVENT_CHANGED, offset, 2);
		if (!skip)
			add_event(l, EVENT_READ_ONLY, offset);
		add_event(l, EVENT_CHANGED, offset);
		victim(l, at, ROLE_DONE, 0, 0);
		expect_event(l, EVENT_CHANGED, offset, 1);
		break;
	case DIRTY: /* each time the log is read the page has been written since */
		victim(l, at, ROLE_DONE, 0, 0);
		add_event(l, EVENT_DIRTY_ON, offset);
		for (unsigned i = 0; i < 3; i++) {
			victim(l, at, ROLE_DONE, 0, 0);
			expect_event(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	default:
		victim(l, at, ROLE_BEFORE, event_old(offset), 0);
		if (!skip)
			add_event(l, actions[l->variant], offset);
		victim(l, at, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	}
	add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, l->level, 1);
}

static void add_events(struct list *list, struct litmus l, const char *family)
{
	for (l.variant = 0; l.variant < (*family ? EVENTS : OWN_EVENTS); l.variant++)
		list_add(list, &l, "l0-%s%s/%s/%s", family, event_words[l.variant], granule_word(l.shift),
			 size_word(leaf_size(&l)));
}

void cases_events(struct list *list)
{
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned level = shift == 16 ? 3 : 2; level <= 3; level++) {
			struct litmus l = { .op = NO_OPERATION,
					    .config = { .cpus = 1 },
					    .build = build_event,
					    .regime = "el1&0-stage2",
					    .shift = shift,
					    .level = level,
					    .slow = true };

			add_events(list, l, "");
			l.build = build_remote;
			l.config.cpus = 2;
			add_events(list, l, "remote-");
		}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0's own events while L2 uses the memory: what KVM's memslots and MMU notifiers promise to L1 they promise to L2.
 * No TLBI of L1 is involved. l0-*: L2 uses it before and after, on the vCPU that asks for the event; l0-off-*: with no
 * stage 2 of L1; l0-remote-*: all the while, on another one.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"

#define WRITTEN 0x77
#define VICTIM 1

/* ONLY_READ: L2 has only read the page before the memslot becomes read-only; READ_FIRST: it was so from the beginning. */
enum { DONTNEED, MOVE, DELETE, READ_ONLY, DIRTY, EVENTS, ONLY_READ = EVENTS, READ_FIRST, OWN_EVENTS };
static const char *const event_words[] = { "dontneed", "memslot-move", "memslot-delete", "memslot-read-only",
					   "dirty-log", "memslot-only-read", "memslot-read-first" };

static void build_event(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t leaf = 1ull << level_shift(l->shift, l->level), offset = leaf - (1ull << l->shift);
	uint64_t ipa = l->no_stage2 ? EVENT_PA : fresh_ipa(l->shift, l->level, 1), at = ipa + offset;
	bool skip = l->vm->shared->skip;

	add_host(l, EVENT_SET_UP, offset);
	if (l->variant == READ_FIRST && !skip)
		add_host(l, EVENT_READ_ONLY, offset);
	add_context(l, 0, VMID, 0, false, !l->no_stage2);
	if (!l->no_stage2)
		add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, event_old(offset), 0);
	switch (l->variant) {
	case DONTNEED:
	case MOVE:
	case DELETE:
		if (!skip)
			add_host(l, actions[l->variant], offset);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	case READ_ONLY:
		add_store(l, 0, at, false, event_old(offset)); /* writable up to now */
		if (!skip)
			add_host(l, EVENT_READ_ONLY, offset);
		add_store(l, 0, at, false, WRITTEN);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, WRITTEN, event_old(offset));
		break;
	case ONLY_READ:
		if (!skip)
			add_host(l, EVENT_READ_ONLY, offset);
		/* fall through */
	case READ_FIRST:
		add_store(l, 0, at, false, WRITTEN);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, WRITTEN, event_old(offset));
		break;
	case DIRTY: /* 1: not dirty, 2: dirty */
		add_store(l, 0, at, false, WRITTEN);
		add_host(l, EVENT_DIRTY_ON, offset);
		expect_host(l, EVENT_DIRTY_READ, offset, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (!skip)
				add_store(l, 0, at, false, WRITTEN);
			expect_host(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	}
	if (!l->no_stage2)
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

	add_host(l, EVENT_SET_UP, offset);
	add_context(l, 0, VMID, 0, false, true);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_spin(l, VICTIM, 0, at, reads ? SPIN_L2 : SPIN_L2_WRITE);
	switch (l->variant) {
	case READ_ONLY: /* each write changes the memory up to the event, and none after it */
		add_host(l, EVENT_CHANGED, offset);
		victim(l, at, ROLE_DONE, 0, 0);
		expect_host(l, EVENT_CHANGED, offset, 2);
		if (!skip)
			add_host(l, EVENT_READ_ONLY, offset);
		add_host(l, EVENT_CHANGED, offset);
		victim(l, at, ROLE_DONE, 0, 0);
		expect_host(l, EVENT_CHANGED, offset, 1);
		break;
	case DIRTY: /* each time the log is read the page has been written since */
		victim(l, at, ROLE_DONE, 0, 0);
		add_host(l, EVENT_DIRTY_ON, offset);
		for (unsigned i = 0; i < 3; i++) {
			victim(l, at, ROLE_DONE, 0, 0);
			expect_host(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	default:
		victim(l, at, ROLE_BEFORE, event_old(offset), 0);
		if (!skip)
			add_host(l, actions[l->variant], offset);
		victim(l, at, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	}
	add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, l->level, 1);
}

/* Without a stage 2 L1's granule makes no difference. */
static void add_off(struct list *list, struct litmus l)
{
	l.no_stage2 = true;
	for (l.variant = 0; l.variant < OWN_EVENTS; l.variant++)
		list_add(list, &l, "l0-off-%s", event_words[l.variant]);
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
			if (shift == 12 && level == 3)
				add_off(list, l);
			l.build = build_remote;
			l.config.cpus = 2;
			add_events(list, l, "remote-");
		}
}

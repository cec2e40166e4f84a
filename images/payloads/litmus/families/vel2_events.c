// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0's own events while vEL2 itself uses the memory, by its own stage 1 and L1's stage 2 of L0: no L2 runs. l0-vel2-*: on the vCPU that
 * asks for the event; l0-vel2-remote-*: all the while, on another one. In "replace" L0 takes one page away and leaves the page
 * beside it, so that no table of stage 2 goes with it: what combines both stages is then for L0 to invalidate on its own account.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"

#define VICTIM 1
#define OFFSET 0x50000 /* of the page, for any granule of L0 */
#define BESIDE 0x10000

enum { REPLACE, DONTNEED, REMOTE_EVENTS, MOVE = REMOTE_EVENTS, DELETE, READ_ONLY, DIRTY, EVENTS };
static const char *const event_words[EVENTS] = { "replace",	   "dontneed",		"memslot-move",
						 "memslot-delete", "memslot-read-only", "dirty-log" };

static void look(struct litmus *l, enum role role, uint64_t old, uint64_t now)
{
	if (l->config.cpus > VICTIM)
		add_sample(l, VICTIM, EVENT_PA + OFFSET, role, old, now);
	else
		add_read(l, EVENT_PA + OFFSET, role, old, now);
}

static void build_event(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_REPLACE, EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t old = event_old(OFFSET), now = event_new(OFFSET);
	bool skip = l->vm->shared->skip;

	add_host(l, EVENT_SET_UP, OFFSET);
	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, EVENT_PA + OFFSET + BESIDE, 1);
	if (l->config.cpus > VICTIM)
		add_spin(l, VICTIM, 0, EVENT_PA + OFFSET, SPIN_VEL2);
	look(l, ROLE_BEFORE, old, 0);
	switch (l->variant) {
	case READ_ONLY: /* the write is the VMM's, which ignores it */
		add_poke(l, EVENT_PA + OFFSET, old); /* writable up to now */
		if (!skip)
			add_host(l, EVENT_READ_ONLY, OFFSET);
		add_poke(l, EVENT_PA + OFFSET, now);
		look(l, ROLE_AFTER, now, old);
		break;
	case DIRTY: /* 1: not dirty, 2: dirty */
		add_poke(l, EVENT_PA + OFFSET, old);
		add_host(l, EVENT_DIRTY_ON, OFFSET);
		expect_host(l, EVENT_DIRTY_READ, OFFSET, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (!skip)
				add_poke(l, EVENT_PA + OFFSET, now);
			expect_host(l, EVENT_DIRTY_READ, OFFSET, 2);
		}
		break;
	default:
		if (!skip)
			add_host(l, actions[l->variant], OFFSET);
		look(l, ROLE_AFTER, old, now);
	}
	if (l->config.cpus > VICTIM)
		add_stop(l, VICTIM);
}

void cases_vel2_events(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .build = build_event, .regime = "el2&0", .shift = 12, .level = 3, .vel2 = true
	};

	for (l.config.cpus = 1; l.config.cpus <= 2; l.config.cpus++)
		for (l.variant = 0; l.variant < (l.config.cpus > VICTIM ? REMOTE_EVENTS : EVENTS); l.variant++) {
			l.config.no_l2 = true;
			list_add(list, &l, "l0-vel2-%s%s", l.config.cpus > VICTIM ? "remote-" : "",
				 event_words[l.variant]);
		}
}

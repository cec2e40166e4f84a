// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0 changes a part of a huge page under an L2 that uses all of it through a block at both stages: the block has to
 * be split, or dropped, and what is left must be what L0's memory is. A page, its neighbour and the last page of the
 * huge page are looked at. l0-huge-remote-*: meanwhile another vCPU stays inside L2 and reads the changed page.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/huge.h"
#include "host/program.h"

#define CHANGED 5  /* the page that L0 changes */
#define LAST (HUGE_BLOCK / HUGE_PAGE - 1)
#define VICTIM 1

static const unsigned pages[] = { CHANGED, CHANGED + 1, LAST };
#define PAGES (sizeof(pages) / sizeof(*pages))

static void expect_answer(struct litmus *l, enum huge_action action, uint64_t offset, enum role role, uint64_t answer)
{
	struct probe *p;

	add_host(l, action, offset);
	p = add_probe(l, 0, l->steps[0] - 1, role);
	p->at = EVENT_PA + offset;
	p->old = p->now = answer;
}

/* What L2 reads of all the pages: `value` of the changed one, and the others as they were. */
static void look(struct litmus *l, uint64_t ipa, enum role role, uint64_t value)
{
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t offset = pages[i] * HUGE_PAGE, want = i ? event_old(offset) : value;

		add_access(l, 0, ACCESS_READ, ipa + offset, false, role, want, want);
		if (!i && l->config.cpus > VICTIM)
			add_sample(l, VICTIM, ipa + offset, role, want, want);
	}
}

enum { DONTNEED, PROTECT, DIRTY, COLLAPSE, FORK, EVENTS };
static const char *const event_words[] = { "dontneed", "mprotect", "dirty-log", "collapse", "fork" };

static void split(struct litmus *l, uint64_t ipa, uint64_t offset, bool skip)
{
	switch (l->variant) {
	case DONTNEED:
	case COLLAPSE:
		if (!skip || l->variant == COLLAPSE)
			add_host(l, HUGE_DONTNEED, offset);
		look(l, ipa, ROLE_AFTER, event_new(offset));
		if (l->variant == DONTNEED)
			break;
		if (!skip)
			expect_answer(l, HUGE_COLLAPSE, offset, ROLE_BEFORE, 1);
		look(l, ipa, ROLE_AFTER, HUGE_WRITTEN);
		break;
	case PROTECT: /* L2 may write the neighbour as before, and the page itself only once it is writable again */
		add_store(l, 0, ipa + offset, false, event_old(offset));
		if (!skip)
			add_host(l, HUGE_PROTECT, offset);
		look(l, ipa, ROLE_AFTER, event_old(offset));
		add_store(l, 0, ipa + offset + HUGE_PAGE, false, event_old(offset + HUGE_PAGE));
		expect_answer(l, HUGE_REFUSED, offset, ROLE_DONE, 0);
		add_store(l, 0, ipa + offset, false, HUGE_WRITTEN);
		expect_answer(l, HUGE_REFUSED, offset, ROLE_AFTER, 1);
		expect_answer(l, HUGE_READ, offset, ROLE_AFTER, HUGE_WRITTEN);
		break;
	case DIRTY: /* 1: not dirty, 2: dirty; a block that is left writable hides the second page's writes */
		add_store(l, 0, ipa + offset, false, HUGE_WRITTEN);
		add_store(l, 0, ipa + offset + HUGE_PAGE, false, event_old(offset + HUGE_PAGE));
		add_host(l, EVENT_DIRTY_ON, offset);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t of = offset + i % 2 * HUGE_PAGE;

			if (!skip)
				add_store(l, 0, ipa + of, false, i % 2 ? event_old(of) : HUGE_WRITTEN);
			expect_host(l, EVENT_DIRTY_READ, of, 2);
		}
		look(l, ipa, ROLE_AFTER, HUGE_WRITTEN);
		break;
	case FORK: /* what L2 writes is L1's alone; the child keeps what was there */
		add_store(l, 0, ipa + offset, false, event_old(offset));
		if (skip)
			add_store(l, 0, ipa + offset, false, HUGE_WRITTEN); /* too early */
		add_host(l, HUGE_FORK, offset);
		look(l, ipa, ROLE_AFTER, skip ? HUGE_WRITTEN : event_old(offset));
		add_store(l, 0, ipa + offset, false, HUGE_WRITTEN);
		look(l, ipa, ROLE_AFTER, HUGE_WRITTEN);
		expect_answer(l, HUGE_CHILD, offset, ROLE_AFTER, event_old(offset));
		expect_answer(l, HUGE_READ, offset, ROLE_AFTER, HUGE_WRITTEN);
		break;
	}
}

static void build_huge(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, 2, 1), offset = CHANGED * HUGE_PAGE;

	add_host(l, EVENT_SET_UP, offset);
	expect_answer(l, HUGE_SET_UP, offset, ROLE_BEFORE, 1);
	add_context(l, 0, VMID, 0, false, true);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, 2, PTE_S2_R | PTE_S2_W), 2);
	if (l->config.cpus > VICTIM)
		add_spin(l, VICTIM, 0, ipa + offset, SPIN_L2);
	look(l, ipa, ROLE_BEFORE, event_old(offset));
	split(l, ipa, offset, l->vm->shared->skip);
	if (l->config.cpus > VICTIM)
		add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, 2, 1);
}

void cases_huge(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1 },
			    .build = build_huge,
			    .regime = "el1&0-stage2",
			    .shift = 12,
			    .level = 2,
			    .small_pages = true,
			    .slow = true };

	for (l.config.cpus = 1; l.config.cpus <= 2; l.config.cpus++)
		for (l.variant = 0; l.variant < EVENTS; l.variant++)
			list_add(list, &l, "l0-huge-%s%s", l.config.cpus > VICTIM ? "remote-" : "",
				 event_words[l.variant]);
}

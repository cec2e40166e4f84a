// SPDX-License-Identifier: GPL-2.0-only
/*
 * l0-log-unmap: L1 takes a leaf of stage 2 away while L0 keeps a dirty log of the memory behind it, so that of a block the shadow has
 * pages, which L0 brought before the log began, after it, or by a write. What an operation for an IPA obliges does not depend on that.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"

enum { FIRST, MIDDLE, LAST, POSITIONS };
static const char *const position_words[] = { "first", "middle", "last" };
static const int used[] = { FIRST, LAST }; /* by L2 */

/* When the shadow gets its pages, against the beginning of the log. */
enum { FRESH, MAPPED, WRITTEN, ORDERS };
static const char *const order_words[] = { "fresh", "mapped", "written" };

static uint64_t offset_of(const struct litmus *l, int position)
{
	uint64_t page = 1ull << l->shift;

	return position == FIRST ? 0 : position == MIDDLE ? (leaf_size(l) / 2) & ~(page - 1) : leaf_size(l) - page;
}

static uint64_t before_of(const struct litmus *l, uint64_t offset)
{
	return l->variant == WRITTEN ? ~event_old(offset) : event_old(offset);
}

static void look(struct litmus *l, uint64_t ipa, enum role role, bool now)
{
	for (unsigned i = 0; i < sizeof(used) / sizeof(*used); i++) {
		uint64_t at = offset_of(l, used[i]);

		add_access(l, 0, ACCESS_READ, ipa + at, false, role, before_of(l, at), now ? value_at(DATA_PA + at) : 0);
	}
}

static void take_away(struct litmus *l, uint64_t ipa)
{
	uint64_t operand =
		operand_address(false, ipa + offset_of(l, l->position), 0, ttl_for(l->shift, l->hint ? l->level : 0));
	bool must = stage2_obliged(l, operand, ipa, l->level);

	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	look(l, ipa, ROLE_STALE, false);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	look(l, ipa, must ? ROLE_GONE : ROLE_FREE, false);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	if (must)
		look(l, ipa, ROLE_AFTER, true);
	add_cleanup(l, 0, ipa, l->level, 1);
}

static void begin(struct litmus *l, uint64_t ipa)
{
	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < sizeof(used) / sizeof(*used); i++) {
		uint64_t at = offset_of(l, used[i]);

		add_poke(l, EVENT_PA + at, event_old(at));
		add_poke(l, DATA_PA + at, value_at(DATA_PA + at));
	}
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
}

static void build_logged(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1);

	add_host(l, EVENT_SET_UP, 0);
	begin(l, ipa);
	for (unsigned i = 0; l->variant != FRESH && i < sizeof(used) / sizeof(*used); i++)
		add_access(l, 0, ACCESS_READ, ipa + offset_of(l, used[i]), false, ROLE_AFTER, 0,
			   event_old(offset_of(l, used[i])));
	add_host(l, EVENT_DIRTY_ON, 0);
	for (unsigned i = 0; l->variant == WRITTEN && i < sizeof(used) / sizeof(*used); i++) {
		uint64_t at = offset_of(l, used[i]);

		add_store(l, 0, ipa + at, false, before_of(l, at));
	}
	look(l, ipa, ROLE_BEFORE, false);
	take_away(l, ipa);
}

static void add_logged(struct list *list, struct litmus l)
{
	l.build = build_logged;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.level = l.shift == 16 ? 3 : 2; l.level <= 3; l.level++)
			for (l.position = FIRST; l.position < (l.level == 2 ? (int)POSITIONS : 1); l.position++)
				for (l.variant = FRESH; l.variant < ORDERS; l.variant++)
					for (l.hint = 0; l.hint < 2; l.hint++)
						list_add(list, &l, "l0-log-unmap/%s/%s/%s-%s/%s-%s",
							 operations[l.op].name, granule_word(l.shift),
							 size_word(leaf_size(&l)), position_words[l.position],
							 order_words[l.variant], l.hint ? "ttl" : "no-ttl");
}

void cases_event_unmap(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		struct litmus l = { .op = op, .config = { .cpus = 1 }, .regime = "el1&0-stage2", .own = true, .slow = true };

		if (operations[op].family != ipas2e1 || operations[op].operand != IPA || operations[op].nxs ||
		    operations[op].scope == OS)
			continue;
		add_logged(list, l);
	}
}

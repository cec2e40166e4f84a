// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0 has a huge page where L1 maps a page of it alone: the shadow may be no larger than L1's leaf. L1 gives the next IPA
 * another page, and the one after that none; an operation for the page takes that away and leaves the next one.
 */
#include "families/families.h"
#include "host/program.h"

#define AT 3u /* of the pages in L0's huge page, the one that L1 maps at its own offset */

static uint64_t page_of(const struct litmus *l, uint64_t base, unsigned n)
{
	return base + ((uint64_t)n << l->shift);
}

static void build_fine(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, 2, 1), at = page_of(l, ipa, AT);
	uint64_t pa = page_of(l, DATA_PA, AT), next = page_of(l, DATA_PA, AT + 1), beyond = page_of(l, DATA_PA, AT + 2);
	uint64_t other = DATA_PA + (8ull << 20), now = other + (1ull << l->shift), all = PTE_S2_R | PTE_S2_W;
	uint64_t operand = operand_whole(l, at, 0, l->hint ? l->level : 0);
	bool must = stage2_obliged(l, operand, at, l->level);

	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < 3; i++)
		add_poke(l, page_of(l, pa, i), value_at(page_of(l, pa, i)));
	add_poke(l, other, value_at(other));
	add_poke(l, now, value_at(now));
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, l->level, all), l->level);
	add_write(l, STEP_S2, 0, page_of(l, at, 1), leaf_s2(other, l->level, all), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, value_at(pa), 0);
	add_access(l, 0, ACCESS_READ, page_of(l, at, 1), false, ROLE_AFTER, value_at(next), value_at(other));
	add_access(l, 0, ACCESS_READ, page_of(l, at, 2), false, ROLE_GONE, value_at(beyond), 0);
	add_write(l, STEP_S2, 0, at, 0, l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_STALE, value_at(pa), 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, ACCESS_READ, at, false, must ? ROLE_GONE : ROLE_FREE, value_at(pa), 0);
	add_write(l, STEP_S2, 0, at, leaf_s2(now, l->level, all), l->level);
	if (must)
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa), value_at(now));
	add_access(l, 0, ACCESS_READ, page_of(l, at, 1), false, ROLE_AFTER, value_at(next), value_at(other));
	add_cleanup(l, 0, at, l->level, 2);
}

void cases_fine(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++)
		for (unsigned shift = 12; operations[op].family == ipas2e1 && shift <= 16; shift += 2) {
			struct litmus l = { .op = op,
					    .config = { .cpus = 1, .spare = 2, .huge = true },
					    .build = build_fine,
					    .regime = "el1&0-stage2",
					    .shift = shift,
					    .level = 3,
					    .small_pages = true };

			for (l.hint = 0; l.hint < 2; l.hint++)
				list_add(list, &l, "s2-fine/%s/%s/%s", operations[op].name, granule_word(shift),
					 l.hint ? "ttl" : "no-ttl");
		}
}

// SPDX-License-Identifier: GPL-2.0-only
#include "families/two_tables.h"

static uint64_t page_of(const struct litmus *l, unsigned ctx)
{
	return DATA_PA + ctx * leaf_size(l);
}

void two_tables_map(struct litmus *l, unsigned ctx, uint64_t ipa)
{
	uint64_t pa = page_of(l, ctx);

	add_poke(l, pa, value_at(pa));
	add_write(l, STEP_S2, ctx, ipa, leaf_s2(pa, l->level, PTE_S2_R | PTE_S2_W), l->level);
}

void two_tables_invalidate(struct litmus *l, uint64_t ipa, uint64_t operand)
{
	bool must = stage2_obliged(l, operand, ipa, l->level);

	for (unsigned ctx = 0; ctx < 2; ctx++) {
		uint64_t old = value_at(page_of(l, ctx));

		add_access(l, ctx, ACCESS_READ, ipa, false, ROLE_BEFORE, old, 0);
		add_write(l, STEP_S2, ctx, ipa, 0, l->level);
		add_access(l, ctx, ACCESS_READ, ipa, false, ROLE_STALE, old, 0);
		add_tlbi(l, ctx, op_named("vmalle1is"), 0, 0);
	}
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, ipa, false, must ? ROLE_GONE : ROLE_FREE, value_at(page_of(l, ctx)), 0);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "families/known.h"

struct known known_page(struct litmus *l, uint64_t s1_more, uint64_t table_more)
{
	uint64_t page = 1ull << l->shift, low = fresh_ipa(l->shift, 2, 1);
	struct known k = { .va = place_va(l, low, input_bits(l->shift)), .ipa = fresh_ipa(12, 3, 2), .table = fresh_ipa(12, 3, 2) };
	uint64_t descriptor = leaf_s1(k.ipa, 3, s1_more);

	add_context(l, 0, VMID, ASID_KNOWN, true, true);
	if (l->place != PLACE_LOW)
		context_high(l, 0);
	/* The second table has the other page. */
	add_poke(l, TABLE_PA, descriptor);
	add_poke(l, TABLE_NEXT_PA, leaf_s1(k.ipa + page, 3, s1_more));
	for (uint64_t pa = PAGE_PA; pa <= PAGE_NEXT_PA; pa += PAGE_NEXT_PA - PAGE_PA)
		add_poke(l, pa, value_at(pa));
	add_write(l, STEP_S1, 0, k.va, k.table | PTE_VALID | PTE_TABLE | table_more, 2);
	k.va += page - 0x1000;
	k.ipa += page - 0x1000;
	known_stage2(l, k.table, TABLE_PA, PTE_S2_R | PTE_S2_W, 0);
	known_stage2(l, k.ipa, PAGE_PA, PTE_S2_R | PTE_S2_W, 0);
	known_stage2(l, k.ipa + page, PAGE_NEXT_PA, PTE_S2_R | PTE_S2_W, 0);
	return k;
}

void known_stage2(struct litmus *l, uint64_t ipa, uint64_t to, uint64_t permissions, uint64_t without)
{
	add_write(l, STEP_S2, 0, ipa, to ? leaf_s2(to, 3, permissions) & ~without : 0, 3);
}

void known_forget(struct litmus *l, unsigned op, uint64_t ipa, uint32_t flags)
{
	const struct operation *o = &operations[op];
	uint64_t operand = o->operand == IPA ? operand_address(false, ipa, 0, 0) :
			   o->operand == IPA_RANGE ? operand_range(ipa, 12, 0, 0, 0, 0) : 0;

	add_tlbi(l, 0, op, operand, flags);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

void known_end(struct litmus *l, const struct known *k)
{
	const uint64_t leaves[] = { k->table, k->ipa, k->ipa + (1ull << l->shift) };

	for (unsigned i = 0; i < sizeof(leaves) / sizeof(*leaves); i++) {
		known_stage2(l, leaves[i], 0, 0, 0);
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, leaves[i], 0, 0), 0);
	}
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

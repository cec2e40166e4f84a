// SPDX-License-Identifier: GPL-2.0-only
/*
 * at-size: AT where an address of stage 1 has a bit that TCR_EL1.IPS does not: each bit from the output size to bit 47 alone, for sizes of 36
 * to 44 bits, in TTBR0_EL1 or TTBR1_EL1, a table descriptor of level 2 and a leaf. That is an Address size fault of level 0, of
 * the table's, or of the leaf's; with the highest bit that there is the leaf is an address (Arm ARM DDI 0487 M.a.a, D8.2.12, D8.15.5, D24.2
 * PAR_EL1, TCR_EL1).
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

enum { BASE, TABLE, LEAF, WHERES };
static const char *const where_words[WHERES] = { "base", "table", "leaf" };
static const unsigned sizes[] = { 36, 40, 42, 44 }; /* by TCR_EL1.IPS from 1 on */
#define SIZES 4u
#define TOP 48u

static void fails(struct litmus *l, uint64_t va, unsigned level)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, va, AT_FAILED(AT_ADDRESS_SIZE, level));
}

/* struct litmus.num: the size; position: the bit of a base. --self-test: without the bit. */
static void build_size(struct litmus *l)
{
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
	struct known k = known_page(l, bits, 0);
	struct context *c = &l->vm->shared->context[0];
	uint64_t leaf = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits), table = k.table | PTE_VALID | PTE_TABLE;
	bool skip = l->vm->shared->skip;

	c->tcr = (c->tcr & ~TCR_IPS) | PLACE(TCR_IPS, l->num + 1);
	if (l->variant == BASE) {
		c->ttbr0 |= skip ? 0 : 1ull << l->position;
		c->ttbr1 |= skip ? 0 : 1ull << l->position;
		fails(l, k.va, 0);
	}
	for (unsigned bit = sizes[l->num] - (l->variant == LEAF); l->variant != BASE && bit < TOP; bit++) {
		uint64_t more = skip ? 0 : 1ull << bit;

		if (l->variant == LEAF) {
			add_poke(l, TABLE_PA, leaf | more);
		} else {
			add_write(l, STEP_S1, 0, k.va, 0, 2);
			add_write(l, STEP_S1, 0, k.va, table | more, 2);
		}
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		if (bit >= sizes[l->num])
			fails(l, k.va, l->variant == LEAF ? 3 : 2);
		for (enum at_operation op = AT_S1E1R; bit < sizes[l->num] && op < AT_S12E1R; op++)
			add_at(l, 0, op, k.va, k.ipa | 1ull << bit);
	}
	known_end(l, &k);
}

void cases_at_size(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_size,
			    .regime = "el1&0",
			    .any_stage2 = true,
			    .own = true,
			    .level = 3 };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.num = 0; l.num < SIZES; l.num++)
				for (l.variant = 0; l.variant < WHERES; l.variant++) {
					l.position = (int)sizes[l.num];
					do
						if (l.variant == BASE)
							list_add(list, &l, "at-size/%s/%u/base-bit%d%s",
								 granule_word(l.shift), sizes[l.num], l.position,
								 place_words[l.place]);
						else
							list_add(list, &l, "at-size/%s/%u/%s%s", granule_word(l.shift),
								 sizes[l.num], where_words[l.variant],
								 place_words[l.place]);
					while (l.variant == BASE && ++l.position < (int)TOP);
				}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The input size of L1's stage 2: each VTCR_EL2.T0SZ from 25 to 40 bits of IPA, by each SL0 that fits it, concatenated first
 * tables and those of a few entries included (Arm ARM DDI 0487 M.a.a, D8.2.3, R_YXNYW). L2 uses the last page that there is and one
 * near the first, L1 takes both away, and the operation is for the last. L2's own page has a low IPA where it has to.
 */
#include "families/families.h"
#include "host/program.h"

#define LEAST_BITS 25 /* T0SZ = 39 */
#define LOW_PAGE 0x10000 /* IPA of L2's page where its usual one is beyond the input size */
#define USUAL_BITS 31 /* at least, for that */
#define LOW_IPA 0x200000
enum { LOW, TOP, PLACES_OF_IPA };

static int sl0_of(unsigned shift, unsigned level)
{
	return (int)((shift == 12 ? 2 : 3) - level);
}

/* struct litmus.position: bits of IPA; scale: the level at which a walk begins. */
static void build_size(struct litmus *l)
{
	unsigned bits = (unsigned)l->position, page = 1u << l->shift;
	struct context *c = &l->vm->shared->context[0];
	uint64_t at[PLACES_OF_IPA] = { LOW_IPA, (1ull << bits) - page }, all = PTE_S2_R | PTE_S2_W;
	uint64_t old[PLACES_OF_IPA], operand = operand_whole(l, at[TOP], 0, 0), next = DATA_PA + PLACES_OF_IPA * page;

	add_context(l, 0, VMID, 0, false, true);
	context_sizes(c, bits, input_bits(l->shift), sl0_of(l->shift, l->scale));
	c->page = bits < USUAL_BITS ? LOW_PAGE : 0;
	last_step(l)->c = 1;
	for (unsigned i = 0; i < PLACES_OF_IPA; i++) {
		old[i] = value_at(DATA_PA + i * page);
		add_poke(l, DATA_PA + i * page, old[i]);
		add_write(l, STEP_S2, 0, at[i], leaf_s2(DATA_PA + i * page, 3, all), 3);
		add_access(l, 0, ACCESS_READ, at[i], false, ROLE_BEFORE, old[i], 0);
	}
	add_poke(l, next, value_at(next));
	for (unsigned i = 0; i < PLACES_OF_IPA; i++)
		add_write(l, STEP_S2, 0, at[i], 0, 3);
	for (unsigned i = 0; i < PLACES_OF_IPA; i++)
		add_access(l, 0, ACCESS_READ, at[i], false, ROLE_STALE, old[i], 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	for (unsigned i = 0; i < PLACES_OF_IPA; i++) {
		bool must = stage2_obliged(l, operand, at[i], 3);
		struct probe *p;

		add_access(l, 0, ACCESS_READ, at[i], false, must ? ROLE_GONE : ROLE_FREE, old[i], 0);
		p = last_probe(l);
		if (!must)
			continue;
		p->esr_mask = ESR_EC | ESR_S1PTW | ESR_FSC;
		p->esr = PLACE(ESR_EC, ESR_EC_DABT_LOW) | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_TRANSLATION) | 3;
		p->far = at[i];
	}
	add_write(l, STEP_S2, 0, at[TOP], leaf_s2(next, 3, all), 3);
	add_access(l, 0, ACCESS_READ, at[TOP], false, ROLE_AFTER, old[TOP], value_at(next));
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0); /* the next case's tables are others */
}

void cases_sizes(struct list *list)
{
	struct litmus l = { .op = op_named("ipas2e1is"),
			    .config = { .cpus = 1 },
			    .build = build_size,
			    .own = true,
			    .slow = true,
			    .regime = "el1&0-stage2",
			    .level = 3 };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.position = LEAST_BITS; l.position <= PHYSICAL_BITS; l.position++)
			for (l.scale = 1; l.scale <= 3; l.scale++)
				if (stage2_fits(l.shift, (unsigned)l.position, (int)l.scale) &&
				    sl0_of(l.shift, l.scale) >= 0)
					list_add(list, &l, "s2-input-bits/%s/%d-level%u", granule_word(l.shift),
						 l.position, l.scale);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tells L2s apart, one bit of VTTBR_EL2 at a time. s2-base-bits: two tables of one VMID whose addresses differ in one bit
 * of BADDR, down to that of a table of 256 bytes; each has another page at the IPA, and the operation takes both (Arm ARM DDI 0487
 * M.a.a, D24.2 VTTBR_EL2, D8.2.3). s2-vmid-shared: two VMIDs that differ in one bit have one table; the operation is for one
 * of them, which may then not use what the other one brought.
 */
#include "families/families.h"
#include "families/two_tables.h"
#include "host/program.h"

#define SMALL_BITS 35 /* of input: a table of level 1 with 32 entries */
#define LEAST_BIT 8
#define ROOT_PA (DATA_PA + 0x2000000)
#define VMID_OF_BASES 0x80

static void put_table(struct litmus *l, unsigned ctx, uint64_t pa)
{
	struct step *s = last_step(l);

	if (l->position < 12)
		context_sizes(&l->vm->shared->context[ctx], SMALL_BITS, input_bits(l->shift), -1);
	s->flags = STEP_ROOT;
	s->d = pa;
}

/* struct litmus.position: the bit. --self-test leaves the operation out. */
static void build_bases(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1);

	for (unsigned ctx = 0; ctx < 2; ctx++) {
		add_context(l, ctx, VMID, 0, false, true);
		put_table(l, ctx, ROOT_PA ^ (ctx ? 1ull << l->position : 0));
		two_tables_map(l, ctx, ipa);
	}
	two_tables_invalidate(l, ipa, operand_whole(l, ipa, 0, 0));
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0); /* the next case's tables are others */
}

static void build_shared(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, ipa, 0, 0);
	uint64_t old = value_at(DATA_PA), now = value_at(DATA_PA + leaf_size(l)), all = PTE_S2_R | PTE_S2_W;

	for (unsigned ctx = 0; ctx < 2; ctx++) {
		add_context(l, ctx, VMID_OF_BASES ^ (ctx ? 1u << l->position : 0), 0, false, true);
		last_step(l)->a = ctx;
	}
	add_poke(l, DATA_PA, old);
	add_poke(l, DATA_PA + leaf_size(l), now);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, l->level, all), l->level);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, ipa, false, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	add_access(l, 1, ACCESS_READ, ipa, false, ROLE_STALE, old, 0);
	add_tlbi(l, 1, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 1, op_named("vmalle1is"), 0, 0);
	add_access(l, 1, ACCESS_READ, ipa, false, ROLE_GONE, old, 0);
	add_access(l, 0, ACCESS_READ, ipa, false, ROLE_FREE, old, 0);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_tlbi(l, ctx, op_named("vmalls12e1is"), 0, 0);
}

void cases_bases(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		struct litmus l = { .op = op,
				    .config = { .cpus = 1 },
				    .build = build_bases,
				    .own = true,
				    .slow = true,
				    .regime = "el1&0-stage2",
				    .level = 3 };

		/* Each is another context or two: one form of an operation stands for its others. */
		if ((o->family != ipas2e1 && o->family != vmalls12e1) || o->nxs || o->scope != IS || o->needs_range ||
		    o->last_level)
			continue;
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.position = l.shift == 12 ? LEAST_BIT : 12; l.position <= 24; l.position++)
				if (l.position < 12 || l.position >= (int)l.shift)
					list_add(list, &l, "s2-base-bits/%s/%s/bit%d", o->name, granule_word(l.shift),
						 l.position);
		l.build = build_shared;
		l.shift = 12;
		l.any_stage2 = true;
		for (l.position = 0; l.position < 16; l.position++)
			list_add(list, &l, "s2-vmid-shared/%s/bit%d", o->name, l.position);
	}
}

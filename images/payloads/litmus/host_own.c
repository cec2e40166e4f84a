// SPDX-License-Identifier: GPL-2.0
/*
 * L2's own operations, with no trap set by L1: they take effect without L1, on L2's stage 1. L2 unmaps a page of
 * its own between two reads, without an exit on the way, so that a stale translation shows on the same PE.
 */
#include "host.h"

#define ASID_L2 0x15
#define ASID_OTHER 0x16

static void add_part(struct litmus *l, unsigned part, enum role role, uint64_t at, uint64_t old)
{
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	p->part = part;
	p->at = at;
	p->old = old;
}

static void build_own(struct litmus *l)
{
	const struct operation *op = &operations[l->op];
	uint64_t at = fresh_ipa(l->shift, l->level, 1), pa = DATA_PA;
	bool asid = op->operand == VA || op->operand == VA_RANGE || op->operand == ASID;
	uint64_t operand = operand_whole(l, at, asid ? (l->variant ? ASID_OTHER : ASID_L2) : 0, l->hint ? l->level : 0);
	struct entry entry = { .stage = STAGE_1,
			       .regime = EL10,
			       .vmid = VMID,
			       .asid = ASID_L2,
			       .start = at,
			       .size = 1ull << level_shift(l->shift, l->level),
			       .shift = l->shift,
			       .level = l->level };
	struct state state = { .vmid = VMID, .own_pe = 1 };
	struct step *s;

	add_context(l, 0, VMID, ASID_L2, true, true);
	add_poke(l, pa, value_at(pa));
	add_write(l, STEP_S2, 0, pa, leaf_s2(pa, 3, PTE_S2_R | PTE_S2_W), 3);
	add_write(l, STEP_S1, 0, at, leaf_s1(pa, l->level, PTE_S1_UXN | PTE_S1_PXN | PTE_S1_NG), l->level);
	s = add(l, 0, STEP_L2_REMAP);
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	s->a = at;
	s->b = operand;
	s->c = l->level;
	s->d = 0;
	add_part(l, 1, ROLE_BEFORE, at, value_at(pa));
	add_part(l, 2, ROLE_STALE, at, value_at(pa));
	add_part(l, 0, oracle_obliges(l->op, operand, &state, &entry) ? ROLE_GONE : ROLE_FREE, at, value_at(pa));
}

void cases_own(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		bool asid = o->family == vae1 || o->family == aside1;

		if (o->regime == EL2 || o->family == ipas2e1 || o->family == vmalls12e1 || o->family == alle1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2) {
			struct litmus l = { .op = op,
					    .config = { .cpus = 1, .spare = 2 },
					    .build = build_own,
					    .regime = "el1&0",
					    .shift = shift,
					    .level = 3 };

			for (l.variant = 0; l.variant < (asid ? 2 : 1); l.variant++)
				for (l.hint = 0; l.hint < (o->operand == VA || o->operand == VA_RANGE ? 2 : 1); l.hint++)
					list_add(list, &l, "l2-own/%s/%s/%s/%s", o->name, granule_word(shift),
						 l.variant ? "other-asid" : "matching", l.hint ? "ttl" : "no-ttl");
		}
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2's own operations, with no trap set by L1: they take effect without L1, on L2's stage 1. L2's EL1 unmaps a page
 * between two accesses of its own (l2-own) or of its EL0 (l2-own-el0), without an exit on the way, so that a stale
 * translation shows on the same PE.
 */
#include "families/families.h"
#include "host/program.h"

#define ASID_L2 0x15
#define ASID_OTHER 0x16

/* GLOBAL: with the other ASID. PERMISSION: AP[1] is taken, so EL0 alone loses the page. EXECUTE: EL0 calls it. */
enum { MATCHING, OTHER, GLOBAL, PERMISSION, EXECUTE, VARIANTS };
static const char *const variant_words[VARIANTS] = { "matching", "other-asid", "other-asid-global", "permission",
						     "execute" };

static void add_part(struct litmus *l, unsigned part, enum role role, uint64_t at, uint64_t old)
{
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	p->part = part;
	p->at = at;
	p->old = old;
	p->fault = l->variant == PERMISSION ? FAULT_PERMISSION : FAULT_TRANSLATION;
}

static bool obliged(const struct litmus *l, uint64_t at, uint64_t operand)
{
	struct translation entry = { .stage = STAGE_1,
			       .regime = EL10,
			       .vmid = VMID,
			       .asid = ASID_L2,
			       .global = l->variant == GLOBAL,
			       .start = at,
			       .size = leaf_size(l),
			       .shift = l->shift,
			       .level = l->level };
	struct state state = { .vmid = VMID, .el = 1, .features = HAS_ALL, .ds1 = case_ds(l), .own_pe = 1 };

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

static void build_own(struct litmus *l)
{
	bool other = l->variant == OTHER || l->variant == GLOBAL, execute = l->variant == EXECUTE;
	uint64_t at = place_va(l, fresh_ipa(l->shift, l->level, 1), input_bits(l->shift)), pa = DATA_PA, old = execute ? CODE_RESULT : value_at(pa);
	unsigned asid = !matches_asid(&operations[l->op]) ? 0 : other ? ASID_OTHER : ASID_L2;
	uint64_t operand = operand_whole(l, at, asid, l->hint ? l->level : 0);
	uint64_t less = PTE_S1_PXN | (execute ? 0 : PTE_S1_UXN) | (l->variant == GLOBAL ? 0 : PTE_S1_NG);
	struct step *s;

	add_context(l, 0, VMID, ASID_L2, true, true);
	if (l->place != PLACE_LOW)
		context_high(l, 0);
	if (execute)
		add_code(l, pa, CODE);
	else
		add_poke(l, pa, old);
	add_write(l, STEP_S2, 0, pa, leaf_s2(pa, 3, PTE_S2_R | PTE_S2_W), 3);
	add_write(l, STEP_S1, 0, at, leaf_s1(pa, l->level, less | (l->el0 ? PTE_S1_EL0 : 0)), l->level);
	s = add(l, 0, STEP_L2_REMAP);
	s->op = l->op;
	s->flags = STEP_UNDER_TEST | (l->el0 ? STEP_EL0 : 0) | (execute ? STEP_EXECUTE : 0);
	s->a = at;
	s->b = operand;
	s->c = l->level;
	s->d = l->variant == PERMISSION ? leaf_s1(pa, l->level, less) : 0;
	add_part(l, 1, ROLE_BEFORE, at, old);
	add_part(l, 2, ROLE_STALE, at, old);
	add_part(l, 0, obliged(l, at, operand) ? ROLE_GONE : ROLE_FREE, at, old);
	if (l->place == PLACE_LAST) /* the next case's as well */
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

static bool has_variant(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];

	switch (l->variant) {
	case OTHER:
		return op->family == vae1 || op->family == aside1;
	case GLOBAL:
		return l->el0 && op->family == vae1;
	case PERMISSION:
	case EXECUTE:
		return l->el0;
	default:
		return true;
	}
}

static void add_operation(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];
	bool address = op->operand == VA || op->operand == VA_RANGE;

	for (l.variant = MATCHING; l.variant < VARIANTS; l.variant++)
		for (l.hint = 0; has_variant(&l) && l.hint < (address ? 2 : 1); l.hint++)
			if ((!l.el0 || !l.hint || l.variant == MATCHING) && (l.place == PLACE_LOW || l.variant < GLOBAL))
				list_add(list, &l, "%sl2-own%s/%s/%s/%s%s/%s", l.ds ? "ds-" : "", l.el0 ? "-el0" : "",
					 op->name, granule_word(l.shift), variant_words[l.variant],
					 place_words[l.place], l.hint ? "ttl" : "no-ttl");
}

void cases_own(struct list *list)
{
	for (unsigned el0 = 0; el0 < 2; el0++)
		for (unsigned op = 0; op < operation_count; op++) {
			const struct operation *o = &operations[op];

			if (o->regime == EL2 || o->family == ipas2e1 || o->family == vmalls12e1 || o->family == alle1)
				continue;
			for (unsigned i = 0; i < 3 * PLACES; i++)
				add_operation(list, (struct litmus){ .op = op,
								     .place = (int)(i % PLACES),
								     .config = { .cpus = 1, .spare = 2 },
								     .build = build_own,
								     .regime = "el1&0",
								     .shift = 12 + 2 * (i / PLACES),
								     .level = 3,
								     .any_stage2 = true,
								     .el0 = el0 });
			for (unsigned shift = 12; !el0 && shift < 16; shift += 2) /* with TCR_EL1.DS */
				add_operation(list, (struct litmus){ .op = op,
								     .ds = DS_L2,
								     .config = { .cpus = 1, .spare = 2 },
								     .build = build_own,
								     .regime = "el1&0",
								     .shift = shift,
								     .level = 3,
								     .any_stage2 = true });
		}
}

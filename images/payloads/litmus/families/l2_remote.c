// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2's own operations against a victim in L2 on another PE, and what L1 makes of them by HCR_EL2.FB and BSU and by
 * HCRX_EL2.FnXS: local forms are broadcast, barriers wait for more, and all are nXS forms, which take what has XS = 0 all the
 * same (Arm ARM DDI 0487 M.a.a, D24.2.62, D24.2.63, I_NVLMG). s2-cnp: VTTBR_EL2.CnP is no part of a context.
 */
#include "families/families.h"
#include "families/victim.h"

enum { PLAIN, FORCED, FORCED_SYSTEM, FNXS, KINDS };
static const char *const kind_words[KINDS] = { "plain", "fb", "fb-bsu", "fnxs" };

static bool is_obliged(const struct litmus *l, uint64_t at, uint64_t operand)
{
	const struct context *c = &l->vm->shared->context[0];
	struct translation entry = { .stage = STAGE_1,
				     .regime = EL10,
				     .vmid = VMID,
				     .asid = ASID_VICTIM,
				     .start = at,
				     .size = leaf_size(l),
				     .shift = l->shift,
				     .level = 3 };
	struct state state = { .vmid = VMID, .el = 1, .features = HAS_ALL, .hcr = c->hcr, .hcrx = c->hcrx };

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

static void build_l2_remote(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1), bits = PTE_S1_UXN | PTE_S1_PXN | PTE_S1_NG;
	unsigned asid = matches_asid(&operations[l->op]) ? ASID_VICTIM : 0;
	uint64_t operand = operand_whole(l, at, asid, 0), old = value_at(DATA_PA), now = value_at(DATA_PA + leaf_size(l));
	struct context *c = &l->vm->shared->context[0];
	struct step *s;
	bool obliged;

	add_context(l, 0, VMID, ASID_VICTIM, true, true);
	if (l->variant == FORCED || l->variant == FORCED_SYSTEM)
		c->hcr |= HCR_FB | (l->variant == FORCED ? 0 : PLACE(HCR_BSU, HCR_BSU_SY));
	if (l->variant == FNXS)
		c->hcrx = HCRX_FNXS;
	obliged = is_obliged(l, at, operand);
	victim_values(l);
	for (uint64_t pa = DATA_PA; pa <= DATA_PA + leaf_size(l); pa += leaf_size(l))
		add_write(l, STEP_S2, 0, pa, leaf_s2(pa, 3, PTE_S2_R | PTE_S2_W), 3);
	add_write(l, STEP_S1, 0, at, leaf_s1(DATA_PA, 3, bits), 3);
	add_spin(l, 1, 0, at, SPIN_L2);
	add_sample(l, 1, at, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S1, 0, at, 0, 3);
	add_sample(l, 1, at, ROLE_STALE, old, 0);
	s = add(l, 0, STEP_L2_TLBI);
	s->c = true;
	s->op = (uint16_t)l->op;
	s->a = operand;
	s->flags = STEP_UNDER_TEST;
	add_probe(l, 0, l->steps[0] - 1, ROLE_DONE);
	add_sample(l, 1, at, obliged ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_S1, 0, at, leaf_s1(DATA_PA + leaf_size(l), 3, bits), 3);
	if (obliged)
		add_sample(l, 1, at, ROLE_AFTER, old, now);
	add_stop(l, 1);
}

/* One context by two values of VTTBR_EL2: what is used by one is taken away under the other. */
static void build_cnp(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1), all = PTE_S2_R | PTE_S2_W, old = value_at(DATA_PA);
	uint64_t now = value_at(DATA_PA + leaf_size(l));
	unsigned under = (unsigned)l->variant;

	add_context(l, 0, VMID, 0, false, true);
	add_context(l, 1, VMID, 0, false, true);
	last_step(l)->a = 1;
	l->vm->shared->context[1].vttbr |= VTTBR_CNP;
	victim_values(l);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, 3, all), 3);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, at, false, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, at, 0, 3);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, at, false, ROLE_STALE, old, 0);
	add_tlbi(l, under, l->op, operand_whole(l, at, 0, 0), STEP_UNDER_TEST);
	add_tlbi(l, under, op_named("vmalle1is"), 0, 0);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, at, false, ROLE_GONE, old, 0);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA + leaf_size(l), 3, all), 3);
	for (unsigned ctx = 0; ctx < 2; ctx++)
		add_access(l, ctx, ACCESS_READ, at, false, ROLE_AFTER, old, now);
	add_cleanup(l, 1, at, 3, 1);
	add_cleanup(l, 0, at, 3, 1);
}

static void add_cnp(struct list *list, unsigned op)
{
	struct litmus l = { .op = op,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_cnp,
			    .regime = "el1&0-stage2",
			    .level = 3,
			    .own = true };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = 0; l.variant < 2; l.variant++)
			list_add(list, &l, "s2-cnp/%s/%s/%s", operations[op].name, granule_word(l.shift),
				 l.variant ? "set" : "clear");
}

void cases_l2_remote(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		struct litmus l = { .op = op,
				    .config = { .cpus = 2, .spare = 2 },
				    .build = build_l2_remote,
				    .regime = "el1&0",
				    .level = 3,
				    .any_stage2 = true };

		if (o->family == ipas2e1 && !o->nxs && o->scope != OS)
			add_cnp(list, op);
		if (o->regime == EL2 || is_stage2(o))
			continue;
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.variant = 0; l.variant < KINDS; l.variant++) {
				l.needs_hcx = l.variant == FNXS;
				list_add(list, &l, "l2-remote/%s/%s/%s", o->name, granule_word(l.shift),
					 kind_words[l.variant]);
			}
	}
}

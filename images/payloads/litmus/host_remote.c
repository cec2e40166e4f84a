// SPDX-License-Identifier: GPL-2.0
/*
 * Broadcast: the victim stays inside L2 (or at vEL2) on another PE and reads one address again and again while
 * this PE takes the translation away. On a model whose exit to L0 empties the local TLB this is the one place
 * where a missing TLBI of the hardware shows (docs/litmus.md).
 */
#include "host.h"

#define VICTIM 1

/* What the operation is given, against the entry that the victim uses. */
enum { MATCHING, OTHER_ASID, OTHER_ASID_GLOBAL, OTHER_VMID, OTHER_VA, STAGE2_OFF, MATCHES };
static const char *const match_words[] = { "matching",	 "other-asid", "other-asid-global",
					   "other-vmid", "other-va",   "stage2-off" };

#define ASID_VICTIM 0x15
#define ASID_OTHER 0x16
#define ASID_VEL2 0 /* as TTBR0_EL2 has it */
#define HCR_TGE (1ull << 27)

static uint64_t leaf_size(const struct litmus *l)
{
	return 1ull << level_shift(l->shift, l->level);
}

static uint64_t operand_for(const struct litmus *l, uint64_t at)
{
	const struct operation *op = &operations[l->op];
	bool other = l->variant == OTHER_ASID || l->variant == OTHER_ASID_GLOBAL;
	bool asid = op->operand == VA || op->operand == VA_RANGE || op->operand == ASID;

	if (l->variant == OTHER_VA)
		at += 4 * leaf_size(l);
	return operand_whole(l, at, !asid ? 0 : other ? ASID_OTHER : l->vel2 ? ASID_VEL2 : ASID_VICTIM,
			     l->hint ? l->level : 0);
}

static void add_two_values(struct litmus *l)
{
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_poke(l, DATA_PA + leaf_size(l), value_at(DATA_PA + leaf_size(l)));
}

/* One look at the translation: of the victim on the other PE, or of this PE. */
static void look(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	if (!l->own)
		add_sample(l, VICTIM, at, role, old, now);
	else if (l->vel2)
		add_read(l, at, role, old, now);
	else
		add_access(l, 0, ACCESS_READ, at, false, role, old, now);
	if (l->own)
		l->probes[l->probe_count - 1].observable = 0;
}

/* Before, with the descriptor gone, after the operation, with the new descriptor. */
static void take_away(struct litmus *l, enum step_kind stage, uint64_t at, uint64_t operand, bool obliged,
		      uint64_t descriptor)
{
	uint64_t old = value_at(DATA_PA), now = value_at(DATA_PA + leaf_size(l));
	unsigned ctx = l->variant == OTHER_VMID || l->variant == STAGE2_OFF ? 1 : 0;

	if (!l->own)
		add_spin(l, VICTIM, 0, at, l->vel2 ? SPIN_VEL2 : SPIN_L2);
	look(l, at, ROLE_BEFORE, old, 0);
	add_write(l, stage, 0, at, 0, l->level);
	if (!l->own)
		look(l, at, ROLE_STALE, old, 0);
	add_tlbi(l, ctx, l->op, operand, STEP_UNDER_TEST);
	if (stage == STEP_S2)
		add_tlbi(l, ctx, op_named("vmalle1is"), 0, 0);
	look(l, at, obliged ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, stage, 0, at, descriptor, l->level);
	if (obliged)
		look(l, at, ROLE_AFTER, old, now);
	if (!l->own)
		add_stop(l, VICTIM);
}

static struct entry entry_of(const struct litmus *l, int stage, int regime, uint64_t at)
{
	return (struct entry){ .stage = stage,
			       .regime = regime,
			       .vmid = VMID,
			       .asid = l->vel2 ? ASID_VEL2 : ASID_VICTIM,
			       .global = l->variant == OTHER_ASID_GLOBAL,
			       .start = at,
			       .size = leaf_size(l),
			       .shift = l->shift,
			       .level = l->level };
}

static struct state state_of(const struct litmus *l)
{
	return (struct state){ .vmid = l->variant == OTHER_VMID ? VMID_OTHER : VMID,
			       .e2h = !l->config.e2h0,
			       .tge = l->tge,
			       .own_pe = l->own };
}

static void build_stage2(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), operand = operand_for(l, at);
	struct entry entry = entry_of(l, STAGE_2, EL10, at);
	struct state state = state_of(l);
	uint64_t permissions = PTE_S2_R | PTE_S2_W;

	add_context(l, 0, VMID, 0, false, true);
	if (l->variant == OTHER_VMID)
		add_context(l, 1, VMID_OTHER, 0, false, true);
	add_two_values(l);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, l->level, permissions), l->level);
	take_away(l, STEP_S2, at, operand, oracle_obliges(l->op, operand, &state, &entry),
		  leaf_s2(DATA_PA + leaf_size(l), l->level, permissions));
	add_cleanup(l, 0, at, l->level, 1);
}

/* L2's stage 1 under a stage 2 that maps L1's memory as it is. */
static void build_stage1(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), operand = operand_for(l, at);
	struct entry entry = entry_of(l, STAGE_1, EL10, at);
	struct state state = state_of(l);
	uint64_t more = PTE_S1_UXN | PTE_S1_PXN | (entry.global ? 0 : PTE_S1_NG);

	/* Entries are tagged with the VMID whether or not stage 2 is on: the same operation is for both. */
	add_context(l, 0, VMID, ASID_VICTIM, true, l->variant != STAGE2_OFF);
	if (l->variant == OTHER_VMID || l->variant == STAGE2_OFF)
		add_context(l, 1, l->variant == STAGE2_OFF ? VMID : VMID_OTHER, ASID_VICTIM, true, true);
	add_two_values(l);
	for (uint64_t pa = DATA_PA; pa <= DATA_PA + leaf_size(l); pa += leaf_size(l))
		add_write(l, STEP_S2, 0, pa, leaf_s2(pa, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_write(l, STEP_S1, 0, at, leaf_s1(DATA_PA, l->level, more), l->level);
	take_away(l, STEP_S1, at, operand, oracle_obliges(l->op, operand, &state, &entry),
		  leaf_s1(DATA_PA + leaf_size(l), l->level, more));
}

/* vEL2's own stage 1, always with 4K. */
static void build_vel2(struct litmus *l)
{
	uint64_t at = E2_TEST_VA, operand = operand_for(l, at);
	struct entry entry = entry_of(l, STAGE_1, EL2, at);
	struct state state = state_of(l);
	uint64_t more = (l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_PXN) | PTE_S1_UXN | (entry.global ? 0 : PTE_S1_NG);

	add_context(l, 0, VMID, 0, false, true);
	if (l->tge)
		l->vm->shared->context[0].hcr |= HCR_TGE;
	add_two_values(l);
	add_write(l, STEP_E2, 0, at, leaf_s1(DATA_PA, l->level, more), l->level);
	take_away(l, STEP_E2, at, operand, oracle_obliges(l->op, operand, &state, &entry),
		  leaf_s1(DATA_PA + leaf_size(l), l->level, more));
	add_write(l, STEP_E2, 0, at, 0, 1);
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

static bool is_stage2(const struct operation *op)
{
	return op->family == ipas2e1 || op->family == vmalls12e1 || op->family == alle1;
}

static bool has_variant(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];
	bool asid = op->family == vae1 || (op->family == vae2 && !l->config.e2h0);

	switch (l->variant) {
	case OTHER_ASID:
		return asid || op->family == aside1;
	case OTHER_ASID_GLOBAL:
		return asid;
	case OTHER_VMID:
		return !l->vel2 && op->family != alle1;
	case STAGE2_OFF:
		return !l->vel2 && !is_stage2(op);
	case OTHER_VA:
		return op->operand != NONE && op->operand != ASID;
	default:
		return true;
	}
}

static void add_family(struct list *list, struct litmus l, const char *family)
{
	const struct operation *op = &operations[l.op];
	bool plain = op->operand == NONE || op->operand == ASID;

	l.slow = op->family == vmalls12e1 || op->family == alle1;
	for (l.level = plain ? 3 : start_level(l.shift); l.level <= 3; l.level++)
		for (l.variant = MATCHING; l.variant < MATCHES; l.variant++) {
			if (!has_variant(&l) || (l.variant != MATCHING && l.level != 3) || (l.slow && l.shift != 12))
				continue;
			for (l.hint = 0; l.hint < (plain || l.variant ? 1 : 2); l.hint++)
				list_add(list, &l, "%s%s%s/%s/%s/%s-%s/%s", l.config.e2h0 ? "nvhe-" : "", family,
					 l.slow ? "-all" : "", op->name, granule_word(l.shift), size_word(leaf_size(&l)),
					 match_words[l.variant], l.hint ? "ttl" : "no-ttl");
		}
}

static void add_stage1(struct list *list, struct litmus l)
{
	l.build = build_stage1;
	l.regime = "el1&0";
	add_family(list, l, "s1-remote");
	l.config.cpus = 1;
	l.own = true;
	add_family(list, l, "s1-own");
}

static void add_vel2(struct list *list, struct litmus l)
{
	l.build = build_vel2;
	l.regime = l.config.e2h0 ? "el2" : "el2&0";
	l.vel2 = true;
	add_family(list, l, l.tge ? "vel2-tge-remote" : "vel2-remote");
	l.config.cpus = 1;
	l.own = true;
	add_family(list, l, l.tge ? "vel2-tge-own" : "vel2-own");
}

static void add_operation(struct list *list, struct litmus l)
{
	const struct operation *o = &operations[l.op];

	if (o->regime == EL2 && o->operand != IPA && o->operand != IPA_RANGE) {
		if (l.shift == 12)
			add_vel2(list, l);
		return;
	}
	if (is_stage2(o)) {
		l.build = build_stage2;
		l.regime = "el1&0-stage2";
		add_family(list, l, "s2-remote");
		return;
	}
	add_stage1(list, l);
	if (l.shift == 12 && !l.config.e2h0) {
		l.tge = true;
		add_vel2(list, l);
	}
}

void cases_remote(struct list *list)
{
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (unsigned op = 0; op < operation_count; op++)
			for (unsigned shift = 12; shift <= 16; shift += 2)
				add_operation(list, (struct litmus){ .op = op,
								     .config = { .cpus = 2, .spare = 2, .e2h0 = nvhe },
								     .shift = shift });
}

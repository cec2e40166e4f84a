// SPDX-License-Identifier: GPL-2.0-only
/* L2's translations, of both stages, taken from victims on other PEs and from this one. */
#include "families/families.h"
#include "families/victim.h"

#define NEW_VMIDS 0x400
#define ASID_BITS 16
#define ALL_MATCHES ((1u << PERMISSION) - 1)
#define EL0_MATCHES (1u << MATCHING | 1u << OTHER_ASID | 1u << OTHER_ASID_GLOBAL | 1u << PERMISSION)

/* What executes the operation has HCR_EL2.TGE = 1, as a host has, and the VMID that the operation is for. */
static void add_host_context(struct litmus *l)
{
	add_context(l, 1, VMID, 0, false, true);
	l->vm->shared->context[1].hcr |= HCR_TGE;
}

static void build_stage2(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), operand = victim_operand(l, at);
	uint64_t permissions = PTE_S2_R | PTE_S2_W;

	add_context(l, 0, VMID, 0, false, true);
	if (l->variant == OTHER_VMID)
		add_context(l, 1, VMID_OTHER, 0, false, true);
	if (l->tge)
		add_host_context(l);
	victim_values(l);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, l->level, permissions), l->level);
	victim_loses(l, STEP_S2, at, operand, victim_obliged(l, STAGE_2, at, operand), 0,
		     leaf_s2(DATA_PA + leaf_size(l), l->level, permissions));
	add_cleanup(l, 0, at, l->level, 1);
}

/* L2's stage 1 under a stage 2 that maps L1's memory as it is. PERMISSION takes AP[1] from EL0. */
static void build_stage1(struct litmus *l)
{
	uint64_t at = place_va(l, fresh_ipa(l->shift, l->level, 1), input_bits(l->shift)), operand = victim_operand(l, at);
	uint64_t less = PTE_S1_UXN | PTE_S1_PXN | (l->variant == OTHER_ASID_GLOBAL ? 0 : PTE_S1_NG);
	uint64_t more = less | (l->el0 ? PTE_S1_EL0 : 0);

	/* Entries are tagged with the VMID whether or not stage 2 is on: the same operation is for both. */
	add_context(l, 0, VMID, victim_asid(l), true, l->variant != STAGE2_OFF);
	l->vm->shared->context[0].el0_data = l->el0;
	if (l->place != PLACE_LOW)
		context_high(l, 0);
	if (l->variant == OTHER_VMID || l->variant == STAGE2_OFF)
		add_context(l, 1, l->variant == STAGE2_OFF ? VMID : VMID_OTHER, ASID_VICTIM, true, true);
	if (l->tge)
		add_host_context(l);
	victim_values(l);
	for (uint64_t pa = DATA_PA; pa <= DATA_PA + leaf_size(l); pa += leaf_size(l))
		add_write(l, STEP_S2, 0, pa, leaf_s2(pa, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_write(l, STEP_S1, 0, at, leaf_s1(DATA_PA, l->level, more), l->level);
	victim_loses(l, STEP_S1, at, operand, victim_obliged(l, STAGE_1, at, operand),
		     l->variant == PERMISSION ? leaf_s1(DATA_PA, l->level, less) : 0,
		     leaf_s1(DATA_PA + leaf_size(l), l->level, more));
	if (l->place == PLACE_LAST) /* the next case's as well */
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

/* L2s without a stage 2, which differ in their VMID alone: this one's is new to L0, and another one ran before it. */
static void build_off(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1), operand = victim_operand(l, at);
	uint64_t more = PTE_S1_UXN | PTE_S1_PXN | PTE_S1_NG;

	add_context(l, 0, NEW_VMIDS + l->number % NEW_VMIDS, ASID_VICTIM, true, false);
	add_context(l, 1, VMID_OTHER, 0, false, false);
	victim_values(l);
	add_access(l, 1, ACCESS_READ, DATA_PA, false, ROLE_AFTER, 0, value_at(DATA_PA));
	add_write(l, STEP_S1, 0, at, leaf_s1(DATA_PA, 3, more), 3);
	victim_loses(l, STEP_S1, at, operand, victim_obliged(l, STAGE_1, at, operand), 0,
		     leaf_s1(DATA_PA + leaf_size(l), 3, more));
}

static void add_stage2(struct list *list, struct litmus l)
{
	l.build = build_stage2;
	l.regime = "el1&0-stage2";
	victim_cases(list, l, "s2-remote", ALL_MATCHES, "");
	l.tge = true;
	if (operations[l.op].family == ipas2e1 && l.shift == 12)
		victim_cases(list, l, "s2-tge-remote", 1u << MATCHING, "");
}

/* Each case recycles a context. */
static void add_off(struct list *list, struct litmus l)
{
	l.build = build_off;
	l.level = 3;
	l.slow = true;
	list_add(list, &l, "s1-off-remote/%s/4k", operations[l.op].name);
}

/* By TTBR1_EL1. */
static void add_high(struct list *list, struct litmus l, const char *family)
{
	for (l.place = PLACE_HIGH; l.place < PLACES; l.place++)
		victim_cases(list, l, family, 1u << MATCHING | 1u << OTHER_ASID, place_words[l.place]);
}

/*
 * TCR_EL1.DS of L2 and TCR_EL2.DS of L1, which executes the operation on L2's behalf: the base of a range is in L2's units
 * (I_TYBWT). -range: where the two differ.
 */
static void add_ds(struct list *list, struct litmus l)
{
	static const char *const words[] = { [DS_VEL2] = "-l1", [DS_L2] = "-l2", [DS_BOTH] = "-both" };
	bool range = op_is_range(&operations[l.op]);

	for (l.ds = DS_VEL2; l.ds <= DS_BOTH; l.ds++) {
		struct litmus own = l;

		/* vEL2's own tables have 4K pages. */
		victim_cases(list, l, range && l.ds != DS_BOTH ? "ds-s1-range-remote" : "ds-s1-remote",
			     1u << MATCHING | 1u << OTHER_VA, words[l.ds]);
		victim_own(&own);
		victim_cases(list, own, range && l.ds != DS_BOTH ? "ds-s1-range-own" : "ds-s1-own", 1u << MATCHING,
			     words[l.ds]);
	}
}

/* Each bit of the ASID, which the sanitizer alone sees. */
static void add_asids(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];

	if (!matches_asid(op) || op->scope != IS || op->nxs || op->last_level)
		return;
	l.level = 3;
	for (l.position = 1; l.position <= ASID_BITS; l.position++)
		list_add(list, &l, "s1-asid-bits/%s/bit%d", op->name, l.position - 1);
}

/*
 * E1 operations with {E2H,TGE} = {0,1}, that is of an nVHE hypervisor in its host's context, are for the current VMID's EL1&0 all
 * the same: for EL2&0 they are with {1,1} alone (Arm ARM R_VMSWQ).
 */
static void add_nvhe_host(struct list *list, struct litmus l)
{
	l.tge = true;
	if (l.shift == 12)
		victim_cases(list, l, "s1-tge-remote", 1u << MATCHING, "");
}

static void add_stage1(struct list *list, struct litmus l)
{
	struct litmus el0 = l;

	l.build = el0.build = build_stage1;
	l.regime = el0.regime = "el1&0";
	el0.el0 = true;
	victim_cases(list, l, "s1-remote", ALL_MATCHES, "");
	add_high(list, l, "s1-remote");
	if (!l.config.e2h0)
		victim_cases(list, el0, "s1-remote-el0", EL0_MATCHES, "");
	else
		add_nvhe_host(list, l);
	if (!l.config.e2h0 && l.shift != 16)
		add_ds(list, l);
	if (!l.config.e2h0 && l.shift == 12) {
		victim_ranges(list, l, "s1-range");
		add_off(list, l);
	}
	victim_own(&l);
	if (!l.config.e2h0 && l.shift == 12)
		add_asids(list, l);
	victim_cases(list, l, "s1-own", ALL_MATCHES, "");
	add_high(list, l, "s1-own");
}

/* Three victims at once: one form of each operation. */
static void add_four(struct list *list, struct litmus l)
{
	bool stage2 = is_stage2(&operations[l.op]);

	l.config.cpus = CPUS_MAX;
	l.config.spare = 0;
	l.build = stage2 ? build_stage2 : build_stage1;
	l.regime = stage2 ? "el1&0-stage2" : "el1&0";
	victim_cases(list, l, stage2 ? "s2-remote" : "s1-remote", 1u << MATCHING, "");
}

void cases_remote(struct list *list)
{
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (unsigned op = 0; op < operation_count; op++)
			for (unsigned shift = 12; shift <= 16; shift += 2) {
				struct litmus l = { .op = op,
						    .config = { .cpus = 2, .spare = 2, .e2h0 = nvhe },
						    .shift = shift };

				if (operations[op].regime == EL2)
					continue;
				if (is_stage2(&operations[op]))
					add_stage2(list, l);
				else
					add_stage1(list, l);
				if (!nvhe && shift == 12)
					add_four(list, l);
			}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * vEL2's own stage 1: EL2 without E2H, EL2&0 with it (ASIDs, two halves). The E2 operations are for it whatever
 * HCR_EL2.TGE says, the E1 ones with {E2H,TGE} = {1,1} (Arm ARM R_VMSWQ). The granule is that of vEL2's own tables.
 */
#include "families/families.h"
#include "families/victim.h"

#define MORE_MATCHES (1u << MATCHING | 1u << OTHER_ASID | 1u << OTHER_ASID_GLOBAL | 1u << OTHER_VA)

static uint64_t address_of(const struct litmus *l)
{
	return l->place == PLACE_LOW ? E2_TEST_VA : l->place == PLACE_HIGH ? E2_HIGH_VA : -leaf_size(l);
}

static void build_vel2(struct litmus *l)
{
	uint64_t at = address_of(l), operand = victim_operand(l, at);
	uint64_t more = (l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_PXN) | PTE_S1_UXN |
			(l->variant == OTHER_ASID_GLOBAL ? 0 : PTE_S1_NG);

	add_context(l, 0, VMID, 0, false, true);
	if (l->tge)
		l->vm->shared->context[0].hcr |= HCR_TGE;
	victim_values(l);
	add_write(l, STEP_E2, 0, at, leaf_s1(DATA_PA, l->level, more), l->level);
	victim_loses(l, STEP_E2, at, operand, victim_obliged(l, STAGE_1, at, operand), 0,
		     leaf_s1(DATA_PA + leaf_size(l), l->level, more));
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

static void add_both(struct list *list, struct litmus l, unsigned matches)
{
	static const char *const families[2][2][2] = {
		{ { "vel2-remote", "vel2-own" }, { "vel2-tge-remote", "vel2-tge-own" } },
		{ { "ds-vel2-remote", "ds-vel2-own" }, { "ds-vel2-tge-remote", "ds-vel2-tge-own" } }
	};
	const char *place = place_words[l.place];

	victim_cases(list, l, families[l.ds != 0][l.tge][0], matches, place);
	victim_own(&l);
	victim_cases(list, l, families[l.ds != 0][l.tge][1], matches, place);
}

static void add_operation(struct list *list, struct litmus l)
{
	bool e1 = operations[l.op].regime == EL10;

	l.build = build_vel2;
	l.regime = l.config.e2h0 ? "el2" : "el2&0";
	l.vel2 = l.any_stage2 = true;
	l.tge = e1;
	add_both(list, l, MORE_MATCHES);
	for (l.place = PLACE_HIGH; !l.config.e2h0 && l.place < PLACES; l.place++)
		add_both(list, l, l.place == PLACE_HIGH ? 1u << MATCHING | 1u << OTHER_ASID : 1u << MATCHING);
	l.place = PLACE_LOW;
	if (!l.config.e2h0 && l.shift == 12)
		victim_ranges(list, l, l.tge ? "vel2-tge-range" : "vel2-range");
	/* With TCR_EL2.DS the unit of a range's base is another one. With 64K pages the bit means nothing. */
	l.ds = DS_VEL2;
	for (; l.shift != 16 && l.place < (l.config.e2h0 ? PLACE_HIGH : PLACE_LAST); l.place++)
		add_both(list, l, 1u << MATCHING | 1u << OTHER_VA);
	l.ds = 0;
	l.place = PLACE_LOW;
	if (!e1 && l.shift == 12) {
		l.tge = true;
		add_both(list, l, 1u << MATCHING);
		l.tge = false;
	}
	if (!l.config.e2h0 && l.shift == 12) {
		l.config.cpus = CPUS_MAX;
		l.config.spare = 0;
		victim_cases(list, l, l.tge ? "vel2-tge-remote" : "vel2-remote", 1u << MATCHING, "");
	}
}

#define TAG (0x5aull << 56)

/* TCR_EL2.TBI: vEL2's own address may have a tag. --self-test: it may not. */
static void build_tagged(struct litmus *l)
{
	uint64_t at = address_of(l), usual = l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_PXN | PTE_S1_NG;

	if (!l->vm->shared->skip)
		l->vm->shared->vel2_tcr = l->config.e2h0 ? TCR_E2H0_TBI : TCR_TBI0 | TCR_TBI1;
	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_E2, 0, at, leaf_s1(DATA_PA, 3, usual | PTE_S1_UXN), 3);
	for (unsigned again = 0; again < 2; again++) { /* and after L2 has run */
		add_read(l, at ^ TAG, ROLE_AFTER, 0, value_at(DATA_PA));
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0);
	}
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

static void add_tagged(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_tagged,
			    .level = 3,
			    .vel2 = true,
			    .any_stage2 = true,
			    .own = true };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.place = PLACE_LOW; l.place < (nvhe ? PLACE_HIGH : PLACE_LAST); l.place++) {
				l.config.e2h0 = nvhe;
				l.regime = nvhe ? "el2" : "el2&0";
				list_add(list, &l, "vel2-tag/%s/%s%s", nvhe ? "nvhe" : "vhe", granule_word(l.shift),
					 place_words[l.place]);
			}
}

#define CALL_VA (E2_TEST_VA + 0x200000)
#define READ_ONLY_VA (E2_TEST_VA + 0x400000)
#define CODE_READ_ONLY_PA (DATA_PA + 0x10000)

static void call(struct litmus *l, uint64_t at, bool wxn, enum role role, uint64_t old, uint64_t now)
{
	struct step *s = add(l, 0, STEP_CALL);
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	s->a = at;
	s->b = CALL_VA;
	s->c = wxn;
	s->flags = STEP_UNDER_TEST;
	p->old = old;
	p->now = now;
	if (role != ROLE_GONE)
		return;
	p->fault = FAULT_PERMISSION;
	p->far = at;
	p->esr_mask = ESR_EC | ESR_FSC;
	p->esr = PLACE(ESR_EC, ESR_EC_IABT_SAME) | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | 3;
}

/*
 * SCTLR_EL2.WXN: vEL2 executes what it may not write, and nothing that it may (D8.4.1). It does so from L2's page, mapped
 * read-only, since its own code is writable. --self-test: WXN is 0.
 */
static void build_wxn(struct litmus *l)
{
	uint64_t usual = l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_NG, page = 1ull << l->shift;

	add_context(l, 0, VMID, 0, false, true);
	add_code(l, DATA_PA, CODE);
	add_code(l, CODE_READ_ONLY_PA, MORE_CODE);
	add_write(l, STEP_E2, 0, E2_TEST_VA, leaf_s1(DATA_PA, 3, usual), 3);
	add_write(l, STEP_E2, 0, READ_ONLY_VA, leaf_s1(CODE_READ_ONLY_PA, 3, usual | PTE_S1_RO), 3);
	add_write(l, STEP_E2, 0, CALL_VA, leaf_s1(l->vm->shared->l2_page, 3, usual | PTE_S1_RO), 3);
	last_step(l)->d = L2_PAGE_SIZE / page;
	for (unsigned again = 0; again < 2; again++) { /* and after L2 has run */
		call(l, E2_TEST_VA, false, ROLE_AFTER, 0, CODE_RESULT);
		call(l, E2_TEST_VA, true, ROLE_GONE, CODE_RESULT, 0);
		call(l, READ_ONLY_VA, true, ROLE_AFTER, 0, MORE_CODE_RESULT);
		call(l, READ_ONLY_VA, false, ROLE_AFTER, 0, MORE_CODE_RESULT);
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0);
	}
	add_write(l, STEP_E2, 0, E2_TEST_VA, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

static void add_wxn(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_wxn,
			    .level = 3,
			    .vel2 = true,
			    .any_stage2 = true,
			    .own = true };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.shift = 12; l.shift <= 16; l.shift += 2) {
			l.config.e2h0 = nvhe;
			l.regime = nvhe ? "el2" : "el2&0";
			list_add(list, &l, "vel2-wxn/%s/%s", nvhe ? "nvhe" : "vhe", granule_word(l.shift));
		}
}

void cases_vel2(struct list *list)
{
	add_tagged(list);
	add_wxn(list);
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (unsigned op = 0; op < operation_count; op++) {
			/* Without E2H there is no E1 operation for the regime. */
			if (is_stage2(&operations[op]) || (nvhe && operations[op].regime == EL10))
				continue;
			for (unsigned shift = 12; shift <= 16; shift += 2)
				add_operation(list, (struct litmus){ .op = op,
								     .config = { .cpus = 2, .spare = 2, .e2h0 = nvhe },
								     .shift = shift });
		}
}

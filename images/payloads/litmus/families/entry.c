// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exception to vEL2 carries and where it goes. immediate: of an HVC of L2, and of an SMC, SVC and BRK that L1 traps,
 * ESR_EL2.ISS has all 16 bits (Arm ARM DDI 0487 M.a.a, D24.2.46). entry-ssbs: PSTATE.SSBS is SCTLR_EL2.DSSBS, here 1, whatever
 * it was (D1.3.2, D24.2 SCTLR_EL2). entry-span: with SCTLR_EL2.SPAN = 0 PSTATE.PAN is what it was, since {E2H,TGE} is not {1,1}
 * (J1.1.2). own-vector: what vEL2 itself raises goes to the vector of the stack pointer that it uses (D1.3.1.5).
 */
#include "families/families.h"
#include "host/features.h"
#include "host/program.h"

#define IMMEDIATE(value) ((uint32_t)(value) << 5)
#define BITS_OF_IMMEDIATE 16
#define ANY_IMMEDIATE 0xa5c3u

static const struct {
	const char *word;
	uint32_t instruction;
	enum sys_at where;
	uint64_t ec, hcr, hfgitr, mdcr;
} all[] = {
	{ "hvc", 0xd4000002, SYS_AT_EL1, ESR_EC_HVC, 0, 0, 0 },
	{ "smc", 0xd4000003, SYS_AT_EL1, ESR_EC_SMC, HCR_TSC, 0, 0 },
	{ "svc-el1", 0xd4000001, SYS_AT_EL1, ESR_EC_SVC, 0, HFGITR_SVC_EL1, 0 },
	{ "svc-el0", 0xd4000001, SYS_AT_EL0, ESR_EC_SVC, 0, HFGITR_SVC_EL0, 0 },
	{ "brk-el1", 0xd4200000, SYS_AT_EL1, ESR_EC_BRK, 0, 0, MDCR_TDE },
	{ "brk-el0", 0xd4200000, SYS_AT_EL0, ESR_EC_BRK, 0, 0, MDCR_TDE },
};
#define ALL ((int)(sizeof(all) / sizeof(*all)))

/* --self-test: none of them is executed. */
static void build_immediate(struct litmus *l)
{
	struct context *c = &l->vm->shared->context[0];

	add_context(l, 0, VMID, 0, false, true);
	c->hcr |= all[l->variant].hcr;
	c->hfgitr = all[l->variant].hfgitr;
	if (all[l->variant].mdcr)
		c->controls = (struct controls){ .set = 1,
						 .cptr = CPTR_E2H_FPEN,
						 .mdcr = all[l->variant].mdcr,
						 .cnthctl = CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN };
	for (unsigned bit = 0; bit <= BITS_OF_IMMEDIATE; bit++) {
		uint32_t immediate = bit == BITS_OF_IMMEDIATE ? ANY_IMMEDIATE : 1u << bit;
		struct step *s = add(l, 0, STEP_SYS);
		struct probe *p = add_probe(l, 0, l->steps[0] - 1, ROLE_TRAP);

		s->b = all[l->variant].instruction | IMMEDIATE(immediate);
		s->c = all[l->variant].where;
		s->flags = STEP_UNDER_TEST | STEP_WORD;
		p->now = PLACE(ESR_EC, all[l->variant].ec) | immediate;
		p->at = s->b;
	}
}

enum { WITH_SSBS, WITH_SPAN };

/* What differs in SCTLR_EL2. */
static void differs(struct litmus *l)
{
	last_step(l)->flags |= l->variant == WITH_SSBS ? STEP_SSBS | STEP_UNDER_TEST : STEP_SPAN;
}

/*
 * Calls of L2, and faults that L0 tells vEL2 of; PSTATE.SSBS and PAN of L2 are 1 in some. --self-test: SCTLR_EL2.DSSBS is 0, and
 * no page is there.
 */
static void build_state(struct litmus *l)
{
	uint64_t at, old = value_at(DATA_PA), all_of = PTE_S2_R | PTE_S2_W;

	l->shift = vm_stage2(l->vm);
	at = fresh_ipa(l->shift, 3, 1);
	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, DATA_PA, old);
	for (unsigned i = 0; i < 2; i++) {
		add_write(l, STEP_S2, 0, at, l->vm->shared->skip ? 0 : leaf_s2(DATA_PA, 3, all_of), 3);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, old);
		differs(l);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, old); /* the other bit in between */
		add_write(l, STEP_S2, 0, at, 0, 3);
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, at, 0, 0), 0);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		for (enum access access = ACCESS_READ; access <= ACCESS_EXECUTE; access++) {
			add_access(l, 0, access, at, l->el0, ROLE_GONE, access == ACCESS_WRITE ? 0 : old, 0);
			differs(l);
		}
		add_access(l, 0, ACCESS_READ, at, false, ROLE_GONE, old, 0);
	}
	add_cleanup(l, 0, at, 3, 1);
}

#define RVAE2IS (4u << 16 | 8u << 12 | 2u << 8 | 1u << 5) /* as an operand of SYS */
#define UDF 0
enum { WITH_SP0 = 1, HIDDEN_RANGE = 2, VECTORS = 4 };

static void raise_one(struct litmus *l, bool with_sp0, uint64_t word, uint32_t flags, enum role role, uint64_t esr)
{
	add_sys(l, SYS_AT_EL2, word, 0, STEP_UNDER_TEST | flags | (with_sp0 ? STEP_SP0 : 0), role, esr);
}

/*
 * struct litmus.variant: with SP_EL0, and the other one in between. L0 emulates what HVC raises, and what is UNDEFINED since
 * the VMM hides it. --self-test: none is executed.
 */
static void build_vector(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < 4; i++) {
		bool with_sp0 = (bool)(l->variant & WITH_SP0) != (i == 2);
		uint32_t immediate = i ? ANY_IMMEDIATE : 0;

		raise_one(l, with_sp0, all[0].instruction | IMMEDIATE(immediate), STEP_WORD, ROLE_RAISES,
			  PLACE(ESR_EC, ESR_EC_HVC) | immediate);
		raise_one(l, with_sp0, UDF, STEP_WORD, ROLE_UNDEF, 0);
		if (l->config.hide_range)
			raise_one(l, with_sp0, RVAE2IS, 0, ROLE_UNDEF, 0);
	}
}

void cases_entry(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_immediate,
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0" };

	for (l.variant = 0; l.variant < ALL; l.variant++) {
		l.el0 = all[l.variant].where == SYS_AT_EL0;
		list_add(list, &l, "immediate/%s", all[l.variant].word);
	}
	for (unsigned nvhe = 0; nvhe < 2; nvhe++) {
		l.config.e2h0 = nvhe;
		l.variant = 0;
		l.build = build_state;
		l.regime = "el1&0-stage2";
		for (l.variant = 0; l.variant <= (nvhe ? WITH_SSBS : WITH_SPAN); l.variant++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				l.el0 = el0;
				list_add(list, &l, "entry-%s/%s/el%u", l.variant == WITH_SSBS ? "ssbs" : "span",
					 nvhe ? "nvhe" : "vhe", !el0);
			}
		l.el0 = false;
		l.build = build_vector;
		l.regime = nvhe ? "el2" : "el2&0";
		for (l.variant = 0; l.variant < VECTORS; l.variant++) {
			l.config.hide_range = l.variant & HIDDEN_RANGE;
			list_add(list, &l, "own-vector/%s/%s%s", nvhe ? "nvhe" : "vhe",
				 l.variant & WITH_SP0 ? "sp-el0" : "sp-el2", l.config.hide_range ? "-hidden" : "");
		}
		l.config.hide_range = false;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L0 carries between vEL2 and L2. carried: registers of EL1 that vEL2 sets are L2's, what L2 makes of them vEL2 finds, and
 * vEL2's own CONTEXTIDR_EL2 stays, as its timers do and, where AT has used L0's MMU, TCR2_EL2, PIR_EL2 and PIRE0_EL2; VPIDR_EL2, VMPIDR_EL2 and CNTVOFF_EL2 are in what L2 reads (Arm ARM DDI 0487 M.a.a, D24.2, D8.14). sea: an
 * External abort of L2's fetch goes where HCR_EL2.TEA says (D24.2.62).
 */
#include "families/families.h"
#include "families/registers.h"

#define WORD REGISTER_WORD

/* L2's register, and op1 of vEL2's name for it; 0: both have one register. `fixed`: L2 may only read it, and these bits are 1. */
static const struct carried {
	const char *word;
	uint8_t op1, crn, crm, op2, vel2;
	bool own, reads;
	uint64_t mask, fixed;
	bool indirect; /* FEAT_S1PIE has it */
} all[] = {
	{ "esr", 0, 5, 2, 0, 5, false, false, 0xffffffff, 0, false },
	{ "far", 0, 6, 0, 0, 5, false, false, ~0ull, 0, false },
	{ "contextidr", 0, 13, 0, 1, 5, true, false, 0xffffffff, 0, false },
	{ "cntkctl", 0, 14, 1, 0, 5, false, false, 0x3ff, 0, false },
	{ "spsr", 0, 4, 0, 0, 5, false, false, SPSR_NZCV, 0, false },
	{ "elr", 0, 4, 0, 1, 5, false, false, ~3ull, 0, false },
	{ "cpacr", 0, 1, 0, 2, 5, false, false, CPTR_E2H_FPEN, 0, false },
	{ "ttbr0", 0, 2, 0, 0, 5, false, false, 0xffff0000fffff000, 0, false },
	{ "ttbr1", 0, 2, 0, 1, 5, false, false, 0xffff0000fffff000, 0, false },
	{ "tcr", 0, 2, 0, 2, 5, false, false, TCR_T0SZ | TCR_T1SZ | TCR_IRGN0 | TCR_ORGN0 | TCR_SH0, 0, false },
	{ "mair", 0, 10, 2, 0, 5, false, false, ~0ull, 0, false },
	{ "vbar", 0, 12, 0, 0, 5, false, false, ~0x7ffull, 0, false },
	{ "tcr2", 0, 2, 0, 3, 5, false, false, TCR2_PIE, 0, true },
	{ "pir", 0, 10, 2, 3, 5, false, false, ~0ull, 0, true },
	{ "pire0", 0, 10, 2, 2, 5, false, false, ~0ull, 0, true },
	{ "tpidr-el0", 3, 13, 0, 2, 3, false, false, ~0ull, 0, false },
	{ "tpidrro-el0", 3, 13, 0, 3, 3, false, false, ~0ull, 0, false },
	{ "tpidr-el1", 0, 13, 0, 4, 0, false, false, ~0ull, 0, false },
	{ "par", 0, 7, 4, 0, 0, false, false, PAR_PA, 0, false },
	{ "midr", 0, 0, 0, 0, 4, false, true, 0xffffffff, 0, false },
	{ "mpidr", 0, 0, 0, 5, 4, false, true, VMPIDR_AFF | VMPIDR_AFF3, VMPIDR_RES1, false },
};
#define ALL (sizeof(all) / sizeof(*all))
enum { STACKS = ALL, OWN, COUNTER, TIMERS, AFTER_AT }; /* variants beside the registers */

static void finds(struct litmus *l, enum sys_at where, uint32_t word, uint64_t value)
{
	register_is(l, where, word, ~0ull, value);
}

static uint64_t pattern(const struct carried *r, unsigned n)
{
	return (0x5a96c3e1f0d2b487ull * (2 * n + 1) & r->mask) | r->fixed;
}

static void open_controls(struct litmus *l)
{
	bool vhe = !l->config.e2h0;

	l->vm->shared->context[0].controls = (struct controls){ .set = 1,
								.cptr = vhe ? CPTR_E2H_FPEN : 0,
								.cnthctl = vhe ? CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN
									       : CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN };
}

/* And nothing traps the registers of FEAT_S1PIE. */
static void open_indirect(struct litmus *l)
{
	struct context *c = &l->vm->shared->context[0];

	open_controls(l);
	c->controls.fgt = 1;
	for (unsigned i = 0; i < 2; i++) /* HFGRTR_EL2, HFGWTR_EL2 */
		c->controls.fine[i] = INVERTED_BITS;
	c->hcrx = HCRX_TCR2EN;
}

/* --self-test: nothing is executed. */
static void build_register(struct litmus *l)
{
	const struct carried *r = &all[l->variant];
	uint32_t read = WORD(r->op1, r->crn, r->crm, r->op2, 1), write = WORD(r->op1, r->crn, r->crm, r->op2, 0);
	/* Without E2H the names of EL1 are L2's registers. */
	unsigned vel2 = l->config.e2h0 && r->vel2 == 5 ? 0 : r->vel2;
	uint32_t vel2_read = WORD(vel2, r->crn, r->crm, r->op2, 1), vel2_write = WORD(vel2, r->crn, r->crm, r->op2, 0);
	bool own = r->own && !l->config.e2h0;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].keeps = 1;
	if (r->indirect)
		open_indirect(l);
	if (own)
		register_set(l, SYS_AT_EL2, write, pattern(r, 8));
	for (unsigned i = 0; i < 2; i++) {
		register_set(l, SYS_AT_EL2, vel2_write, pattern(r, i));
		finds(l, SYS_AT_EL1, read, pattern(r, i));
		if (r->reads)
			continue;
		register_set(l, SYS_AT_EL1, write, pattern(r, i + 4));
		finds(l, SYS_AT_EL2, vel2_read, pattern(r, i + 4));
		finds(l, SYS_AT_EL1, read, pattern(r, i + 4));
		if (own)
			finds(l, SYS_AT_EL2, read, pattern(r, 8));
	}
}

#define MOV_X1_SP 0x910003e1u
#define MOV_SP_X1 0x9100003fu

/* The stack pointers of EL0 and EL1 by what L2 computes from its own: which that is depends on the step (guest/l2.c). */
static void build_stacks(struct litmus *l)
{
	static const unsigned op1[2] = { 4, 0 }; /* of SP_EL1 and SP_EL0 */
	uint64_t value[2];

	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < 6; i++) {
		unsigned which;

		for (unsigned el0 = 0; el0 < 2; el0++) {
			value[el0] = 0x5a96c3e1f0d2b480ull * (2 * i + el0 + 1);
			register_set(l, SYS_AT_EL2, WORD(op1[el0], 4, 1, 0, 0), value[el0]);
		}
		which = enters_with_sp0(l->steps[0]);
		finds(l, SYS_AT_EL1, MOV_X1_SP, value[which]);
		which = enters_with_sp0(l->steps[0]);
		value[which] = ~value[which] & ~15ull;
		register_set(l, SYS_AT_EL1, MOV_SP_X1, value[which]);
		for (unsigned el0 = 0; el0 < 2; el0++)
			finds(l, SYS_AT_EL2, WORD(op1[el0], 4, 1, 0, 1), value[el0]);
	}
}

/*
 * vEL2's own registers have what it gave them, before L2 has run and after: TCR_EL2, SCTLR_EL2, MAIR_EL2, by these names with E2H
 * and without. --self-test: nothing is executed.
 */
static void build_own(struct litmus *l)
{
	uint64_t sizes = PLACE(TCR_T0SZ, 25) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3);
	uint64_t tcr = l->config.e2h0 ? sizes | TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH | PLACE(TCR_E2H0_PS, 2)
				      : sizes | PLACE(TCR_IPS, 2) | TCR_AS;
	uint64_t low = TCR_T0SZ | TCR_IRGN0 | TCR_ORGN0 | TCR_SH0 | TCR_TG0;
	const struct {
		unsigned crn, crm, op2;
		uint64_t mask, value;
	} own[] = {
		{ 2, 0, 2, l->config.e2h0 ? ~0ull : low | TCR_IPS | TCR_AS | TCR_TBI0 | TCR_TBI1 | TCR_HA | TCR_HD, tcr },
		{ 1, 0, 0, SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_EE, SCTLR_M | SCTLR_C | SCTLR_I },
		{ 10, 2, 0, ~0ull, 0xff },
	};

	add_context(l, 0, VMID, 0, false, true);
	for (unsigned again = 0; again < 2; again++) {
		for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++) {
			finds(l, SYS_AT_EL2, WORD(4, own[i].crn, own[i].crm, own[i].op2, 1), own[i].value);
			last_probe(l)->old = own[i].mask;
		}
		register_set(l, SYS_AT_EL1, WORD(0, 7, 4, 0, 1), 0); /* L2 reads PAR_EL1 */
	}
}

/*
 * Each of the four timers has its comparison from wherever it is written, by each name that there is. struct litmus.position: the timer of
 * which vEL2 writes TVAL, that is CVAL from the counter on, of which the highest bits are 0 (D12.2.4). --self-test: nothing is executed.
 */
static void build_timers(struct litmus *l)
{
	bool vhe = !l->config.e2h0;
	const struct {
		unsigned crm, name, l2; /* op1 of vEL2's name, and of L2's */
	} timers[4] = { { 3, vhe ? 5 : 3, 3 }, { 2, vhe ? 5 : 3, 3 }, { 2, 4, 0 }, { 3, 4, 0 } };
	unsigned count = vhe ? 4 : 3, other = (unsigned)l->position;
	uint64_t compare[4];

	add_context(l, 0, VMID, 0, false, true);
	open_controls(l);
	for (unsigned again = 0; again < 3; again++) {
		for (unsigned i = 0; i < count; i++) {
			bool by_l2 = again == 1 && timers[i].l2;

			if (again == 2 && i != other)
				continue;
			compare[i] = again == 2 ? 0 : 0xa5c3f00f12345678ull * (2 * (4 * again + i) + 1) | 9ull << 60;
			register_set(l, by_l2 ? SYS_AT_EL1 : SYS_AT_EL2,
				     WORD(by_l2 ? timers[i].l2 : timers[i].name, 14, timers[i].crm, again == 2 ? 0 : 2, 0),
				     compare[i]);
		}
		for (unsigned i = 0; i < count; i++)
			for (unsigned at = 0; at < 3; at++) {
				enum sys_at where = at == 1 ? SYS_AT_EL1 : SYS_AT_EL2;
				unsigned op1 = at == 1 ? timers[i].l2 : at == 2 ? 3 : timers[i].name;

				/* With E2H the names of EL0 are those of vEL2's own at vEL2. */
				if ((at == 1 && !timers[i].l2) || (at == 2 && (!vhe || timers[i].l2)))
					continue;
				register_is(l, where, WORD(op1, 14, timers[i].crm, 2, 1),
					    again == 2 && i == other ? 15ull << 60 : ~0ull, compare[i]);
			}
	}
}

/* What AT for L2 needs of L0's MMU is not vEL2's: TCR2_EL2, PIR_EL2, PIRE0_EL2. --self-test: nothing is executed. */
static void build_after_at(struct litmus *l)
{
	static const struct {
		unsigned crn, crm, op2;
		uint64_t value;
	} own[] = { { 10, 2, 3, 0x1122334455667788 }, { 10, 2, 2, 0x2211443366558877 } };
	unsigned el1 = l->config.e2h0 ? 4 : 0;

	add_context(l, 0, VMID, 0, false, true);
	open_indirect(l);
	l->vm->shared->context[0].keeps = 1;
	/* By its name of EL2, which traps, and with E2H by that of EL1, which does not. */
	for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++) {
		register_set(l, SYS_AT_EL2, WORD(4, own[i].crn, own[i].crm, own[i].op2, 0), own[i].value >> 4);
		register_set(l, SYS_AT_EL2, WORD(el1, own[i].crn, own[i].crm, own[i].op2, 0), own[i].value);
	}
	for (unsigned again = 0; again < 4; again++) {
		if (again % 2)
			add_at(l, 0, again == 1 ? AT_S1E1R : AT_S1E0W, fresh_ipa(12, 3, 1), 0);
		if (again % 2)
			last_probe(l)->old = 0;
		else
			register_set(l, SYS_AT_EL1, WORD(0, 10, 2, 3 - again / 2, 0), ~own[again / 2].value);
		for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++) {
			finds(l, SYS_AT_EL2, WORD(el1, own[i].crn, own[i].crm, own[i].op2, 1), own[i].value);
			finds(l, SYS_AT_EL2, WORD(4, own[i].crn, own[i].crm, own[i].op2, 1), own[i].value);
		}
	}
	for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++)
		register_set(l, SYS_AT_EL2, WORD(4, own[i].crn, own[i].crm, own[i].op2, 0), 0);
}

/*
 * CNTVOFF_EL2 is taken from L2's virtual counter, from vEL2's without E2H, and from no other (D12.1.2, J1.3 VirtualCounterTimer()): its
 * highest bits tell.
 */
static void build_counter(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	open_controls(l);
	for (unsigned i = 0; i < 3; i++) {
		register_set(l, SYS_AT_EL2, WORD(4, 14, 0, 3, 0), i ? (uint64_t)i << 60 : 0);
		for (unsigned physical = 0; physical < 2; physical++) {
			uint64_t now = physical || !i ? 0 : -((uint64_t)i << 60);

			finds(l, SYS_AT_EL1, WORD(3, 14, 0, physical ? 1 : 2, 1), now);
			last_probe(l)->old = 15ull << 60;
			finds(l, SYS_AT_EL2, WORD(3, 14, 0, physical ? 1 : 2, 1), l->config.e2h0 ? now : 0);
			last_probe(l)->old = 15ull << 60;
		}
	}
	register_set(l, SYS_AT_EL2, WORD(4, 14, 0, 3, 0), 0);
}

/* L1's stage 2 maps a page of no memory, from which L2 fetches. --self-test: there is memory, with code. */
static void build_sea(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1);
	bool traps = l->variant, same = !traps && !l->el0;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hcr |= traps ? HCR_TEA : 0;
	add_code(l, DATA_PA, CODE);
	add_write(l, STEP_S2, 0, at, leaf_s2(l->vm->shared->skip ? DATA_PA : NO_MEMORY_PA, 3, PTE_S2_R | PTE_S2_W), 3);
	add_access(l, 0, ACCESS_EXECUTE, at, l->el0, ROLE_GONE, CODE_RESULT, 0);
	p = last_probe(l);
	p->at = 0; /* HPFAR_EL2 is UNKNOWN */
	p->far = at;
	p->fault = FAULT_EXTERNAL;
	p->esr_mask = ESR_EC | ESR_FSC;
	p->esr = PLACE(ESR_EC, same ? ESR_EC_IABT_SAME : ESR_EC_IABT_LOW) | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_EXTERNAL);
	add_cleanup(l, 0, at, 3, 1);
}

void cases_carried(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_register,
			    .own = true,
			    .regime = "el1&0",
			    .level = 3,
			    .shift = 12,
			    .any_stage2 = true };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++) {
		l.config.e2h0 = nvhe;
		l.build = build_register;
		for (l.variant = 0; l.variant < (int)ALL; l.variant++) {
			l.needs_s1pie = all[l.variant].indirect;
			list_add(list, &l, "%scarried/%s", nvhe ? "nvhe-" : "", all[l.variant].word);
		}
		l.needs_s1pie = false;
		l.variant = STACKS;
		l.build = build_stacks;
		list_add(list, &l, "%scarried/stacks", nvhe ? "nvhe-" : "");
		l.variant = OWN;
		l.build = build_own;
		list_add(list, &l, "%scarried/own", nvhe ? "nvhe-" : "");
		l.variant = COUNTER;
		l.build = build_counter;
		list_add(list, &l, "%scarried/cntvoff", nvhe ? "nvhe-" : "");
		l.variant = TIMERS;
		l.build = build_timers;
		for (l.position = 0; l.position < (nvhe ? 3 : 4); l.position++)
			list_add(list, &l, "%scarried/timers%d", nvhe ? "nvhe-" : "", l.position);
		l.position = 0;
		l.variant = AFTER_AT;
		l.needs_s1pie = true;
		l.build = build_after_at;
		list_add(list, &l, "%scarried/after-at", nvhe ? "nvhe-" : "");
		l.needs_s1pie = false;
	}
	l.config.e2h0 = false;
	l.build = build_sea;
	l.any_stage2 = false;
	l.regime = "el1&0-stage2";
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = 0; l.variant < 2; l.variant++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				l.el0 = el0;
				list_add(list, &l, "sea/%s/%s%s", granule_word(l.shift),
					 l.variant ? "to-el2" : "to-el1", el0 ? "-from-el0" : "");
			}
}

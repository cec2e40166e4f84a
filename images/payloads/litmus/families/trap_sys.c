// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L2 does with its own translation at EL1 beside TLBI, and L1 traps: AT, cache maintenance, the registers of the EL1&0
 * regime. A case sets one bit of HCR_EL2 or HFGITR_EL2; each instruction of that bit arrives at vEL2 with its syndrome, and
 * each other executes (Arm ARM DDI 0487 M.a.a, D24.2.62 HCR_EL2, D24.2.71 HFGITR_EL2).
 */
#include "families/families.h"
#include "host/features.h"
#include "host/program.h"

/* The fields of an instruction where struct step.b has them; op0 = 3 and reads are bits beside them. */
#define SYSTEM(op1, crn, crm, op2) ((op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define IS_REGISTER (1u << 20)
#define IS_READ (1u << 21)

/* `quiet`: L2 can do it with Xt = 0 and nothing happens. */
struct instruction {
	uint32_t fields;
	uint64_t hcr;
	int hfgitr_bit; /* -1: none */
	bool quiet;
};

static const struct instruction instructions[] = {
	{ SYSTEM(0, 7, 8, 0), HCR_AT, 12, true }, /* S1E1R, S1E1W, S1E0R, S1E0W */
	{ SYSTEM(0, 7, 8, 1), HCR_AT, 13, true },
	{ SYSTEM(0, 7, 8, 2), HCR_AT, 14, true },
	{ SYSTEM(0, 7, 8, 3), HCR_AT, 15, true },
	{ SYSTEM(0, 7, 9, 0), HCR_AT, 16, true }, /* S1E1RP, S1E1WP */
	{ SYSTEM(0, 7, 9, 1), HCR_AT, 17, true },
	{ SYSTEM(0, 7, 1, 0), HCR_TPU | HCR_TICAB, 0, true }, /* IC IALLUIS, IALLU, IVAU */
	{ SYSTEM(0, 7, 5, 0), HCR_TPU | HCR_TOCU, 1, true },
	{ SYSTEM(3, 7, 5, 1), HCR_TPU | HCR_TOCU, 2, false },
	{ SYSTEM(0, 7, 6, 1), HCR_TPCP, 3, false }, /* DC IVAC */
	{ SYSTEM(0, 7, 6, 2), HCR_TSW, 4, false }, /* DC ISW, CSW, CISW */
	{ SYSTEM(0, 7, 10, 2), HCR_TSW, 5, false },
	{ SYSTEM(0, 7, 14, 2), HCR_TSW, 6, false },
	{ SYSTEM(3, 7, 11, 1), HCR_TPU | HCR_TOCU, 7, false }, /* DC CVAU, CVAP, CIVAC, ZVA, CVAC */
	{ SYSTEM(3, 7, 12, 1), HCR_TPCP, 8, false },
	{ SYSTEM(3, 7, 14, 1), HCR_TPCP, 10, false },
	{ SYSTEM(3, 7, 4, 1), HCR_TDZ, 11, false },
	{ SYSTEM(3, 7, 10, 1), HCR_TPCP, 54, false },
	{ IS_REGISTER | SYSTEM(0, 1, 0, 0), HCR_TVM, -1, false }, /* SCTLR, TTBR0, TTBR1, TCR */
	{ IS_REGISTER | SYSTEM(0, 2, 0, 0), HCR_TVM, -1, false },
	{ IS_REGISTER | SYSTEM(0, 2, 0, 1), HCR_TVM, -1, true },
	{ IS_REGISTER | SYSTEM(0, 2, 0, 2), HCR_TVM, -1, false },
	{ IS_REGISTER | SYSTEM(0, 5, 1, 0), HCR_TVM, -1, true }, /* AFSR0, AFSR1, ESR, FAR */
	{ IS_REGISTER | SYSTEM(0, 5, 1, 1), HCR_TVM, -1, true },
	{ IS_REGISTER | SYSTEM(0, 5, 2, 0), HCR_TVM, -1, true },
	{ IS_REGISTER | SYSTEM(0, 6, 0, 0), HCR_TVM, -1, true },
	{ IS_REGISTER | SYSTEM(0, 10, 2, 0), HCR_TVM, -1, false }, /* MAIR, AMAIR, CONTEXTIDR */
	{ IS_REGISTER | SYSTEM(0, 10, 3, 0), HCR_TVM, -1, true },
	{ IS_REGISTER | SYSTEM(0, 13, 0, 1), HCR_TVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 1, 0, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 2, 0, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 2, 0, 1), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 2, 0, 2), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 5, 1, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 5, 1, 1), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 5, 2, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 6, 0, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 10, 2, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 10, 3, 0), HCR_TRVM, -1, true },
	{ IS_READ | IS_REGISTER | SYSTEM(0, 13, 0, 1), HCR_TRVM, -1, true },
};
#define ERET 0xd69f03e0u
#define INSTRUCTIONS (sizeof(instructions) / sizeof(*instructions))

/* Bits of HCR_EL2 by litmus.variant; after them the instructions with a bit of HFGITR_EL2. */
static const uint64_t bits[] = { 0, HCR_AT, HCR_TPU, HCR_TPCP, HCR_TSW, HCR_TDZ, HCR_TVM, HCR_TRVM, HCR_TOCU, HCR_TICAB };
static const char *const bit_words[] = { "none", "at", "tpu", "tpcp", "tsw", "tdz", "tvm", "trvm", "tocu", "ticab" };
#define BITS (sizeof(bits) / sizeof(*bits))

/* ISS of the trap: EC 0x18, with Xt = X1. */
static uint64_t syndrome(uint32_t fields)
{
	return syndrome_of_word(SYS_OP0 | fields | 1);
}

/* What SPSR_EL2.M may not be: EL3, values that are reserved, AArch32, and EL1 where HCR_EL2.TGE is 1 (R_VWJHB). */
enum { TO_EL3, TO_RESERVED, TO_BIT_1, TO_AARCH32, TO_EL1, TO_EL1T, RETURNS };
static const uint64_t modes[RETURNS] = { SPSR_MODE_EL3H_MASKED, SPSR_MODE_RESERVED,    SPSR_MODE_EL1_HIGH,
					 SPSR_MODE_AARCH32,	SPSR_MODE_EL1H_MASKED, SPSR_MODE_EL1T_MASKED };
static const char *const mode_words[RETURNS] = { "el3", "reserved", "bit1", "aarch32", "el1-tge", "el1t-tge" };

/*
 * vEL2 stays where it is, and the next instruction is an Illegal Execution state exception, which has the flags, masks and PAN of SPSR_EL2
 * (R_VWJHB).
 */
static void build_return(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hcr |= l->variant >= TO_EL1 ? HCR_TGE : 0;
	for (unsigned i = 0; i < 8; i++) {
		struct step *s = add(l, 0, STEP_RETURN);
		struct probe *p = add_probe(l, 0, l->steps[0] - 1, ROLE_RAISES);

		s->a = (modes[l->variant] & ~SPSR_DAIF) | PLACE(SPSR_DAIF, 5 * i + 3) |
		       PLACE(SPSR_NZCV, 5 + 3 * ((unsigned)l->variant + i)) | (i & 2 ? SPSR_PAN : 0);
		s->flags = STEP_UNDER_TEST;
		p->now = PLACE(ESR_EC, ESR_EC_ILLEGAL_STATE);
		p->at = s->a;
	}
}

/* --self-test: none of the instructions is executed. */
static void build_sys(struct litmus *l)
{
	struct context *c = &l->vm->shared->context[0];
	unsigned variant = (unsigned)l->variant;

	add_context(l, 0, VMID, 0, false, true);
	if (variant < BITS)
		c->hcr |= bits[variant];
	else
		c->hfgitr = 1ull << instructions[variant - BITS].hfgitr_bit;
	for (unsigned i = 0; i < INSTRUCTIONS; i++) {
		const struct instruction *n = &instructions[i];
		bool trapped = variant < BITS ? (n->hcr & bits[variant]) != 0 : i == variant - BITS;
		struct step *s;
		struct probe *p;

		if (!trapped && !n->quiet)
			continue;
		s = add(l, 0, STEP_SYS);
		s->b = n->fields;
		s->c = SYS_AT_EL1;
		s->d = 1;
		s->flags = STEP_UNDER_TEST;
		p = add_probe(l, 0, l->steps[0] - 1, trapped ? ROLE_TRAP : ROLE_DONE);
		p->now = syndrome(n->fields);
		p->at = n->fields;
	}
}

/* vEL2 returns to itself, by either stack pointer, with the flags, masks and modes that SPSR_EL2 says (D1.3.4). */
static void build_own_return(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < 16; i++) {
		bool with_sp0 = (bool)l->variant != (i % 4 == 3); /* and the other one in between */
		uint64_t spsr = PLACE(SPSR_EL, 2) | !with_sp0 | PLACE(SPSR_DAIF, 5 * i) | PLACE(SPSR_NZCV, 7 * i);
		struct step *s = add(l, 0, STEP_RETURN);
		struct probe *p = add_probe(l, 0, l->steps[0] - 1, ROLE_PAR);

		s->a = spsr;
		s->c = 1;
		s->flags = STEP_UNDER_TEST;
		p->old = SPSR_MODE | SPSR_NZCV;
		p->now = spsr;
		p->at = spsr;
	}
}

void cases_illegal_return(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_return,
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el2&0" };

	for (l.variant = 0; l.variant < RETURNS; l.variant++)
		list_add(list, &l, "illegal-return/%s", mode_words[l.variant]);
	l.build = build_own_return;
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.variant = 0; l.variant < 2; l.variant++) {
			l.config.e2h0 = nvhe;
			l.regime = nvhe ? "el2" : "el2&0";
			list_add(list, &l, "own-return/%s/%s", nvhe ? "nvhe" : "vhe", l.variant ? "sp-el0" : "sp-el2");
		}
}

/* ERET of L2, by HFGITR_EL2.ERET; what it would do otherwise does not matter. --self-test: nothing is executed. */
static void build_eret(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hfgitr = HFGITR_ERET;
	for (unsigned i = 0; i < 4; i++)
		add_sys(l, SYS_AT_EL1, ERET, 0, STEP_UNDER_TEST | STEP_WORD, ROLE_TRAP, PLACE(ESR_EC, ESR_EC_ERET));
}

void cases_trap_sys(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_sys,
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0",
			    .needs_pan2 = true };

	for (l.variant = 0; l.variant < (int)(BITS + INSTRUCTIONS); l.variant++) {
		unsigned variant = (unsigned)l.variant;

		l.needs_evt = variant < BITS && bits[variant] & (HCR_TOCU | HCR_TICAB);
		l.needs_pan2 = !l.needs_evt;
		if (variant < BITS)
			list_add(list, &l, "trap-sys/hcr/%s", bit_words[variant]);
		else if (instructions[variant - BITS].hfgitr_bit >= 0)
			list_add(list, &l, "trap-sys/hfgitr/bit%d", instructions[variant - BITS].hfgitr_bit);
	}
	l.build = build_eret; /* by a variant of its own */
	list_add(list, &l, "trap-sys/hfgitr/eret");
}

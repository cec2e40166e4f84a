// SPDX-License-Identifier: GPL-2.0-only
/* What vEL2 itself executes for a step, guarded: what raises an exception is skipped, and told. */
#include "guest/own.h"
#include "guest/l2.h"
#include "guest/stubs.h"
#include "guest/tlbi.h"

/* vEL2's own translation, by the names of EL1 that it has with E2H: what L0 emulates for it may borrow these registers. */
struct own_regime {
	uint64_t ttbr0, ttbr1, tcr, mair;
};

static struct own_regime own_regime(void)
{
	if (!shared->e2h)
		return (struct own_regime){};
	return (struct own_regime){ MRS(ttbr0_el1), MRS(ttbr1_el1), MRS(tcr_el1), MRS(mair_el1) };
}

static void check_own(const struct own_regime *was, struct outcome *o)
{
	struct own_regime is = own_regime();
	uint64_t differs =
		(is.ttbr0 ^ was->ttbr0) | (is.ttbr1 ^ was->ttbr1) | (is.tcr ^ was->tcr) | (is.mair ^ was->mair);

	if (differs) {
		o->kind = OUTCOME_ASTRAY;
		o->value = differs;
	}
}

/* After an instruction that `guard` let raise an exception. */
static void guarded(struct pe *cpu, struct outcome *o)
{
	cpu->guard = 0;
	barrier_ish();
	if (cpu->took) {
		o->kind = OUTCOME_EXCEPTION;
		o->esr = cpu->esr;
		o->far = cpu->far;
	}
}

void step_tlbi(struct pe *cpu, const struct step *s, struct outcome *o)
{
	struct own_regime own = own_regime();

	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	barrier_ishst();
	if (skipped(s))
		return;
	cpu->took = 0;
	cpu->guard = 1;
	tlbi(s->op, s->a, (unsigned)((uint64_t)s / sizeof(*s)));
	guarded(cpu, o);
	check_own(&own, o);
}

#define SYS_WORD 0xd5080000u /* SYS with all fields 0: op0 = 1, L = 0 (Arm ARM DDI 0487 M.a.a, C4.1) */

/* Of an instruction that raises nothing and loads from X1: all of it is mapped flat. */
static uint64_t big_endian(uint64_t x1)
{
	uint64_t sctlr = MRS(sctlr_el2), value;

	__asm__ volatile("dc civac, %1\n\tdsb sy\n\tmov x1, %1\n\tmsr sctlr_el2, %2\n\tisb\n\tblr %4\n\tmsr sctlr_el2, %3\n\tisb\n\tmov %0, x1"
			 : "=&r"(value)
			 : "r"(x1), "r"((sctlr & ~SCTLR_M) | SCTLR_EE), "r"(sctlr), "r"(any_sys)
			 : "x1", "x30", "memory");
	return value;
}

void step_sys(struct pe *cpu, const struct step *s, struct outcome *o)
{
	volatile uint32_t *word = (volatile uint32_t *)any_sys;
	uint64_t value;

	o->kind = OUTCOME_NONE;
	if (left_out(s))
		return;
	*word = (s->flags & STEP_WORD ? 0 : SYS_WORD | (uint32_t)s->d) | (uint32_t)s->b;
	SYNC_CODE(word);
	if (s->c != SYS_AT_EL2) {
		l2_sys(cpu, s, o);
		return;
	}
	load_context(&shared->context[s->ctx]);
	if (s->flags & STEP_BIG_ENDIAN) {
		o->kind = OUTCOME_VALUE;
		o->value = big_endian(s->a);
		return;
	}
	o->kind = OUTCOME_DONE;
	cpu->took = 0;
	/*
	 * x16 and x17: the exception handler's. A branch raises its exception where it leads. Nothing in between uses the
	 * stack.
	 */
	__asm__ volatile("adr x1, 2f\n\tstr x1, %1\n\tmov x1, %2\n\tcbz %w4, 1f\n\tmsr spsel, #0\n1:\tblr %3\n"
			 "2:\tmsr spsel, #1\n\tmov %0, x1"
			 : "=&r"(value), "=m"(cpu->guard)
			 : "r"(s->a), "r"(any_sys), "r"(s->flags & STEP_SP0)
			 : "x1", "x16", "x17", "x30", "memory");
	guarded(cpu, o);
	if (cpu->took && cpu->took != (s->flags & STEP_SP0 ? PE_TOOK_SP0 : PE_TOOK_SPX))
		o->kind = OUTCOME_ASTRAY;
	if (s->flags & STEP_WORD && o->kind == OUTCOME_DONE) {
		o->kind = OUTCOME_VALUE;
		o->value = value;
	}
}

void step_call(const struct step *s, struct outcome *o)
{
	uint64_t there = s->b - shared->l2_page, sctlr = MRS(sctlr_el2);
	register uint64_t x0 __asm__("x0") = s->a;
	register uint64_t x1 __asm__("x1") = sctlr | (s->c && !left_out(s) ? SCTLR_WXN : 0);
	register uint64_t x2 __asm__("x2") = sctlr;
	register uint64_t x3 __asm__("x3") = (uint64_t)own_call_vectors + there;
	register uint64_t x4 __asm__("x4") = MRS(vbar_el2);

	__asm__ volatile("blr %[call]"
			 : "+r"(x0), "+r"(x1), "+r"(x2)
			 : "r"(x3), "r"(x4), [call] "r"((uint64_t)own_call + there)
			 : "x9", "x10", "x11", "x30", "memory");
	o->kind = x1 ? OUTCOME_EXCEPTION : OUTCOME_VALUE;
	o->value = x0;
	o->esr = x1;
	o->far = x2;
}

/* Where a return to EL2 goes on, with the stack pointer that SPSR_EL2 says: as pe_enter() comes back from below EL2. */
extern const uint8_t own_landing[];
__asm__(".text\n"
	"own_landing:\n"
	"	mrs	x0, spsel\n"
	"	mrs	x1, currentel\n"
	"	mrs	x2, nzcv\n"
	"	mrs	x3, daif\n"
	"	msr	daifset, #15\n"
	"	msr	spsel, #1\n"
	"	mrs	x9, tpidr_el2\n"
	"	stp	x0, x1, [x9]\n" /* PE_X */
	"	stp	x2, x3, [x9, #16]\n"
	"	b	pe_back\n");

void step_return(struct pe *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	if (left_out(s))
		return;
	cpu->elr = s->c ? (uint64_t)own_landing : (uint64_t)pe_illegal;
	cpu->spsr = s->a;
	cpu->took = 0;
	cpu->guard = 1;
	pe_enter(cpu);
	guarded(cpu, o);
	if (s->c) { /* each has its fields where SPSR_EL2 has them */
		o->kind = OUTCOME_VALUE;
		o->value = cpu->x[0] | cpu->x[1] | cpu->x[2] | cpu->x[3] | pan_now() | modes_now();
	} else if (o->kind == OUTCOME_EXCEPTION && ((cpu->spsr ^ s->a) & (SPSR_NZCV | SPSR_DAIF | SPSR_PAN))) { /* R_VWJHB */
		o->kind = OUTCOME_ASTRAY;
		o->hpfar = cpu->spsr;
	}
}

#define AT_CRM(op1, crm, op2, va) \
	__asm__ volatile("sys #" #op1 ", c7, c" #crm ", #" #op2 ", %0" ::"r"(va) : "x16", "x17", "memory")
#define AT(op1, op2, va) AT_CRM(op1, 8, op2, va)
/* PSTATE.PAN, by its register so that no assembler needs to know FEAT_PAN. */
#define set_pan(value) MSR(s3_0_c4_c2_3, value)

void translate(unsigned op, uint64_t va)
{
	switch (op) {
	case AT_S1E1R:
		AT(0, 0, va);
		break;
	case AT_S1E1W:
		AT(0, 1, va);
		break;
	case AT_S1E0R:
		AT(0, 2, va);
		break;
	case AT_S1E0W:
		AT(0, 3, va);
		break;
	case AT_S12E1R:
		AT(4, 4, va);
		break;
	case AT_S12E1W:
		AT(4, 5, va);
		break;
	case AT_S12E0R:
		AT(4, 6, va);
		break;
	case AT_S12E0W:
		AT(4, 7, va);
		break;
	case AT_S1E2R:
		AT(4, 0, va);
		break;
	case AT_S1E1RP:
		AT_CRM(0, 9, 0, va);
		break;
	case AT_S1E1WP:
		AT_CRM(0, 9, 1, va);
		break;
	default:
		AT(4, 1, va);
		break;
	}
}

void step_at(struct pe *cpu, const struct step *s, struct outcome *o)
{
	struct own_regime own = own_regime();

	load_context(&shared->context[s->ctx]);
	cpu->took = 0;
	cpu->guard = 1;
	if (s->op == AT_S1E1RP || s->op == AT_S1E1WP)
		set_pan(s->c ? SPSR_PAN : 0);
	translate(s->op, s->a);
	if (s->op == AT_S1E1RP || s->op == AT_S1E1WP)
		set_pan(0);
	cpu->guard = 0;
	__asm__ volatile("isb" ::: "memory");
	o->kind = cpu->took ? OUTCOME_EXCEPTION : OUTCOME_VALUE;
	o->value = MRS(par_el1);
	o->esr = cpu->esr;
	o->far = s->a;
	check_own(&own, o);
}

void step_read(struct pe *cpu, const struct step *s, struct outcome *o)
{
	o->kind = pe_load(cpu, s->a, &o->value) ? OUTCOME_VALUE : OUTCOME_EXCEPTION;
	o->esr = cpu->esr;
	o->far = cpu->far;
}

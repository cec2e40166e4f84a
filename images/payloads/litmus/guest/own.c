// SPDX-License-Identifier: GPL-2.0-only
/* What vEL2 itself executes for a step, guarded: what raises an exception is skipped, and told. */
#include "guest/own.h"
#include "guest/l2.h"
#include "guest/stubs.h"
#include "guest/tlbi.h"

/* After an instruction that `guard` let raise an exception. */
static void guarded(struct pe *cpu, struct outcome *o)
{
	cpu->guard = 0;
	barrier_ish();
	if (cpu->took) {
		o->kind = OUTCOME_EXCEPTION;
		o->esr = cpu->esr;
	}
}

void step_tlbi(struct pe *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	barrier_ishst();
	if (skipped(s))
		return;
	cpu->took = 0;
	cpu->guard = 1;
	tlbi(s->op, s->a, (unsigned)((uint64_t)s / sizeof(*s)));
	guarded(cpu, o);
}

#define SYS_WORD 0xd5080000u /* SYS with all fields 0: op0 = 1, L = 0 (Arm ARM DDI 0487 M.a.a, C4.1) */

void step_sys(struct pe *cpu, const struct step *s, struct outcome *o)
{
	volatile uint32_t *word = (volatile uint32_t *)any_sys;

	o->kind = OUTCOME_NONE;
	if (left_out(s))
		return;
	*word = SYS_WORD | (uint32_t)s->b | (uint32_t)s->d;
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(word) : "memory");
	if (s->c != SYS_AT_EL2) {
		l2_sys(cpu, s, o);
		return;
	}
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	cpu->took = 0;
	cpu->guard = 1;
	/* x16 and x17: the exception handler's, should it be UNDEFINED. */
	__asm__ volatile("mov x1, %0\n\tblr %1" ::"r"(s->a), "r"(any_sys) : "x1", "x16", "x17", "x30", "memory");
	guarded(cpu, o);
}

void step_return(struct pe *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	if (left_out(s))
		return;
	cpu->elr = (uint64_t)pe_illegal;
	cpu->spsr = s->a;
	cpu->took = 0;
	cpu->guard = 1;
	pe_enter(cpu);
	guarded(cpu, o);
}

#define AT_CRM(op1, crm, op2, va) \
	__asm__ volatile("sys #" #op1 ", c7, c" #crm ", #" #op2 ", %0" ::"r"(va) : "x16", "x17", "memory")
#define AT(op1, op2, va) AT_CRM(op1, 8, op2, va)
/* PSTATE.PAN, by its register so that no assembler needs to know FEAT_PAN. */
#define set_pan(value) MSR(s3_0_c4_c2_3, value)

static void at(unsigned op, uint64_t va)
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
	load_context(&shared->context[s->ctx]);
	cpu->took = 0;
	cpu->guard = 1;
	if (s->op == AT_S1E1RP || s->op == AT_S1E1WP)
		set_pan(s->c ? SPSR_PAN : 0);
	at(s->op, s->a);
	if (s->op == AT_S1E1RP || s->op == AT_S1E1WP)
		set_pan(0);
	cpu->guard = 0;
	__asm__ volatile("isb" ::: "memory");
	o->kind = cpu->took ? OUTCOME_EXCEPTION : OUTCOME_VALUE;
	o->value = MRS(par_el1);
	o->esr = cpu->esr;
	o->far = s->a;
}

void step_read(struct pe *cpu, const struct step *s, struct outcome *o)
{
	o->kind = pe_load(cpu, s->a, &o->value) ? OUTCOME_VALUE : OUTCOME_EXCEPTION;
	o->esr = cpu->esr;
	o->far = cpu->far;
}

// SPDX-License-Identifier: GPL-2.0-only
/* What vEL2 itself executes for a step, guarded: what raises an exception is skipped, and told. */
#include "guest/own.h"
#include "guest/l2.h"
#include "guest/tlbi.h"

void step_tlbi(struct pe *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	if (shared->skip && (s->flags & STEP_UNDER_TEST))
		return;
	barrier_ishst();
	cpu->took = 0;
	cpu->guard = 1;
	tlbi(s->op, s->a);
	cpu->guard = 0;
	barrier_ish();
	if (cpu->took) {
		o->kind = OUTCOME_EXCEPTION;
		o->esr = cpu->esr;
	}
}

#define AT(op1, op2, va) __asm__ volatile("sys #" #op1 ", c7, c8, #" #op2 ", %0" ::"r"(va) : "x16", "x17", "memory")

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
	at(s->op, s->a);
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

// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: the second PE, which does what its mailbox says, and the way below EL2. */
#include "model.h"

struct request {
	volatile uint64_t busy;
	bool at_el2;
	struct answer answer;
};

static struct request request;
bool below_vhe;
extern uint8_t el2_buffer[];

static struct answer answer_of(const struct pe *pe)
{
	struct answer a = { .x0 = pe->x[0], .esr = pe->esr, .elr = pe->elr };

	if (!below_is_el1(pe)) {
		a.came = TO_EL2;
		a.far = pe->far;
		a.hpfar = pe->hpfar;
		return a;
	}
	a.esr = MRS(esr_el1);
	a.elr = MRS(elr_el1);
	a.far = MRS(far_el1);
	a.came = below_is_done(pe) ? DONE : TO_EL1;
	return a;
}

/* The buffer at EL2, X1 in and out. */
static void call_buffer(struct pe *pe)
{
	register uint64_t x1 __asm__("x1") = pe->x[1];

	pe->took = 0;
	pe->guard = 1;
	__asm__ volatile("blr %1" : "+r"(x1) : "r"(el2_buffer) : "x16", "x17", "x30", "memory");
	pe->guard = 0;
	pe->x[1] = x1;
}

/* CPTR_EL2 and CNTHCTL_EL2 have another form with E2H, in which nothing is to trap: FPEN, ZEN, SMEN; EL1PCTEN, EL1PTEN. */
#define OPEN_CPTR (3ull << 20 | 3ull << 16 | 3ull << 24)
#define OPEN_CNTHCTL (3ull << 10)

/* With E2H the names of EL1's registers are those of EL2, so it is on for no longer than needed. */
static void as_vhe(bool on)
{
	if (!below_vhe)
		return;
	if (on) {
		MSR(hcr_el2, MRS(hcr_el2) | HCR_E2H);
		ISB();
		MSR(cptr_el2, OPEN_CPTR);
		MSR(cnthctl_el2, MRS(cnthctl_el2) | OPEN_CNTHCTL);
	} else {
		MSR(cptr_el2, 0x33ff); /* below_prepare() */
		MSR(cnthctl_el2, MRS(cnthctl_el2) & ~OPEN_CNTHCTL);
		MSR(hcr_el2, MRS(hcr_el2) & ~HCR_E2H);
	}
	ISB();
}

static struct answer serve(struct pe *pe, bool el2)
{
	if (!el2) {
		space_load();
		pe->below = space.ee2 ? SCTLR_E2H0_RES1 | SCTLR_EE : 0;
		as_vhe(true);
		watched_enter((unsigned)pe->index);
		as_vhe(false);
		return answer_of(pe);
	}
	call_buffer(pe);
	if (!pe->took)
		return (struct answer){ .came = DONE, .x0 = pe->x[1] };
	return (struct answer){ .came = TO_EL2_AT_EL2, .esr = pe->esr, .far = pe->far, .hpfar = MRS(hpfar_el2) };
}

void second_begin(void)
{
	for (;;) {
		while (!request.busy)
			YIELD();
		DSB(sy);
		ISB();
		request.answer = serve(&pes[1], request.at_el2);
		DSB(sy);
		request.busy = 0;
	}
}

static struct answer command(unsigned number, bool el2)
{
	uint64_t since;

	if (!number)
		return serve(&pes[0], el2);
	request.at_el2 = el2;
	DSB(sy);
	request.busy = 1;
	for (since = watch_now(); request.busy && !watch_is_over(since);)
		YIELD();
	DSB(sy);
	ISB();
	if (request.busy)
		watch_lose(number);
	return request.answer;
}

struct answer below(unsigned number, bool el0, const void *pc, uint64_t x0, uint64_t x1)
{
	struct pe *pe = &pes[number];

	pe->x[0] = x0;
	pe->x[1] = x1;
	pe->elr = (uint64_t)pc;
	pe->spsr = el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED | space.pstate;
	return command(number, false);
}

struct answer below_with(uint64_t spsr, const void *pc, uint64_t x0, uint64_t x1)
{
	struct pe *pe = &pes[0];

	pe->x[0] = x0;
	pe->x[1] = x1;
	pe->elr = (uint64_t)pc;
	pe->spsr = spsr;
	return command(0, false);
}

/* What is there stays: a model may forget all code where some is written anew, which would hide what it keeps (kept.c). */
static void write_code(const uint8_t *where, uint32_t word)
{
	if (*(volatile uint32_t *)where == word)
		return;
	*(volatile uint32_t *)where = word;
	SYNC_CODE(where);
}

struct answer below_instruction(unsigned number, bool el0, uint32_t word, uint64_t x1)
{
	struct answer a;

	write_code(victim_buffer, word);
	a = below(number, el0, victim_buffer, 0, x1);
	a.x0 = pes[number].x[1];
	return a;
}

struct answer at_el2(unsigned number, uint32_t word, uint64_t x1)
{
	write_code(el2_buffer, word);
	pes[number].x[1] = x1;
	return command(number, true);
}

uint64_t translated(uint32_t at, uint64_t va)
{
	as_vhe(true);
	at_el2(0, at, va);
	as_vhe(false);
	ISB();
	return MRS(par_el1);
}

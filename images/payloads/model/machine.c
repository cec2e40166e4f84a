// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: power, the second PE, which does what its mailbox says, and the way below EL2. */
#include "model.h"

struct request {
	volatile uint64_t busy;
	bool at_el2;
	struct answer answer;
};

static struct pe pes[PES] = { { .number = 0 }, { .number = 1 } };
static struct request request;
void pe_enter(struct pe *pe);
void pe_call(struct pe *pe);
extern uint8_t second_entry[], el2_buffer[];

/* PSCI 1.1 over SMC, as QEMU's virt board with virtualization=on has it: SYSTEM_OFF and CPU_ON. */
static uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a, x2 __asm__("x2") = b,
			  x3 __asm__("x3") = c;

	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9",
			   "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
	return x0;
}

void power_off(void)
{
	psci(0x84000008, 0, 0, 0);
	for (;;)
		;
}

void second_start(void)
{
	psci(0xc4000003, 1, (uint64_t)second_entry, 0);
}

static struct answer answer_of(const struct pe *pe)
{
	struct answer a = { .x0 = pe->x0, .esr = MRS(esr_el2), .elr = MRS(elr_el2) };

	if (FIELD(a.esr, ESR_EC) != ESR_EC_HVC) { /* not the HVC of EL1's vectors */
		a.came = TO_EL2;
		a.far = MRS(far_el2);
		a.hpfar = MRS(hpfar_el2);
		return a;
	}
	a.esr = MRS(esr_el1);
	a.elr = MRS(elr_el1);
	a.far = MRS(far_el1);
	a.came = FIELD(a.esr, ESR_EC) == ESR_EC_SVC ? DONE : TO_EL1; /* SVC */
	return a;
}

static struct answer serve(struct pe *pe, bool el2)
{
	if (!el2) {
		space_load();
		pe_enter(pe);
		return answer_of(pe);
	}
	pe_call(pe);
	if (!pe->own)
		return (struct answer){ .came = DONE, .x0 = pe->x1 };
	return (struct answer){ .came = TO_EL2_AT_EL2, .esr = MRS(esr_el2), .far = MRS(far_el2), .hpfar = MRS(hpfar_el2) };
}

void second_begin(void)
{
	for (;;) {
		while (!request.busy)
			__asm__ volatile("wfe");
		DSB(sy);
		ISB();
		request.answer = serve(&pes[1], request.at_el2);
		DSB(sy);
		request.busy = 0;
		DSB(sy);
		__asm__ volatile("sev");
	}
}

static struct answer command(unsigned number, bool el2)
{
	if (!number)
		return serve(&pes[0], el2);
	request.at_el2 = el2;
	DSB(sy);
	request.busy = 1;
	DSB(sy);
	__asm__ volatile("sev" ::: "memory");
	while (request.busy)
		__asm__ volatile("wfe" ::: "memory");
	DSB(sy);
	ISB();
	return request.answer;
}

struct answer below(unsigned number, bool el0, const void *pc, uint64_t x0, uint64_t x1)
{
	struct pe *pe = &pes[number];

	pe->x0 = x0;
	pe->x1 = x1;
	pe->pc = (uint64_t)pc;
	pe->spsr = el0 ? 0x3c0 : 0x3c5; /* DAIF masked, EL0t or EL1h */
	return command(number, false);
}

static void write_code(const uint8_t *where, uint32_t word)
{
	*(volatile uint32_t *)where = word;
	__asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" ::"r"(where) : "memory");
}

struct answer below_instruction(unsigned number, bool el0, uint32_t word, uint64_t x1)
{
	struct answer a;

	write_code(victim_buffer, word);
	a = below(number, el0, victim_buffer, 0, x1);
	a.x0 = pes[number].x1;
	return a;
}

struct answer at_el2(unsigned number, uint32_t word, uint64_t x1)
{
	write_code(el2_buffer, word);
	pes[number].x1 = x1;
	return command(number, true);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: the second CPU, which does what its mailbox says. */
#include "suite.h"

static volatile uint64_t request;

/*
 * bit 63: at EL0; bit 62: a load by EL2 itself; bit 61: EL2's MMU on, bit 60: off; bit 58: el2_big_read(); else an action and an
 * address
 */
static uint64_t serve(struct pe *pe, uint64_t what, uint64_t address)
{
	uint64_t value;

	if (what >> 61 & 1 || what >> 60 & 1) {
		el2_mmu(what >> 61 & 1);
		return 0;
	}
	if (what >> 62 & 1)
		return pe_load(pe, address, &value) ? value : FAULTED;
	if (what >> 58 & 1)
		return el2_big_read(address);
	world_load();
	pe->below = world.big2 ? SCTLR_E2H0_RES1 | SCTLR_EE : 0;
	pe->x[0] = what & 0xff;
	pe->x[1] = address;
	pe->elr = (uint64_t)victim;
	pe->spsr = what >> 63 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED;
	pe_enter(pe);
	if (!below_is_done(pe))
		return FAULTED;
	return world.big1 && (what & 0xff) == LOAD ? __builtin_bswap64(pe->x[0]) : pe->x[0]; /* EE is for EL1's data, too */
}

void second_main(void)
{
	for (;;) {
		while (!request)
			YIELD();
		DSB(sy);
		ISB();
		pes[1].x[0] = serve(&pes[1], pes[1].x[3], pes[1].x[1]);
		DSB(sy);
		request = 0;
	}
}

static uint64_t ask(uint64_t what, uint64_t address)
{
	pes[1].x[3] = what;
	pes[1].x[1] = address;
	__asm__ volatile("dmb sy" ::: "memory");
	request = 1;
	while (request)
		YIELD();
	return pes[1].x[0];
}

static uint64_t command(unsigned number, uint64_t what, uint64_t address)
{
	uint64_t value;

	if (!number)
		return serve(&pes[0], what, address);
	DSB(sy);
	value = ask(what, address);
	DSB(sy);
	ISB();
	return value;
}

uint64_t run_unordered(unsigned number, enum action action, uint64_t address, uint64_t *descriptor, uint64_t to)
{
	*(volatile uint64_t *)descriptor = to;
	return number ? ask(action, address) : serve(&pes[0], action, address);
}

uint64_t run(unsigned number, enum action action, uint64_t address)
{
	return command(number, action, address);
}

/* A load by EL2 itself. */
uint64_t run_el2(unsigned number, uint64_t address)
{
	return command(number, 1ul << 62, address);
}

uint64_t run_el2_big(unsigned number, uint64_t address)
{
	return command(number, 1ul << 58, address);
}

void switch_el2_mmu(bool on)
{
	for (unsigned number = 0; number < 2; number++)
		command(number, on ? 1ul << 61 : 1ul << 60, 0);
}

uint64_t run_el0(unsigned number, enum action action, uint64_t address)
{
	return command(number, 1ul << 63 | action, address);
}

/* Enough entries for a disagreement that nothing resolves to be told; only those count in which the other PE goes on, too. */
void settle(unsigned number)
{
	for (unsigned i = 0; i < 96; i++) {
		run(number, IDLE, 0);
		run(1 - number, IDLE, 0);
	}
}

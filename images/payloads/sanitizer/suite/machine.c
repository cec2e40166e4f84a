// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: console, power, and the second CPU, which does what its mailbox says. */
#include "suite.h"

#define UART ((volatile uint32_t *)0x09000000)

struct cpu cpus[2] = { { .number = 0 }, { .number = 1 } };
static volatile uint64_t request;
extern uint8_t second_start[];
uint64_t el2_load(uint64_t address);

void print(const char *text)
{
	while (*text)
		*UART = (uint8_t)*text++;
}

void print_number(uint64_t value)
{
	char digits[21], *at = digits + 20;

	*at = 0;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	print(at);
}

static uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a, x2 __asm__("x2") = b,
			  x3 __asm__("x3") = c;

	__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
	return x0;
}

void power_off(void)
{
	psci(0x84000008, 0, 0, 0);
	for (;;)
		;
}

void start_second(void)
{
	psci(0xc4000003, 1, (uint64_t)second_start, 0);
}

/* bit 63: at EL0; bit 62: a load by EL2 itself; bit 61: EL2's MMU on, bit 60: off; else an action and an address */
static uint64_t serve(struct cpu *cpu, uint64_t what, uint64_t address)
{
	if (what >> 61 & 1 || what >> 60 & 1) {
		el2_mmu(what >> 61 & 1);
		return 0;
	}
	if (what >> 62 & 1)
		return el2_load(address);
	world_load();
	cpu->x[0] = what & 0xff;
	cpu->x[1] = address;
	cpu->x[2] = what >> 63 ? 0x3c0 : 0x3c5; /* SPSR_EL2: DAIF, EL0t or EL1h */
	victim_enter(cpu);
	return FIELD(cpu->esr, ESR_EC) == ESR_EC_HVC ? cpu->x[0] : FAULTED;
}

void second_main(void)
{
	for (;;) {
		while (!request)
			__asm__ volatile("wfe");
		DSB(sy);
		ISB();
		cpus[1].x[0] = serve(&cpus[1], cpus[1].x[3], cpus[1].x[1]);
		DSB(sy);
		request = 0;
		DSB(sy);
		__asm__ volatile("sev");
	}
}

static uint64_t ask(uint64_t what, uint64_t address)
{
	cpus[1].x[3] = what;
	cpus[1].x[1] = address;
	__asm__ volatile("dmb sy" ::: "memory");
	request = 1;
	__asm__ volatile("sev" ::: "memory");
	while (request)
		__asm__ volatile("wfe" ::: "memory");
	return cpus[1].x[0];
}

static uint64_t command(unsigned number, uint64_t what, uint64_t address)
{
	uint64_t value;

	if (!number)
		return serve(&cpus[0], what, address);
	DSB(sy);
	value = ask(what, address);
	DSB(sy);
	ISB();
	return value;
}

uint64_t run_unordered(unsigned number, enum action action, uint64_t address, uint64_t *descriptor, uint64_t to)
{
	*(volatile uint64_t *)descriptor = to;
	return number ? ask(action, address) : serve(&cpus[0], action, address);
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

void switch_el2_mmu(bool on)
{
	for (unsigned number = 0; number < 2; number++)
		command(number, on ? 1ul << 61 : 1ul << 60, 0);
}

uint64_t run_el0(unsigned number, enum action action, uint64_t address)
{
	return command(number, 1ul << 63 | action, address);
}

/* Enough entries for a disagreement that nothing resolves to be told. */
void settle(unsigned number)
{
	for (unsigned i = 0; i < 96; i++)
		run(number, IDLE, 0);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: EL2's own regimes, on for one access at a time. See regimes.h. */
#include "regimes.h"

struct own own;

void own_registers(void)
{
	if (own.e2h) {
		space_load();
		MSR(hcr_el2, HCR_RW | HCR_E2H | HCR_TGE);
		ISB();
	}
	MSR(mair_el2, 0x00ff); /* attribute 1: device */
	MSR(tcr_el2, own.tcr);
	MSR(ttbr0_el2, (uint64_t)own.roots[0]);
	if (own.e2h)
		MSR(s3_4_c2_c0_1, (uint64_t)own.roots[1]); /* TTBR1_EL2 */
	if (features.s1pie) {
		MSR(s3_4_c10_c2_3, own.pir);
		if (own.e2h)
			MSR(s3_4_c10_c2_2, own.pire0);
		MSR(s3_4_c2_c0_3, own.pie ? TCR2_PIE : 0); /* TCR2_EL2 */
	}
	DSB(ish);
	ISB();
	forget();
}

void own_on(void)
{
	own_registers();
	MSR(sctlr_el2, SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | own.sctlr);
	ISB();
}

void own_off(void)
{
	MSR(sctlr_el2, SCTLR_E2H0_RES1);
	ISB();
	MSR(hcr_el2, space.hcr);
	ISB();
}

void own_program(uint64_t attributes)
{
	map_ram(&own.g, own.roots[0], PTE_AF | attributes, true);
	DSB(ish);
}

void own_new(bool e2h, unsigned shift)
{
	space_new(shift, 1, 1, true, true, false);
	own = (struct own){ .e2h = e2h, .g = geometry(shift, 48, false, false), .pir = 14, .pire0 = 10 };
	own.tcr = e2h ? space.tcr
		      : PLACE(TCR_T0SZ, 64 - 48) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
				  PLACE(TCR_TG0, shift == 12   ? TCR_TG0_4K
						 : shift == 14 ? TCR_TG0_16K
							       : TCR_TG0_64K) |
				  PLACE(TCR_E2H0_PS, 5) | TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH;
	for (unsigned half = 0; half < 2; half++)
		own.roots[half] = root_new(&own.g);
	own_program(0);
}

uint64_t *own_descriptor(uint64_t va, unsigned level)
{
	return entry_of(&own.g, own.roots[!!(va & BIT(55))], va, level);
}

/* By EL2 itself. */
static struct answer above(enum access access, uint64_t va)
{
	struct pe *pe = &pes[0];
	struct answer a = { .came = DONE };

	if (access == EXECUTE) {
		register uint64_t x0 __asm__("x0") = (va & ~0xfffull) + CODE_OFFSET;
		register uint64_t x1 __asm__("x1");

		__asm__ volatile("bl el2_fetch" : "+r"(x0), "=r"(x1) : : "x2", "x9", "x10", "x11", "x30", "memory");
		return x1 ? (struct answer){ .came = TO_EL2_AT_EL2, .esr = x0 }
			  : (struct answer){ .came = DONE, .x0 = x0 };
	}
	if (access == READ) {
		if (!pe_load(pe, va, &a.x0))
			a.came = TO_EL2_AT_EL2;
	} else {
		pe->took = 0;
		pe->guard = 1;
		__asm__ volatile("str %0, [%1]" ::"r"(A_VALUE), "r"(va) : "x16", "x17", "memory");
		pe->guard = 0;
		if (pe->took)
			a.came = TO_EL2_AT_EL2;
	}
	a.esr = pe->esr;
	a.far = pe->far;
	return a;
}

struct answer own_user(enum access access, uint64_t va)
{
	struct pe *pe = &pes[0];
	struct answer a = { .came = DONE };

	pe->x[0] = A_VALUE;
	pe->x[1] = access == EXECUTE ? (va & ~0xfffull) + CODE_OFFSET : va;
	pe->elr = (uint64_t)(access == READ ? victim_read : access == WRITE ? victim_write : victim_call);
	pe->spsr = SPSR_MODE_EL0T_MASKED;
	watched_enter(0);
	a.x0 = pe->x[0];
	if (FIELD(pe->esr, ESR_EC) != ESR_EC_SVC)
		a = (struct answer){ .came = TO_EL2, .esr = pe->esr, .far = pe->far };
	return a;
}

struct answer own_touch(bool el0, bool pan, enum access access, uint64_t va)
{
	struct answer a;

	own_on();
	if (pan)
		set_pan(true);
	a = el0 ? own_user(access, va) : above(access, va);
	if (pan)
		set_pan(false);
	own_off();
	return a;
}

/* One load with SCTLR_EL2.EE, in registers from the first MSR to the last. */
uint64_t own_big_load(uint64_t va)
{
	uint64_t value, sctlr = SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_EE;

	own_registers();
	__asm__ volatile("msr sctlr_el2, %1\n\tisb\n\tldr %0, [%3]\n\tmsr sctlr_el2, %2\n\tisb"
			 : "=&r"(value)
			 : "r"(sctlr), "r"((uint64_t)SCTLR_E2H0_RES1), "r"(va)
			 : "memory");
	own_off();
	return value;
}

uint64_t own_translate(uint32_t at, uint64_t va)
{
	uint64_t par;

	own_on();
	par = translated(at, va);
	own_off();
	return par;
}

uint64_t own_at(bool el0, bool write, uint64_t va)
{
	return own_translate(el0 ? AT_S1E1(true, write) : AT_S1E2(write), va);
}

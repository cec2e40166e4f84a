// SPDX-License-Identifier: GPL-2.0-only
/* An exception at vEL2 that no step expects: the VMM hears of it, and nothing else happens here. */
#include "guest/cpu.h"
#include "guest/doorbell.h"

void pe_fatal(uint64_t esr, uint64_t elr, uint64_t far)
{
	shared->fatal_esr = esr;
	shared->fatal_elr = elr;
	shared->fatal_far = far;
	shared->fatal_cpu = ((struct pe *)MRS(tpidr_el2))->index;
	__asm__ volatile("dsb ish" ::: "memory");
	for (;;)
		doorbell(DOORBELL_FATAL);
}

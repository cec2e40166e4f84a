// SPDX-License-Identifier: GPL-2.0-only
/* Power of the machine and its PEs. Runs on bare machines. */
#include "psci.h"
#include "board.h"
#include "pe.h"

#define SYSTEM_OFF 0x84000008
#define CPU_OFF 0x84000002
#define CPU_ON 0xc4000003
#define AFFINITY_INFO 0xc4000004

/* SMC Calling Convention 1.0: results in X0 to X3, and X4 to X17 need not be kept. */
static int64_t call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a, x2 __asm__("x2") = b,
			  x3 __asm__("x3") = c;

	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "memory");
	return (int64_t)x0;
}

int64_t psci_start(uint64_t index)
{
	return call(CPU_ON, index * BOARD_PE_STRIDE, (uint64_t)_start, index);
}

int64_t psci_affinity(uint64_t index)
{
	return call(AFFINITY_INFO, index * BOARD_PE_STRIDE, 0, 0);
}

void psci_leave(void)
{
	for (;;)
		call(CPU_OFF, 0, 0, 0);
}

void psci_off(void)
{
	call(SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi" ::: "memory");
}

// SPDX-License-Identifier: GPL-2.0-only
/* Every operation of the table, as a function at vEL2 and as a stub for L2. */
#include "guest/tlbi.h"
#include "guest/stubs.h"
#include "tlbi_ops.h"

/* x16 and x17: the exception handler's, should the operation be UNDEFINED. */
#define WITH_0(encoding, x) __asm__ volatile(encoding ::: "x16", "x17", "memory")
#define WITH_1(encoding, x) __asm__ volatile(encoding ", %0" ::"r"(x) : "x16", "x17", "memory")
#define SYS(op1, crn, crm, op2) "sys #" #op1 ", c" #crn ", c" #crm ", #" #op2

#define X(name, op1, crn, crm, op2, has_operand)                                                             \
	static void do_##name(uint64_t x)                                                                    \
	{                                                                                                    \
		(void)x;                                                                                     \
		WITH_##has_operand(SYS(op1, crn, crm, op2), x);                                              \
	}
TLBI_OPERATIONS(X)
#undef X

#define X(name, op1, crn, crm, op2, has_operand) do_##name,
static void (*const operations[])(uint64_t) = { TLBI_OPERATIONS(X) };
#undef X

void tlbi(unsigned op, uint64_t operand)
{
	operations[op](operand);
}

/* Two instructions per operation, the operand in x1; l2_remap calls them, so they return. */
#define STUB_0 "\n"
#define STUB_1 ", x1\n"
#define X(name, op1, crn, crm, op2, has_operand) SYS(op1, crn, crm, op2) STUB_##has_operand "ret\n"
__asm__(".pushsection .l2.stubs, \"ax\"\n"
	".balign 8\n"
	".globl l2_tlbi_stubs\n"
	"l2_tlbi_stubs:\n" TLBI_OPERATIONS(X) ".popsection\n");
#undef X

uint64_t tlbi_stub(unsigned op)
{
	return (uint64_t)l2_tlbi_stubs + 8 * op;
}

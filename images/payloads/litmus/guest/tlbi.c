// SPDX-License-Identifier: GPL-2.0-only
/* Every operation of the table as stubs, for vEL2 and for L2: an operation each and register of the operand. */
#include "guest/tlbi.h"
#include "guest/cpu.h"
#include "guest/stubs.h"
#include "shared/shared.h"
#include "tlbi_ops.h"

/* A stub: MOV X`to`, X`from`; SYS #op1, Cn, Cm, #op2, X`to`; RET (Arm ARM DDI 0487 M.a.a, C4.1). `n` counts operations. */
#define SYS_WORD(op1, crn, crm, op2) "0xd5080000 | " #op1 " << 16 | " #crn " << 12 | " #crm " << 8 | " #op2 " << 5"
#define MOVE(to, from) ".inst 0xaa0003e0 | " #from " << 16 | (" to ")\n"
#define STUB_0(sys, to, from) "nop\n.inst " sys " | 31\nret\n"
#define STUB_1(sys, to, from) MOVE(to, from) ".inst " sys " | (" to ")\nret\n"
#define STUB_WORDS 3
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

/* At vEL2 the operand comes in X0. X16 and X17 are the exception handler's, should the operation be UNDEFINED. */
#define LOW "n % 16"
#define HIGH "19 + n % 10"
#define ZERO "31"
enum form { FORM_LOW, FORM_HIGH, FORM_ZERO, FORMS };
#define X(name, op1, crn, crm, op2, has_operand)                          \
	STUB_##has_operand(SYS_WORD(op1, crn, crm, op2), LOW, 0)          \
		STUB_##has_operand(SYS_WORD(op1, crn, crm, op2), HIGH, 0) \
			STUB_##has_operand(SYS_WORD(op1, crn, crm, op2), ZERO, 0) ".set n, n + 1\n"
__asm__(".pushsection .text.stubs, \"ax\"\n"
	".balign 4\n"
	".set n, 0\n"
	"tlbi_stubs:\n" TLBI_OPERATIONS(X) ".popsection\n");
#undef X

extern uint32_t tlbi_stubs[][FORMS][STUB_WORDS];

void tlbi(unsigned op, uint64_t operand, unsigned turn)
{
	enum form form = !operand ? FORM_ZERO : (op ^ turn) & 1 ? FORM_HIGH : FORM_LOW;
	register uint64_t x0 __asm__("x0") = operand;

	__asm__ volatile("blr	%1"
			 : "+r"(x0)
			 : "r"(tlbi_stubs[op][form])
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
			   "x30", "memory");
}

/* L2 has it in X1 when it calls one, and needs X0 to X8 and X30 for itself. */
#define SAME "1"
#define X(name, op1, crn, crm, op2, has_operand)                  \
	STUB_##has_operand(SYS_WORD(op1, crn, crm, op2), SAME, 1) \
		STUB_##has_operand(SYS_WORD(op1, crn, crm, op2), TEXT(L2_OPERAND_REGISTER(n)), 1) ".set n, n + 1\n"
__asm__(".pushsection .l2.stubs, \"ax\"\n"
	".balign 4\n"
	".set n, 0\n"
	".globl l2_tlbi_stubs\n"
	"l2_tlbi_stubs:\n" TLBI_OPERATIONS(X) ".popsection\n");
#undef X

uint64_t tlbi_stub(unsigned op, bool moved)
{
	return (uint64_t)(l2_tlbi_stubs + (2 * op + moved) * STUB_WORDS * sizeof(uint32_t));
}

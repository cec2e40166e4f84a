/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window in which a TLBI executes with another VMID or without HCR_EL2.TGE. Nothing here touches
 * memory, and vectors of our own are loaded: an exception that the operation raises comes back as a return
 * value instead of an oops. (The kernel's do_el1_undef() asks no exception table.) Whether it was UNDEFINED
 * the caller tells by the exception's class.
 *
 * At EL2 with HCR_EL2.E2H set, the _EL1 names of VBAR, ELR and ESR mean the EL2 registers (Arm ARM D8.1.5),
 * so the same code serves a kernel at EL2 and one at EL1.
 */
#include <linux/linkage.h>
#include <asm/assembler.h>

#include "tlbi_ops.h"

	.text

	/* x14: ESR and bit 63 after an exception; x15 is scratch. Only 0x200 can be taken here. */
	.balign 2048
SYM_CODE_START_LOCAL(nvh_vectors)
	.rept 4
	.balign 128
	b	.
	.endr
	.balign 128	/* 0x200: synchronous, from the current level with SP_ELx */
	mrs	x14, esr_el1
	orr	x14, x14, #0x8000000000000000
	mrs	x15, elr_el1
	add	x15, x15, #4
	msr	elr_el1, x15
	eret
	.rept 11
	.balign 128
	b	.
	.endr
	.balign 128
SYM_CODE_END(nvh_vectors)

	/* One stub of 16 bytes per row of the table, in its order. */
	.balign 16
SYM_CODE_START_LOCAL(nvh_stubs)
	/* Without an operand Rt is 31; any other value is CONSTRAINED UNPREDICTABLE (Arm ARM C5.5). */
#define RT_0 xzr
#define RT_1 x1
#define STUB(name, op1, crn, crm, op2, has_operand) \
	hint	#34 ; \
	sys	op1, C##crn, C##crm, op2, RT_##has_operand ; \
	ret ; \
	nop ;
#define STUB_X(...) STUB(__VA_ARGS__)
	TLBI_OPERATIONS(STUB_X)
SYM_CODE_END(nvh_stubs)

/*
 * u64 nvh_execute(u64 index, u64 operand, u64 vttbr, u64 hcr, u64 flags): returns 0, or after
 * an exception NVH_RAISED (bit 63) and its ESR.
 * The caller has preemption off; flags (bits of nvh_uapi.h): 0 loads vttbr, 1 loads hcr.
 */
SYM_FUNC_START(nvh_execute)
	mrs	x9, daif
	msr	daifset, #0xf
	mrs	x10, vbar_el1
	adr	x11, nvh_vectors
	msr	vbar_el1, x11
	isb
	mov	x17, x30
	mov	x14, #0
	adr	x16, nvh_stubs
	add	x16, x16, x0, lsl #4
	tbz	x4, #0, 1f
	mrs	x12, vttbr_el2
	msr	vttbr_el2, x2
1:	tbz	x4, #1, 2f
	mrs	x13, hcr_el2
	msr	hcr_el2, x3
2:	isb
	dsb	ishst
	blr	x16
	dsb	ish
	isb
	tbz	x4, #1, 3f
	msr	hcr_el2, x13
	isb
3:	tbz	x4, #0, 4f
	msr	vttbr_el2, x12
	isb
4:	msr	vbar_el1, x10
	isb
	mov	x0, x14
	mov	x30, x17
	msr	daif, x9
	ret
SYM_FUNC_END(nvh_execute)

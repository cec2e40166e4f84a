/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry of both CPUs at EL2, the victim's code at EL1 and EL0, and the vectors of EL2 and EL1. */
#include "suite.h"

	.section .text.start, "ax"
	.globl _start, second_start
_start:
	mov	x19, #0
	b	1f
second_start:
	mov	x19, #1
1:	adrp	x0, stacks
	add	x0, x0, :lo12:stacks
	mov	x1, #STACK_SIZE
	add	x2, x19, #1
	madd	x0, x1, x2, x0
	mov	sp, x0
	adrp	x0, el2_vectors
	add	x0, x0, :lo12:el2_vectors
	msr	vbar_el2, x0
	adrp	x0, el1_vectors
	add	x0, x0, :lo12:el1_vectors
	msr	vbar_el1, x0
	mov	x0, #0x33ff		/* CPTR_EL2: no traps */
	msr	cptr_el2, x0
	mov	x0, #3 << 20		/* CPACR_EL1.FPEN */
	msr	cpacr_el1, x0
	isb
	cbnz	x19, 2f
	bl	suite_main
2:	bl	second_main

/* void victim_enter(struct cpu *): runs the victim with x0 = action, x1 = address, until it comes to EL2. */
	.globl victim_enter
victim_enter:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #CPU_SP]
	msr	tpidr_el2, x0
	adrp	x9, victim
	add	x9, x9, :lo12:victim
	msr	elr_el2, x9
	ldp	x10, x11, [x0, #CPU_X + 16]	/* x[2] is SPSR_EL2 */
	msr	spsr_el2, x10
	ldp	x0, x1, [x0, #CPU_X]
	isb
	eret

from_victim:
	mrs	x9, tpidr_el2
	str	x0, [x9, #CPU_X]
	mrs	x10, esr_el2
	mrs	x11, far_el2
	stp	x10, x11, [x9, #CPU_ESR]
	ldr	x10, [x9, #CPU_SP]
	mov	sp, x10
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret

/* The victim's code has pages of its own, which the tables let EL0 execute, too. */
	.balign	4096
	.globl victim
victim:
	cmp	x0, #1
	b.lo	9f
	b.eq	1f
	cmp	x0, #2
	b.eq	2f
	cmp	x0, #3
	b.eq	3f
	cmp	x0, #4
	b.eq	4f
	mrs	x0, hcr_el2		/* FEAT_NV2 makes this a load from the page at VNCR_EL2 */
	b	9f
1:	ldr	x0, [x1]
	b	9f
2:	mov	x2, #0xa
	str	x2, [x1]
	ldr	x0, [x1]
	b	9f
3:	add	x1, x1, #0x800
	blr	x1
	b	9f
4:	tlbi	vae1, x1
	dsb	nsh
	isb
9:	svc	#0			/* at EL0 and EL1 alike to the vectors below */
	.balign	4096

	.balign	2048
el1_vectors:
	.rept	16
	.balign	128
	b	1f
	.endr
1:	mrs	x9, esr_el1
	lsr	x9, x9, #26
	cmp	x9, #0x15		/* SVC */
	b.eq	2f
	mov	x0, #0xf		/* FAULTED */
2:	hvc	#0
	b	.

	.balign	2048
el2_vectors:
	.rept	4
	.balign	128
	b	own
	.endr
	.rept	4
	.balign	128
	b	own
	.endr
	.rept	8
	.balign	128
	b	from_victim
	.endr

/* An abort of EL2's own access: the access gives FAULTED. */
own:
	mrs	x9, elr_el2
	add	x9, x9, #4
	msr	elr_el2, x9
	mov	x0, #0xf
	eret

/* uint64_t el2_load(uint64_t): x0 = value, or FAULTED. */
	.globl el2_load
el2_load:
	ldr	x0, [x0]
	ret

	.bss
	.balign	16
	.globl stacks
stacks:	.space	2 * STACK_SIZE

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * L2 at EL1 takes a translation away between two accesses of its own EL0. Exceptions from EL0 go on where
 * TPIDR_EL1 says (guest/l2_code.S), so there is no exit from L2 on the way.
 */
#include "bits.h"
#include "shared/shared.h"

	.section .l2.text, "ax"
	.globl el0_read, el0_execute
el0_read:
	ldr	x0, [x1]
	svc	#0
el0_execute:
	blr	x1
	svc	#0

/* EL0 from x10 on with x1 = x11; returns what it left in X0, which is 0 after an abort. */
el0_turn:
	mov	x14, x30
	adr	x8, 1f
	msr	tpidr_el1, x8
	msr	elr_el1, x10
	mov	x8, #SPSR_MODE_EL0T_MASKED
	msr	spsr_el1, x8
	mov	x0, #0
	mov	x1, x11
	eret
1:	msr	tpidr_el1, xzr
	mov	x30, x14
	ret

/*
 * x1 = address, x2 = descriptor, x3 = where it goes, x4 = stub of the operation, x5 = its operand, x6 = what EL0
 * does. Leaves what EL0 saw in X0, X6 and X7, and ends as an exception from EL0 does.
 */
	.globl l2_remap_el0
l2_remap_el0:
	mov	x10, x6
	mov	x11, x1
	bl	el0_turn
	mov	x12, x0
	str	x2, [x3]
	dsb	ishst
	isb
	bl	el0_turn
	mov	x13, x0
	mov	x1, x5
	blr	x4
	dsb	ish
	isb
	bl	el0_turn
	mov	x7, x0
	mov	x0, x12
	mov	x6, x13
	mrs	x3, esr_el1
	mrs	x4, far_el1
	hvc	#1

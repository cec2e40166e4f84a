/* SPDX-License-Identifier: GPL-2.0-only */
/* The way from vEL2 into L2 and back, and exceptions of vEL2's own. */
#include "shared/shared.h"

	.text
/*
 * void l2_run(struct cpu *cpu): enter L2 at cpu->elr with cpu->x[0..7]; returns when vEL2 takes an
 * exception from it.
 */
	.globl l2_run
l2_run:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #CPU_SP]
	ldp	x10, x11, [x0, #CPU_ELR]
	msr	elr_el2, x10
	msr	spsr_el2, x11
	mov	x9, x0
	ldp	x0, x1, [x9, #CPU_X]
	ldp	x2, x3, [x9, #CPU_X + 16]
	ldp	x4, x5, [x9, #CPU_X + 32]
	ldp	x6, x7, [x9, #CPU_X + 48]
	eret

	.globl lower_sync
lower_sync:
	mrs	x9, tpidr_el2
	stp	x0, x1, [x9, #CPU_X]
	stp	x2, x3, [x9, #CPU_X + 16]
	stp	x4, x5, [x9, #CPU_X + 32]
	stp	x6, x7, [x9, #CPU_X + 48]
	mrs	x10, esr_el2
	mrs	x11, far_el2
	stp	x10, x11, [x9, #CPU_ESR]
	mrs	x10, hpfar_el2
	str	x10, [x9, #CPU_HPFAR]
	mrs	x10, elr_el2
	str	x10, [x9, #CPU_ELR]
	ldr	x10, [x9, #CPU_SP]
	mov	sp, x10
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret

/* A guarded instruction is skipped and what it raised recorded. It declares x16 and x17 clobbered. */
	.globl el2_sync
el2_sync:
	mrs	x16, tpidr_el2
	ldr	x17, [x16, #CPU_GUARD]
	cbz	x17, fatal
	mrs	x17, esr_el2
	str	x17, [x16, #CPU_ESR]
	mrs	x17, far_el2
	str	x17, [x16, #CPU_FAR]
	mov	x17, #1
	str	x17, [x16, #CPU_TOOK]
	mrs	x17, elr_el2
	add	x17, x17, #4
	msr	elr_el2, x17
	eret

	.globl fatal
fatal:
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	bl	guest_fatal
1:	b	1b

/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry of both PEs at EL2, the way below EL2 and back, the code that runs there, and the vectors of EL2 and EL1. */
#include "model.h"

	.section .text.start, "ax"
	.globl _start, second_entry
_start:
	mov	x19, #0
	b	1f
second_entry:
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
	bl	model_main
2:	bl	second_begin

/* void pe_enter(struct pe *): leave EL2 as ``pe`` says, and come back with the next exception to EL2. */
	.globl pe_enter
pe_enter:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #PE_SP]
	msr	tpidr_el2, x0
	ldp	x10, x11, [x0, #PE_PC]	/* and SPSR_EL2 */
	msr	elr_el2, x10
	msr	spsr_el2, x11
	ldr	x2, [x0, #PE_X2]
	ldp	x0, x1, [x0, #PE_X0]
	isb
	eret

from_below:
	mrs	x9, tpidr_el2
	stp	x0, x1, [x9, #PE_X0]
	ldr	x10, [x9, #PE_SP]
	mov	sp, x10
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret

/* void pe_call(struct pe *): the buffer at EL2, x1 in and out. */
	.globl pe_call
pe_call:
	stp	x29, x30, [sp, #-32]!
	str	x0, [sp, #16]
	msr	tpidr_el2, x0
	str	xzr, [x0, #PE_OWN]
	ldr	x1, [x0, #PE_X1]
	adrp	x9, el2_buffer
	add	x9, x9, :lo12:el2_buffer
	blr	x9
	ldr	x0, [sp, #16]
	str	x1, [x0, #PE_X1]
	ldp	x29, x30, [sp], #32
	ret

/* 64 KB of its own, so that tables of any granule may treat the code apart from everything else. */
	.balign	65536
	.globl victim_read, victim_write, victim_call, victim_sweep, victim_buffer
victim_read:
	ldr	x0, [x1]
	svc	#0
victim_write:
	str	x0, [x1]
	svc	#0
victim_call:
	blr	x1
	svc	#0
victim_sweep:				/* x0 pages from x1 on */
	ldr	x2, [x1]
	add	x1, x1, #4096
	subs	x0, x0, #1
	b.ne	victim_sweep
	svc	#0
	.balign 64
victim_buffer:
	nop
	svc	#0

	.balign	2048
el1_vectors:
	.rept	16
	.balign	128
	hvc	#1
	.endr

	.balign	65536
	.globl	el2_buffer
el2_buffer:
	nop
	ret

	.balign	2048
el2_vectors:
	.rept	8
	.balign	128
	b	own
	.endr
	.rept	8
	.balign	128
	b	from_below
	.endr

/* An exception of an instruction at EL2: it is left out, and told. */
own:
	mrs	x9, tpidr_el2
	mov	x10, #1
	str	x10, [x9, #PE_OWN]
	mrs	x9, elr_el2
	add	x9, x9, #4
	msr	elr_el2, x9
	eret

	.bss
	.balign	16
	.globl stacks
stacks:	.space	2 * STACK_SIZE

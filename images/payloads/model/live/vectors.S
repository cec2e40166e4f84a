/* SPDX-License-Identifier: GPL-2.0-only */
/* EL2's vectors, which also take interrupts from below, and what EL1 executes. Runs on the bare model. */
#include "pe.h"

	.macro	interrupt bit
	.balign	128
	mrs	x9, tpidr_el2
	mov	x10, #1 << \bit
	str	x10, [x9, #PE_ESR]
	b	pe_back
	.endm

	.text
	.balign	2048
	.globl	live_vectors
live_vectors:
	.rept	8
	.balign	128
	b	own
	.endr
	.balign	128
	mrs	x9, tpidr_el2
	stp	x0, x1, [x9, #PE_X]
	mrs	x10, esr_el2
	mrs	x11, far_el2
	stp	x10, x11, [x9, #PE_ESR]
	mrs	x10, elr_el2
	mrs	x11, spsr_el2
	stp	x10, x11, [x9, #PE_ELR]
	b	pe_back
	interrupt 32
	interrupt 33
	interrupt 34
	.rept	4
	.balign	128
	b	own
	.endr

own:	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	bl	pe_fatal
1:	b	1b

	.balign	4096
	.globl	live_nop, live_isr, live_load, live_targets
live_nop:
	nop
	hvc	#0
live_isr:
	mrs	x0, isr_el1
	hvc	#0
live_load:
	ldr	x0, [x1]
	hvc	#0
	.balign	64
live_targets:
	.rept	16
	nop
	hvc	#0
	.endr

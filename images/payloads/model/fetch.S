/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs at EL2: calls the code at x0, with vectors of its own meanwhile, since a fetch that faults has no next instruction to go on
 * with. Comes back with x1 0 and the code's x0, or with x1 1 and ESR_EL2 in x0.
 */
	.text
	.globl	el2_fetch
el2_fetch:
	mov	x9, x30
	mrs	x10, vbar_el2
	adr	x11, fetch_vectors
	msr	vbar_el2, x11
	isb
	mov	x1, #0
	blr	x0
fetch_back:
	msr	vbar_el2, x10
	isb
	mov	x30, x9
	ret

	.balign	2048
fetch_vectors:
	.rept	4
	.balign	128
	b	.
	.endr
	.balign	128
	mrs	x0, esr_el2
	mov	x1, #1
	adr	x2, fetch_back
	msr	elr_el2, x2
	eret
	.rept	11
	.balign	128
	b	.
	.endr

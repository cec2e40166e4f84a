/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry of both PEs at EL2 for state.c. */
	.section .text.start, "ax"
	.globl _start
_start:
	adrp	x1, second_entry
	add	x1, x1, :lo12:second_entry
	mov	x0, #3			/* PSCI CPU_ON, SMC64: 0xc4000003 */
	movk	x0, #0xc400, lsl #16
	mov	x2, x1
	mov	x1, #1
	mov	x3, #0
	smc	#0
	mov	x0, #0
	b	1f
second_entry:
	mov	x0, #1
1:	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x0, #1
	lsl	x2, x2, #12
	add	x1, x1, x2
	mov	sp, x1
	b	state_main
	.bss
	.balign	16
stacks:	.space	8192

/* SPDX-License-Identifier: GPL-2.0-only */
/* Start and exception vectors of the payload at vEL2. */
#include "shared/shared.h"

	.section .text.start, "ax"
	.globl _start
_start:				/* x0 = CPU, from the VMM or PSCI CPU_ON; 0 after a reset */
	mov	x1, #STACK_SIZE
	mul	x1, x1, x0
	mov	x2, #SHARED_PA
	sub	x2, x2, x1
	mov	sp, x2
	adrp	x2, vectors
	add	x2, x2, :lo12:vectors
	msr	vbar_el2, x2
	isb
	bl	guest_main
1:	b	1b

	.balign 2048
vectors:
	.rept 4
	.balign 128
	b	fatal
	.endr
	.balign 128
	b	el2_sync
	.rept 3
	.balign 128
	b	fatal
	.endr
	.balign 128
	b	lower_sync
	.rept 7
	.balign 128
	b	fatal
	.endr

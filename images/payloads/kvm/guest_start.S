/* SPDX-License-Identifier: GPL-2.0-only */
/* L2 (or L1 when nvh-kvm runs at L0), EL1: x0 = vCPU index, x1 = translation table, x2 = stack top. */
#include "shared.h"

	.section .text.start, "ax"
	.globl _start
_start:
	mov	sp, x2
	adr	x3, vectors
	msr	vbar_el1, x3
	mov	x3, #0xff		/* Attr0 Normal WB, Attr1 Device-nGnRnE */
	msr	mair_el1, x3
	/* T0SZ 25, TG0 4K, IRGN0/ORGN0 WB, SH0 inner, EPD1, IPS 40 bits */
	ldr	x3, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
	msr	tcr_el1, x3
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	ldr	x3, =(0x30d00800 | 1 << 0 | 1 << 2 | 1 << 12) /* RES1, M, C, I */
	msr	sctlr_el1, x3
	isb
	bl	guest_main
1:	b	1b

exception:
	mrs	x0, esr_el1
	mrs	x1, far_el1
	mrs	x2, elr_el1
	bl	guest_exception
1:	b	1b

	.balign 2048
vectors:
	.rept 16
	.balign 128
	b	exception
	.endr

/* SPDX-License-Identifier: GPL-2.0-only */
/* The victim's code at EL1 and EL0. */
	.text
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
9:	svc	#0			/* at EL0 and EL1 alike to below_vectors */
	.balign	4096

/* SPDX-License-Identifier: GPL-2.0-only */
/* The code that runs below EL2, and where EL2 itself executes an instruction of our choice. */
	.text
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

	.balign	65536
	.globl	el2_buffer
el2_buffer:
	nop
	ret

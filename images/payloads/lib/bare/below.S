/* SPDX-License-Identifier: GPL-2.0-only */
/* Vectors of EL1 below a program at EL2: whatever EL1 takes goes on there with HVC #1. In a page of their own. */
	.text
	.balign	4096
	.globl below_vectors
below_vectors:
	.rept	16
	.balign	128
	hvc	#1
	.endr
	.balign	4096

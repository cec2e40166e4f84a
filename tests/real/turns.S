/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs at EL2 of two CPUs, for test_turns.py. CPU 1 waits for a word as Linux waits for a lock, by load exclusive and WFE, while
 * CPU 0 executes ROUNDS broadcasts, and then says on the UART how often CPU 1 has looked.
 */
#define ROUNDS	     40
#define UART	     0x09000000
#define CPU_ON	     0xc4000003 /* PSCI, 64-bit (DEN0022) */

	.globl _start
_start:
	adr	x19, ready
	ldr	x0, =CPU_ON
	mov	x1, #1
	adr	x2, second
	mov	x3, #0
	smc	#0
1:	yield
	ldr	x0, [x19]
	cbz	x0, 1b
	mov	x20, #ROUNDS
2:	tlbi	vmalle1is
	dsb	ish
	subs	x20, x20, #1
	b.ne	2b
	mov	x0, #1
	str	x0, [x19, #8]
3:	yield
	ldr	x21, [x19, #16]
	cbz	x21, 3b
	ldr	x1, =UART
	mov	w0, #'='
	str	w0, [x1]
	mov	x2, #60
4:	lsr	x0, x21, x2
	and	x0, x0, #15
	cmp	x0, #10
	add	x3, x0, #'0'
	add	x4, x0, #'a' - 10
	csel	x0, x3, x4, lo
	str	w0, [x1]
	subs	x2, x2, #4
	b.pl	4b
	mov	w0, #'\n'
	str	w0, [x1]
5:	wfi
	b	5b

second:
	adr	x19, ready
	mov	x0, #1
	str	x0, [x19]
	mov	x21, #0
	add	x20, x19, #8
6:	add	x21, x21, #1
	ldxr	x0, [x20]
	cbnz	x0, 7f
	wfe
	b	6b
7:
	str	x21, [x19, #16]
8:	wfi
	b	8b

	.balign 8
ready:	.quad	0, 0, 0 /* CPU 1 waits; CPU 0 is done; how often CPU 1 has looked */

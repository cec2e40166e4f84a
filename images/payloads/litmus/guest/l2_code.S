/* SPDX-License-Identifier: GPL-2.0-only */
/* What L2 executes. */
#include "shared/shared.h"

/* L2. Entered with x1 = address, x2 = value; ends with HVC #0, or HVC #1 after an exception of its own. */
	.section .l2.text, "ax"
	.balign 2048
	.globl l2_vectors
l2_vectors:
	.rept 8
	.balign 128
	mrs	x3, esr_el1
	mrs	x4, far_el1
	hvc	#1
	.endr
	.rept 8		/* from EL0: guest/el0.S may wait for it */
	.balign 128
	mrs	x8, tpidr_el1
	cbz	x8, 1f
	br	x8
1:	mrs	x3, esr_el1
	mrs	x4, far_el1
	hvc	#1
	.endr

	.balign 128
	.globl l2_read_all
l2_read_all:			/* READS_MAX addresses, each replaced by what is there */
	ldr	x0, [x0]
	ldr	x1, [x1]
	ldr	x2, [x2]
	ldr	x3, [x3]
	ldr	x4, [x4]
	hvc	#0

/* The access by each register: 16 bytes each. X1 is the address and X6 is needed at the end. */
	.balign 16
	.globl l2_loads, l2_stores
l2_loads:
	.irp	xt, 0, 0, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	ldr	x\xt, [x1]
	mov	x0, x\xt
	b	l2_end
	nop
	.endr
l2_stores:
	.irp	xt, 0, 2, 2, 3, 4, 5, 2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	mov	x\xt, x2
	str	x\xt, [x1]
	b	l2_end
	nop
	.endr

	.globl l2_execute, l2_remap, l2_call, l2_return
l2_execute:
	blr	x1
	b	l2_end
	.globl l2_vncr_read, l2_vncr_write
l2_vncr_read:
	mrs	x0, tpidr_el2
	b	l2_end
l2_vncr_write:
	msr	tpidr_el2, x2
l2_end:
	mrs	x5, nzcv	/* any instruction that both ELs may execute */
	cbnz	x6, 1f
	hvc	#0
1:	svc	#0		/* x6 = 1: at EL0 */

	.globl l2_hang
l2_hang:
	b	.

/*
 * One access again and again, each counted. x1 = address, x2 = struct spin, x3 = stop flag, x4 = count, x6 = 1 at
 * EL0; x0 is what was read.
 */
	.macro	counted access:vararg
	\access
	str	x0, [x2]
	add	x4, x4, #1
	dmb	ishst
	str	x4, [x2, #8]
	.endm

	.macro	spin access:vararg
	ldr	x4, [x2, #8]
1:	counted	\access
	tst	x4, #31		/* not each time: guest/wait.c */
	b.ne	3f
	yield
3:	ldr	x5, [x3]
	cbz	x5, 1b
	b	l2_end
	.endm

	.globl l2_spin, l2_spin_write, l2_vncr_spin, l2_vncr_spin_write
l2_spin:
	spin	ldr x0, [x1]
l2_spin_write:
	spin	str x4, [x1]
l2_vncr_spin:
	spin	mrs x0, tpidr_el2
l2_vncr_spin_write:
	spin	msr tpidr_el2, x4

	.macro	spin_halts access:vararg
	ldr	x4, [x2, #8]
1:	counted	\access
	wfi			/* host/run.c wakes it */
	ldr	x5, [x3]
	cbz	x5, 1b
	b	l2_end
	.endm

	.globl l2_spin_halts, l2_spin_write_halts, l2_vncr_spin_halts, l2_vncr_spin_write_halts
l2_spin_halts:
	spin_halts ldr x0, [x1]
l2_spin_write_halts:
	spin_halts str x4, [x1]
l2_vncr_spin_halts:
	spin_halts mrs x0, tpidr_el2
l2_vncr_spin_write_halts:
	spin_halts msr tpidr_el2, x4

/* The same as l2_spin, but HVC #3 as soon as it reads SPOILT. */
	.globl l2_watch
l2_watch:
	ldr	x4, [x2, #8]
	mov	x6, #SPOILT
1:	ldr	x0, [x1]
	cmp	x0, x6
	b.eq	2f
	add	x4, x4, #1
	str	x4, [x2, #8]
	yield
	ldr	x5, [x3]
	cbz	x5, 1b
	hvc	#0
2:	hvc	#3

/* What vEL2 writes an instruction into, to be called by whoever may execute it here. */
	.globl any_sys
	.balign 8
any_sys:
	nop
	ret

/*
 * vEL2 calls x0 from here, where it may not write, with x1 in SCTLR_EL2 and x3 in VBAR_EL2; x2 and x4 are what they have
 * otherwise. A TLB may have held SCTLR_EL2.WXN. Leaves ESR_EL2 and FAR_EL2 in X1 and X2, or X1 = 0.
 */
	.globl own_call, own_call_vectors
own_call:
	mov	x9, x30
	msr	vbar_el2, x3
	msr	sctlr_el2, x1
	isb
	tlbi	alle2
	dsb	nsh
	isb
	blr	x0
	mov	x10, #0
	mov	x11, #0
own_called:
	msr	sctlr_el2, x2
	isb
	tlbi	alle2
	dsb	nsh
	msr	vbar_el2, x4
	isb
	mov	x1, x10
	mov	x2, x11
	ret	x9

	.balign 2048
own_call_vectors:
	.rept 4
	.balign 128
	b	.
	.endr
	.balign 128
	mrs	x10, esr_el2
	mrs	x11, far_el2
	b	own_called

/* x1 = operand, x4 = stub of the operation, at EL0 */
	.globl l2_call_el0
l2_call_el0:
	blr	x4
	svc	#0

/* x1 = operand, x4 = stub of the operation */
l2_call:
	blr	x4
	dsb	ish
	isb
	hvc	#0
l2_return:
	ret

/* x1 = address, x2 = descriptor, x3 = where it goes, x4 = stub of the operation, x5 = its operand */
l2_remap:
	mov	x6, #0
	ldr	x0, [x1]
	str	x2, [x3]
	dsb	ishst
	isb
	ldr	x6, [x1]
	mov	x7, x1
	mov	x1, x5
	blr	x4
	dsb	ish
	isb
	ldr	x7, [x7]
	hvc	#0

/* SPDX-License-Identifier: GPL-2.0-only */
/* Start and exception vectors of the payload at vEL2, and the code that L2 runs. */
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

/*
 * void l2_run(struct cpu *cpu): enter L2 at cpu->elr with cpu->x[0..7]; returns when vEL2 takes an
 * exception from it.
 */
	.globl l2_run
l2_run:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #CPU_SP]
	ldp	x10, x11, [x0, #CPU_ELR]
	msr	elr_el2, x10
	msr	spsr_el2, x11
	mov	x9, x0
	ldp	x0, x1, [x9, #CPU_X]
	ldp	x2, x3, [x9, #CPU_X + 16]
	ldp	x4, x5, [x9, #CPU_X + 32]
	ldp	x6, x7, [x9, #CPU_X + 48]
	eret

lower_sync:
	mrs	x9, tpidr_el2
	stp	x0, x1, [x9, #CPU_X]
	stp	x2, x3, [x9, #CPU_X + 16]
	stp	x4, x5, [x9, #CPU_X + 32]
	stp	x6, x7, [x9, #CPU_X + 48]
	mrs	x10, esr_el2
	mrs	x11, far_el2
	stp	x10, x11, [x9, #CPU_ESR]
	mrs	x10, hpfar_el2
	str	x10, [x9, #CPU_HPFAR]
	mrs	x10, elr_el2
	str	x10, [x9, #CPU_ELR]
	ldr	x10, [x9, #CPU_SP]
	mov	sp, x10
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret

/* A guarded instruction is skipped and what it raised recorded. It declares x16 and x17 clobbered. */
el2_sync:
	mrs	x16, tpidr_el2
	ldr	x17, [x16, #CPU_GUARD]
	cbz	x17, fatal
	mrs	x17, esr_el2
	str	x17, [x16, #CPU_ESR]
	mrs	x17, far_el2
	str	x17, [x16, #CPU_FAR]
	mov	x17, #1
	str	x17, [x16, #CPU_TOOK]
	mrs	x17, elr_el2
	add	x17, x17, #4
	msr	elr_el2, x17
	eret

fatal:
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	bl	guest_fatal
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

	.globl l2_read, l2_write, l2_execute, l2_remap, l2_call, l2_return
l2_read:
	ldr	x0, [x1]
	b	l2_end
l2_write:
	str	x2, [x1]
	b	l2_end
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
	.macro	spin access:vararg
	ldr	x4, [x2, #8]
1:	\access
	str	x0, [x2]
	add	x4, x4, #1
	dmb	ishst
	str	x4, [x2, #8]
	tst	x4, #31		/* not each time: guest/guest.h, give_way() */
	b.ne	3f
	yield
3:	ldr	x5, [x3]
	cbz	x5, 1b
	b	l2_end
	.endm

	.globl l2_spin, l2_spin_write, l2_vncr_spin
l2_spin:
	spin	ldr x0, [x1]
l2_spin_write:
	spin	str x4, [x1]
l2_vncr_spin:
	spin	mrs x0, tpidr_el2

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

/* x1 = operand, x4 = stub of the operation */
l2_call:
	blr	x4
	dsb	ish
	isb
	hvc	#0
l2_return:
	ret

	.globl l2_sys
l2_sys:				/* STEP_SYS writes the first one */
	nop
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

/* SPDX-License-Identifier: GPL-2.0-only */
/* Start of each PE at EL2 (or vEL2), its vectors, and the way below EL2 and back. */
#include "arch_registers.h"
#include "pe.h"

	.section .text.start, "ax"
	.globl _start
_start:				/* x0 = index, from the VMM or PSCI CPU_ON; 0 after a reset */
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	mov	x2, #PE_STACK
	add	x3, x0, #1
	madd	x1, x2, x3, x1
	mov	sp, x1
	adrp	x1, pes
	add	x1, x1, :lo12:pes
	mov	x2, #PE_SIZE
	madd	x1, x2, x0, x1
	str	x0, [x1, #PE_INDEX]
	msr	tpidr_el2, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el2, x1
	isb
	bl	pe_main
1:	b	1b

	.text
	.globl pe_enter
pe_enter:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #PE_SP]
	ldp	x10, x11, [x0, #PE_ELR]
	msr	elr_el2, x10
	msr	spsr_el2, x11
	mov	x9, x0
	ldr	x10, [x9, #PE_BELOW]
	cbz	x10, 1f
	orr	x11, x9, #1
	msr	tpidr_el2, x11
1:
	ldp	x0, x1, [x9, #PE_X]
	ldp	x2, x3, [x9, #PE_X + 16]
	ldp	x4, x5, [x9, #PE_X + 32]
	ldp	x6, x7, [x9, #PE_X + 48]
	cbz	x10, 1f
	msr	sctlr_el2, x10	/* from here on, and up to big_endian, data may be the other way round: registers alone */
	isb
1:	eret

big_endian:
	bic	x9, x9, #1
	msr	tpidr_el2, x9
	mrs	x10, sctlr_el2
	bic	x10, x10, #1 << SCTLR_EE_SHIFT
	msr	sctlr_el2, x10
	isb
	b	1f

lower_sync:
	mrs	x9, tpidr_el2
	tbnz	x9, #0, big_endian	/* pe->below was not 0 */
1:
	stp	x0, x1, [x9, #PE_X]
	stp	x2, x3, [x9, #PE_X + 16]
	stp	x4, x5, [x9, #PE_X + 32]
	stp	x6, x7, [x9, #PE_X + 48]
	mrs	x10, esr_el2
	mrs	x11, far_el2
	stp	x10, x11, [x9, #PE_ESR]
	lsr	x11, x10, #26
	mov	x10, #0
	bic	x11, x11, #4
	cmp	x11, #0x20	/* ESR_EL2.EC: an abort of the lower EL, on a fetch or, with 4, on data */
	b.ne	1f
	mrs	x10, hpfar_el2	/* at vEL2 an exit to L0 */
1:	str	x10, [x9, #PE_HPFAR]
	mrs	x10, elr_el2
	mrs	x11, spsr_el2
	stp	x10, x11, [x9, #PE_ELR]
	.globl pe_back
pe_back:			/* to where pe_enter() was called from; x9 is its argument */
	ldr	x10, [x9, #PE_SP]
	mov	sp, x10
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret

/*
 * What a guarded instruction raised is recorded, with the vector, and execution goes on behind it or where PE_GUARD says. It
 * declares x16 and x17 clobbered. PSTATE.IL would raise the same again.
 */
own_sync_sp0:
	mov	x16, #PE_TOOK_SP0
	b	1f
own_sync:
	mov	x16, #PE_TOOK_SPX
1:	mrs	x17, tpidr_el2
	str	x16, [x17, #PE_TOOK]
	mov	x16, x17
	ldr	x17, [x16, #PE_GUARD]
	cbz	x17, fatal
	mrs	x17, esr_el2
	str	x17, [x16, #PE_ESR]
	mrs	x17, far_el2
	str	x17, [x16, #PE_FAR]
	ldr	x17, [x16, #PE_GUARD]
	cmp	x17, #1			/* NZCV is SPSR_EL2's again at the end */
	b.ne	1f
	mrs	x17, elr_el2
	add	x17, x17, #4
1:	msr	elr_el2, x17
	mrs	x17, spsr_el2
	bic	x17, x17, #1 << 20	/* IL */
	msr	spsr_el2, x17
	eret

fatal:
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	bl	pe_fatal
1:	b	1b

/* Where an illegal exception return goes on, at EL2: what it raises is skipped, and pe_enter() comes back. */
	.globl pe_illegal
pe_illegal:
	hvc	#0
	b	lower_sync

	.balign 2048
vectors:
	b	own_sync_sp0
	.rept 3
	.balign 128
	b	fatal
	.endr
	.balign 128
	b	own_sync
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

	.bss
	.balign	16
	.globl pes
pes:	.space	PES_MAX * PE_SIZE
	.balign	16
stacks:	.space	PES_MAX * PE_STACK

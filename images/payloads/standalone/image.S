/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that a boot loader enters as it enters Linux (Documentation/arch/arm64/booting.rst), and that a UEFI
 * firmware starts as an application (UEFI 2.10, PE32+): one file, both headers. Runs at EL2, wherever it was put,
 * moves the bare-metal program to its own place, switches caches and translation off, and goes there.
 *
 * BASE: where the program is to lie; BSS_END: the end of its memory; PAYLOAD: the file.
 */
#include "board.h"

	.section .head, "ax"
	.globl image
image:
	.inst	0xfa405a4d		/* its first bytes are "MZ"; it changes nothing but flags */
	b	flat
	.quad	0			/* from a multiple of 2 MiB on */
	.quad	image_end
	.quad	0xa			/* little-endian, pages of 4 KiB, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	pe - image
pe:
	.ascii	"PE\0\0"
	.short	0xaa64			/* Arm, 64 bits */
	.short	2			/* sections */
	.long	0, 0, 0			/* time, symbols */
	.short	sections - optional
	.short	0x0206			/* executable; no debugging information, no line numbers */
optional:
	.short	0x20b			/* PE32+ */
	.byte	0, 0
	.long	text_size		/* sizes of code, of data, of what is not in the file */
	.long	data_size
	.long	0
	.long	efi_start
	.long	text
	.quad	0			/* preferred address */
	.long	4096, 4096		/* alignment of sections in memory, in the file */
	.short	0, 0, 0, 0, 0, 0	/* versions: system, image, subsystem */
	.long	0
	.long	image_end
	.long	text			/* size of all headers */
	.long	0
	.short	10			/* an EFI application */
	.short	0x100			/* fit for memory that cannot be both written and executed */
	.quad	0, 0, 0, 0		/* stack, heap */
	.long	0
	.long	6			/* directories, all empty */
	.quad	0, 0, 0, 0, 0, 0
sections:
	.ascii	".text\0\0\0"
	.long	text_size, text, text_size, text
	.long	0, 0, 0
	.long	0x60000020		/* code, executed and read */
	.ascii	".data\0\0\0"
	.long	data_size, data, data_size, data
	.long	0, 0, 0
	.long	0xc0000040		/* data, read and written */

	.text
	.globl	text
text:
flat:					/* translation is off */
	mrs	x0, CurrentEL
	cmp	x0, #(2 << 2)
	b.eq	standalone_go
	ldr	x1, =BOARD_UART
	adr	x2, low
1:	ldrb	w0, [x2], #1
	cbz	w0, 2f
	strb	w0, [x1]
	b	1b
2:	wfi
	b	2b
low:	.asciz	"\r\nBail out! entered at EL1: switch the machine's EL2 on\r\n"
	.balign	4

	.globl	efi_start
efi_start:
	stp	x29, x30, [sp, #-16]!
	bl	efi_main		/* comes back with a reason why it cannot go */
	ldp	x29, x30, [sp], #16
	ret

/* Interrupts off. Copies and cleans with whatever translation there is: addresses are their own. */
	.globl	standalone_go
standalone_go:
	msr	daifset, #0xf
	adrp	x1, payload
	add	x1, x1, :lo12:payload
	adrp	x2, payload_end
	add	x2, x2, :lo12:payload_end
	ldr	x3, =BASE
	ldr	x4, =BSS_END
	mov	x5, x3
1:	ldp	x6, x7, [x1], #16	/* both ends are multiples of 16 */
	stp	x6, x7, [x5], #16
	cmp	x1, x2
	b.lo	1b
2:	stp	xzr, xzr, [x5], #16
	cmp	x5, x4
	b.lo	2b
	mrs	x6, ctr_el0
	ubfx	x6, x6, #16, #4		/* DminLine: words, as a power of 2 */
	mov	x7, #4
	lsl	x7, x7, x6
	mov	x5, x3
3:	dc	civac, x5
	add	x5, x5, x7
	cmp	x5, x4
	b.lo	3b
	adr	x5, text		/* what runs until it is left */
	adrp	x6, data
4:	dc	civac, x5
	add	x5, x5, x7
	cmp	x5, x6
	b.lo	4b
	dsb	sy
	ldr	x5, =0x30c50830	/* the bits that are RES1; M, C and I are 0 */
	msr	sctlr_el2, x5
	isb
	mov	x5, #0x80000000	/* RW: EL1 is AArch64 */
	msr	hcr_el2, x5
	isb
	msr	mdcr_el2, xzr
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	msr	vtcr_el2, xzr
	tlbi	alle2
	tlbi	alle1
	ic	iallu
	dsb	sy
	isb
	mov	x0, #0
	br	x3
	.ltorg

	.data
	.balign	4096
	.globl	payload, payload_end
payload:
	.incbin	PAYLOAD
	.balign	16
payload_end:

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs at EL2 on the bare model: EL2's timer ends what does not come back from below EL2, as an exception with no syndrome of its
 * own does. pe_enter() then comes back to where it was called from.
 */
#include "pe.h"
#include "watch.h"

	.text
	.globl watch_late
watch_late:
	mrs	x9, tpidr_el2
	ldr	x10, [x9, #PE_INDEX]
	adrp	x11, watches
	add	x11, x11, :lo12:watches
	mov	x12, #WATCH_SIZE
	madd	x11, x10, x12, x11
	mov	x12, #1
	str	x12, [x11, #WATCH_LATE]
	mrs	x12, elr_el2
	str	x12, [x11, #WATCH_PC]
	mrs	x12, spsr_el2
	str	x12, [x11, #WATCH_SPSR]
	b	pe_back

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs at EL2 on the bare model: the instruction that is modified, the last of a page. It is NOP or B: then a PE may execute it
 * while another writes it, and executes either (DDI 0487, B2.2.5). NOP goes on to the first instruction of the next page.
 */
#include "modified.h"

	.text
	.balign PAGE
	.fill PAGE / 4 - 1, 4, 0xd503201f
	.globl site
site:	nop
	.globl next_page
next_page:
	b	says_nop
/* Each of these is a block of its own for a model that translates code: the page holds many. */
	.fill PAGE / 4 - 1 - 16, 4, 0xd65f03c0
	.globl says_branch
says_branch:
	mov	x0, #SAYS_BRANCH
	ret
says_nop:
	mov	x0, #SAYS_NOP
	ret
	.balign PAGE

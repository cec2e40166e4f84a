/* SPDX-License-Identifier: GPL-2.0-only */
	.section .rodata
	.globl litmus_image, litmus_image_end
	.balign 16
litmus_image:
	.incbin LITMUS_IMAGE
litmus_image_end:
	.section .note.GNU-stack, "", %progbits

/* SPDX-License-Identifier: GPL-2.0-only */
	.section .rodata
	.globl guest_image, guest_image_end
	.balign 16
guest_image:
	.incbin GUEST_IMAGE
guest_image_end:
	.section .note.GNU-stack, "", %progbits

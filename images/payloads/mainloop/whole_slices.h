/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NVH_MAINLOOP_WHOLE_SLICES_H
#define NVH_MAINLOOP_WHOLE_SLICES_H

/*
 * From now on QEMU's RCU cannot end a slice of the calling thread, the vCPU thread, before its count of instructions is
 * used up. Where this QEMU does not look as expected, nothing changes, and a line on stderr says so.
 */
void keep_slices_whole(void);

#endif

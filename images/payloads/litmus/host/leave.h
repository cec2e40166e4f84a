/* SPDX-License-Identifier: GPL-2.0-only */
/* --leave: goes on in a child, which says by leave_end() with what exit status the parent ends. */
#ifndef NVH_LITMUS_HOST_LEAVE_H
#define NVH_LITMUS_HOST_LEAVE_H

void leave_begin(void);
int leave_end(int status);

#endif

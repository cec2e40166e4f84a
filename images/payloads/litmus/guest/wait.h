/* SPDX-License-Identifier: GPL-2.0-only */
/* How a vCPU at vEL2 waits for another one, or for the VMM. */
#ifndef NVH_LITMUS_GUEST_WAIT_H
#define NVH_LITMUS_GUEST_WAIT_H

#define PATIENCE 2000000 /* polls of another CPU before giving up: some 500 instructions each */

/* Between the n-th poll, from 0, and the next. */
void give_way(unsigned n);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Every operation of the table: at vEL2, and as a stub that L2 calls. */
#ifndef NVH_LITMUS_GUEST_TLBI_H
#define NVH_LITMUS_GUEST_TLBI_H

#include <stdint.h>

void tlbi(unsigned op, uint64_t operand);
uint64_t tlbi_stub(unsigned op);

#endif

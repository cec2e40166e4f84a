/* SPDX-License-Identifier: GPL-2.0-only */
/* Every operation of the table: at vEL2, and as stubs that L2 calls. */
#ifndef NVH_LITMUS_GUEST_TLBI_H
#define NVH_LITMUS_GUEST_TLBI_H

#include <stdbool.h>
#include <stdint.h>

/* Its register is one of X0 to X15 or of X19 to X28, as `turn` is even or odd; XZR for an operand of 0. */
void tlbi(unsigned op, uint64_t operand, unsigned turn);
/* moved: with the operand in L2_OPERAND_REGISTER(op), else in X1. */
uint64_t tlbi_stub(unsigned op, bool moved);

#endif

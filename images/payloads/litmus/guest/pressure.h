/* SPDX-License-Identifier: GPL-2.0-only */
/* Other translations that compete with a case's for the sets and ways of a TLB (--pressure). */
#ifndef NVH_LITMUS_GUEST_PRESSURE_H
#define NVH_LITMUS_GUEST_PRESSURE_H

#include "guest/cpu.h"

/* Before a program: with exits to L0 in between. */
void pressure_begin(struct pe *cpu);
/* In mid-program: without. */
void pressure(struct pe *cpu);

#endif

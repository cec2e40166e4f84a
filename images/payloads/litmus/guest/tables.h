/* SPDX-License-Identifier: GPL-2.0-only */
/* Translation tables with granules of 1 << shift bytes: a pool for L2's, and vEL2's own. */
#ifndef NVH_LITMUS_GUEST_TABLES_H
#define NVH_LITMUS_GUEST_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/shared.h"

void tables_reset(void);
uint64_t tables_new(unsigned shift);
/* The descriptor of ia at `level`; tables on the way are made, or taken apart when a block is in the way. */
uint64_t *tables_slot(uint64_t root, struct shape shape, uint64_t ia, unsigned level);
/* What that descriptor is; 0 where no table leads to it. */
uint64_t tables_look(uint64_t root, struct shape shape, uint64_t ia, unsigned level);
/* vEL2's own, of every granule: everything flat in the low half, nothing in the high one, which only E2H has. */
void tables_vel2(bool e2h);
/* Those with TCR_EL2.DS have OA[51:50] where the others have the shareability (Arm ARM D8.3.2). */
uint64_t tables_vel2_root(unsigned shift, bool high, bool ds);
/* The same with 48 bits of input and 4K pages, above the usual ones. */
uint64_t tables_vel2_wide(bool high);
/* Of L2's stage 1: the root for this VA. */
uint64_t tables_stage1(const struct context *c, uint64_t va);
/* Of descriptors of its stage 1: with DS the field is part of the address. */
uint64_t tables_shareable(const struct context *c);
void zero(uint64_t at, uint64_t size);

#endif

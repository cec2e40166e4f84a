/* SPDX-License-Identifier: GPL-2.0-only */
/* EL2's own regimes, for the questions that change them as space.c changes EL1&0. Runs at EL2 on the bare model. */
#ifndef NVH_MODEL_REGIMES_H
#define NVH_MODEL_REGIMES_H

#include "model.h"

/* EL2, or EL2&0 with {E2H,TGE} = {1,1}. The program is mapped as it is in the lower half, by leaves of AP 0. */
struct own {
	bool e2h, pie;
	struct geometry g;
	uint64_t *roots[2];
	uint64_t tcr, sctlr, pir, pire0; /* sctlr: bits beside those that translation needs */
};
extern struct own own;

void own_new(bool e2h, unsigned shift);
void own_program(uint64_t attributes); /* of its leaves, beside AF */
/* The regime's registers, with its MMU off; all of it; and EL2 with E2H 0 and its MMU off as before. */
void own_registers(void);
void own_on(void);
void own_off(void);
uint64_t *own_descriptor(uint64_t va, unsigned level);
/* The regime is on for this access or instruction alone. ``el0``: of EL2&0. */
struct answer own_touch(bool el0, bool pan, enum access access, uint64_t va);
struct answer own_user(enum access access, uint64_t va); /* by EL0 of EL2&0, which is on */
uint64_t own_big_load(uint64_t va); /* by EL2, with SCTLR_EL2.EE */
uint64_t own_translate(uint32_t at, uint64_t va); /* PAR_EL1 */
uint64_t own_at(bool el0, bool write, uint64_t va); /* AT S1E2R and S1E2W; AT S1E0R and S1E0W, which are of EL2&0 with TGE */
void own_corners(void); /* part of check_own() */
#endif

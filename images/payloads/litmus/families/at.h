/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms of AT, and PAR_EL1 where one fails (Arm ARM DDI 0487 M.a.a, C5.4, D24.2 PAR_EL1). families/at*.c. */
#ifndef NVH_LITMUS_FAMILIES_AT_H
#define NVH_LITMUS_FAMILIES_AT_H

#include "host/program.h"

/* The kind of fault of PAR_EL1.FST, and FST with its level. */
enum at_fault { AT_ADDRESS_SIZE, AT_TRANSLATION, AT_ACCESS_FLAG, AT_PERMISSION };
#define AT_FAILED(kind, level) (PAR_F | PLACE(PAR_FST, (kind) << 2 | (level)))

static inline bool at_is_write(enum at_operation op)
{
	return op & 1;
}

static inline bool at_is_el0(enum at_operation op)
{
	return op == AT_S1E0R || op == AT_S1E0W || op == AT_S12E0R || op == AT_S12E0W;
}

/*
 * L0's shadow of the first 2 MiB of the pool goes, where L2's tables are, so that L0 walks them in software. The hint is no leaf's of
 * L1, and obliges to nothing: where an L0 keeps its shadow, its MMU answers.
 */
static inline void at_forget_tables(struct litmus *l)
{
	add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, POOL_PA, 0, ttl_for(12, 2)), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

/* It goes on to stage 2. */
static inline bool at_is_both(enum at_operation op)
{
	return op >= AT_S12E1R && op < AT_TEXT;
}

#endif

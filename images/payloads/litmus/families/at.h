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

/* It goes on to stage 2. */
static inline bool at_is_both(enum at_operation op)
{
	return op >= AT_S12E1R && op < AT_TEXT;
}

#endif

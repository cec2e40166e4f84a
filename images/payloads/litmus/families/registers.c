// SPDX-License-Identifier: GPL-2.0-only
/* Steps that write and read system registers at vEL2 and in L2, and what they have to find. */
#include "families/registers.h"

void register_set(struct litmus *l, enum sys_at where, uint32_t word, uint64_t value)
{
	add_sys(l, where, word, value, STEP_UNDER_TEST | STEP_WORD, ROLE_DONE, 0);
}

void register_is(struct litmus *l, enum sys_at where, uint32_t word, uint64_t mask, uint64_t value)
{
	add_sys(l, where, word, 0, STEP_UNDER_TEST | STEP_WORD, ROLE_PAR, value)->old = mask;
}

void masked_next(struct litmus *l, unsigned masked, unsigned open)
{
	while ((masks_at(l->steps[0]) & (masked | open)) != masked)
		add_poke(l, DATA_PA, 0);
}

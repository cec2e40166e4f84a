// SPDX-License-Identifier: GPL-2.0-only
/* Steps that write and read system registers at vEL2 and in L2, and what they have to find. */
#include "families/registers.h"

static struct probe *executes(struct litmus *l, enum sys_at where, uint32_t word, uint64_t value, enum role role)
{
	struct step *s = add(l, 0, STEP_SYS);
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	s->a = value;
	s->b = word;
	s->c = where;
	s->flags = STEP_UNDER_TEST | STEP_WORD;
	p->at = word;
	return p;
}

void register_set(struct litmus *l, enum sys_at where, uint32_t word, uint64_t value)
{
	executes(l, where, word, value, ROLE_DONE);
}

void register_is(struct litmus *l, enum sys_at where, uint32_t word, uint64_t mask, uint64_t value)
{
	struct probe *p = executes(l, where, word, 0, ROLE_PAR);

	p->old = mask;
	p->now = value;
}

void masked_next(struct litmus *l, unsigned masked, unsigned open)
{
	while ((masks_at(l->steps[0]) & (masked | open)) != masked)
		add_poke(l, DATA_PA, 0);
}

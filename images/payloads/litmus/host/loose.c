// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where nothing obliges L0, an old translation may stay in use: that is L1's own, and whoever watches the machine is
 * told so (docs/sanitizer.md, "Marks").
 */
#include "host/loose.h"

static struct step *step_of(const struct litmus *l, const struct probe *p)
{
	return &l->vm->shared->program[p->cpu].step[p->step];
}

/* From the first look at what is gone from the tables up to one for which an operation obliges. */
static void loosen_looks(const struct litmus *l, unsigned of)
{
	const struct probe *is_free = &l->probes[of];

	for (unsigned i = 0; i < l->probe_count; i++) {
		const struct probe *p = &l->probes[i];

		if (p->cpu != is_free->cpu || p->at != is_free->at || p->role == ROLE_BEFORE)
			continue;
		if (p->role != ROLE_GONE)
			step_of(l, p)->flags |= STEP_LOOSE;
		else if (i > of)
			return;
	}
}

bool loosen(const struct litmus *l)
{
	for (unsigned i = 0; i < l->probe_count; i++) {
		if (l->probes[i].role != ROLE_FREE)
			continue;
		if (step_of(l, &l->probes[i])->kind == STEP_SAMPLE) /* another CPU uses it all the time */
			return true;
		loosen_looks(l, i);
	}
	return false;
}

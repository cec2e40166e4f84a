// SPDX-License-Identifier: GPL-2.0-only
/* Runs in Python's process (harness/arch/library.py), which has no inline functions: the reference by name. */
#include "arch.h"

int nvh_cover(const struct operation *op, uint64_t xt, const struct state *state, const struct translation *entry)
{
	return tlbi_cover(op, xt, state, entry);
}

int nvh_answer(int miss)
{
	return answer_of((enum miss)miss);
}

void nvh_decode(const struct operation *op, uint64_t xt, const struct state *state, struct fields *fields)
{
	*fields = operand_decode(op, xt, state);
}

int nvh_fate(const struct operation *op, const struct state *state)
{
	return fate_of(op, state);
}

uint64_t nvh_syndrome(const struct operation *op, unsigned rt)
{
	return syndrome_of(op, rt);
}

int nvh_regime(const struct operation *op, const struct state *state)
{
	return regime_of(op, state);
}

int nvh_scope(const struct operation *op, const struct state *state)
{
	return scope_of(op, state);
}

int nvh_dsb_completes(unsigned crm, int nxs, int below, uint64_t hcr, uint64_t hcrx, int of, int of_nxs)
{
	return dsb_completes(dsb_scope(crm, below, hcr), dsb_is_nxs(nxs, below, hcrx), (enum scope)of, of_nxs);
}

/* One operation and operand against all of these: `answers` has state_count * entry_count places. */
void nvh_answers(const struct operation *op, uint64_t xt, const struct state *states, unsigned state_count,
		 const struct translation *entries, unsigned entry_count, uint8_t *answers)
{
	for (unsigned s = 0; s < state_count; s++) {
		struct aim aim = aim_of(op, xt, &states[s]);

		for (unsigned e = 0; e < entry_count; e++)
			*answers++ = (uint8_t)answer_of(aim_covers(&aim, &entries[e], states[s].own_pe));
	}
}

/* One set of registers against all of these leaves: `answers` has `count` places, see struct permissions. */
void nvh_permissions(const struct permission_controls *controls, const uint64_t *descriptors, const uint64_t *tables,
		     unsigned count, struct permissions *answers)
{
	for (unsigned i = 0; i < count; i++)
		answers[i] = stage1_permissions(controls, descriptors[i], tables[i]);
}

/* For checks of the layout on the other side. */
unsigned nvh_sizes(unsigned which)
{
	const unsigned sizes[] = { sizeof(struct operation),	       sizeof(struct state),
				   sizeof(struct translation),	       sizeof(struct fields),
				   sizeof(struct permission_controls), sizeof(struct permissions) };

	return sizes[which];
}

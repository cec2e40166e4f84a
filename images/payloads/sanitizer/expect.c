// SPDX-License-Identifier: GPL-2.0-only
#include "expect.h"
#include "pa_size.h"

#define NOTHING (P_ALL + 1u) /* a permission that nobody has */

const char *const fault_text[] = { "no fault", "translation fault", "access flag fault", "permission fault", "not judged" };

static enum fault fault_of(enum outcome outcome)
{
	return outcome == NO_TRANSLATION ? TRANSLATION_FAULT : outcome == NO_ACCESS_FLAG ? ACCESS_FLAG_FAULT :
	       outcome == MAPPED ? NO_FAULT : NOT_JUDGED;
}

static struct expected of_stage2(const struct step *step, unsigned wanted, bool on_walk)
{
	struct expected expected = { fault_of(step->outcome), 2, on_walk, step->leaf.level, step->ipa };

	if (expected.fault == NO_FAULT && wanted & ~step->leaf.perms)
		expected.fault = PERMISSION_FAULT;
	return expected;
}

/* The tables of stage 1 as stage 2 gives them. Where the PE writes to them, or Device memory is forbidden, nothing is said. */
static struct expected of_tables(const struct context *context, const struct walk *now)
{
	bool two = context->regime == EL10 || context->e2h;
	bool updates = context->tcr & (two ? TCR_HA : TCR_E2H0_HA);

	for (unsigned i = 0; i < now->steps; i++) {
		const struct step *step = &now->step[i];
		struct expected expected;

		if (!step->table)
			continue;
		expected = of_stage2(step, P_R, true);
		if (expected.fault == NO_FAULT && updates && !(step->leaf.perms & P_W))
			expected.fault = NOT_JUDGED;
		if (expected.fault == NO_FAULT && context->hcr & HCR_PTW && !(step->leaf.value >> 4 & 3))
			expected.fault = NOT_JUDGED;
		if (expected.fault != NO_FAULT)
			return expected;
	}
	return (struct expected){ NO_FAULT, 1, false, 0, 0 };
}

static struct expected of_stage1(const struct context *context, uint64_t va, const struct walk *now, unsigned kind, bool user,
				 bool pan)
{
	bool two = context->regime == EL10 || context->e2h, upper = two && va & HIGH_HALF;
	bool pie = context->tcr2 & TCR2_PIE;
	struct expected expected = { NO_FAULT, 1, false, now->leaf.level, 0 };
	unsigned user_access = P_UR | P_UW; /* that PAN is about */
	unsigned perms = now->leaf.perms, wanted = user ? kind << 3 : kind;

	if (!context->s1)
		return expected;
	if (user && context->regime == EL10 && context->tcr & (upper ? TCR_E0PD1 : TCR_E0PD0)) { /* FEAT_E0PD */
		expected.fault = TRANSLATION_FAULT;
		expected.level = 0;
		return expected;
	}
	if (now->outcome != MAPPED && now->stage == 1) {
		expected.fault = fault_of(now->outcome);
		return expected;
	}
	if (!pie && context->sctlr & SCTLR_WXN && kind & P_X && perms & (P_W | P_UW)) { /* I_PMKFB */
		expected.fault = NOT_JUDGED;
		return expected;
	}
	if (pie || context->sctlr & SCTLR_EPAN) /* R_TBKKB */
		user_access |= P_UX;
	if (pan && !user && kind & (P_R | P_W) && perms & user_access)
		wanted |= NOTHING;
	if (wanted & ~perms)
		expected.fault = PERMISSION_FAULT;
	return expected;
}

struct expected expect(const struct context *context, uint64_t va, const struct walk *now, unsigned kind, bool user, bool pan,
		       bool one_stage)
{
	struct expected expected = of_tables(context, now);

	if (expected.fault == NO_FAULT)
		expected = of_stage1(context, va, now, kind, user, pan);
	if (expected.fault != NO_FAULT || one_stage || !context->s2)
		return expected;
	if (!now->steps || now->step[now->steps - 1].table)
		return (struct expected){ NOT_JUDGED, 2, false, 0, 0 };
	if (context->vtcr & VTCR_S2PIE)
		return (struct expected){ NOT_JUDGED, 2, false, 0, 0 };
	return of_stage2(&now->step[now->steps - 1], user ? kind << 3 : kind, false);
}

unsigned fault_code(const struct expected *expected)
{
	if (expected->level < 0)
		return 0x2b; /* translation fault, level -1: no other kind is there */
	return (unsigned)expected->fault << 2 | (unsigned)expected->level;
}

bool outputs_fit(const struct context *context, const struct walk *now)
{
	bool two = context->regime == EL10 || context->e2h;
	unsigned bits = 48;

	if (context->s1) {
		unsigned own = pa_sizes[two ? FIELD(context->tcr, TCR_IPS) : FIELD(context->tcr, TCR_E2H0_PS)];

		bits = own < bits ? own : bits;
	}
	if (context->s2 && pa_sizes[FIELD(context->vtcr, VTCR_PS)] < bits)
		bits = pa_sizes[FIELD(context->vtcr, VTCR_PS)];
	return !(now->highest >> bits);
}

#define ACCESS_FLAG (1ull << 10)
#define DBM (1ull << 51)
#define READ_ONLY (1ull << 7) /* AP[2] of stage 1; S2AP[1], which means the contrary, of stage 2 */

const char *flag_not_written(const struct context *context, const struct walk *now, unsigned kind)
{
	bool two = context->regime == EL10 || context->e2h;
	uint64_t first = now->leaf.value, second;

	if (context->s1 && context->tcr & (two ? TCR_HA : TCR_E2H0_HA)) {
		if (!(first & ACCESS_FLAG))
			return "the access flag of stage 1";
		if (kind & P_W && context->tcr & (two ? TCR_HD : TCR_E2H0_HD) && first & DBM && first & READ_ONLY)
			return "the dirty state of stage 1";
	}
	if (!context->s2 || !now->steps || !(context->vtcr & VTCR_HA))
		return NULL;
	second = now->step[now->steps - 1].leaf.value;
	if (!(second & ACCESS_FLAG))
		return "the access flag of stage 2";
	if (kind & P_W && context->vtcr & VTCR_HD && second & DBM && !(second & READ_ONLY))
		return "the dirty state of stage 2";
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
#include "break.h"

#define HCR_NV (1ull << 42) /* L0 has it set while it runs L1 at virtual EL2 */

enum keeper keeper_of(const struct entry *entry, const struct context *context)
{
	if (entry->extent.kind == STAGE2 || entry->extent.regime == EL2)
		return L0;
	return context->hcr & HCR_NV ? L1 : L2;
}

static enum step_to_new stage2_step(const struct entry *entry, const struct context *context, read_physical read,
				    struct walk *now)
{
	struct context second = *context;

	if (!context->s2 || entry->roots[1] != context_root2(context))
		return UNTOLD;
	second.s1 = false;
	walk(&second, read, entry->page, now);
	if (now->outcome == NO_TRANSLATION)
		return BROKEN;
	if (now->outcome != MAPPED)
		return UNTOLD;
	return now->pa == entry->out ? UNCHANGED : REPLACED;
}

static enum step_to_new stage1_step(const struct entry *entry, const struct context *context, read_physical read,
				    struct walk *now)
{
	if (!context->s1 || entry->extent.flat || !(entry->stages & 1))
		return UNTOLD;
	walk(context, read, entry->page, now);
	if (!entry->extent.global && entry->roots[0] != now->root)
		return UNTOLD;
	if (now->outcome == NO_TRANSLATION && now->stage == 1)
		return BROKEN;
	if (now->outcome != MAPPED)
		return UNTOLD;
	return now->pa == entry->out || now->ipa == entry->ipa ? UNCHANGED : REPLACED;
}

enum step_to_new break_step(const struct entry *entry, const struct tlbi *tlbi, const struct context *context,
			    read_physical read, struct walk *now)
{
	if (!context || tlbi->op->operand == NONE || tlbi->op->operand == ASID)
		return UNTOLD;
	return entry->extent.kind == STAGE2 ? stage2_step(entry, context, read, now)
					    : stage1_step(entry, context, read, now);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "break.h"

/*
 * R_WHZWS (Arm ARM DDI 0487 M.a.a): another output address needs no break when neither translation grants write, and the
 * memory is the same. A 4 KB page is what an entry is about here.
 */
bool break_is_copy(const struct entry *entry, uint64_t out, unsigned perms, read_physical read)
{
	uint64_t before, after;

	if ((entry->perms | perms) & (P_W | P_UW))
		return false;
	for (uint64_t at = 0; at < ~PAGE_MASK + 1; at += sizeof(before))
		if (!read(entry->out + at, &before) || !read(out + at, &after) || before != after)
			return false;
	return true;
}

static bool is_same(const struct entry *entry, const struct walk *now, read_physical read)
{
	return now->pa == entry->out || break_is_copy(entry, now->pa, now->perms, read);
}

enum keeper keeper_of(const struct entry *entry, const struct context *context)
{
	if (entry->extent.stage == STAGE_2 || entry->extent.regime == EL2)
		return L0;
	return context->hcr & HCR_NV ? L1 : L2; /* L0 has it set while it runs L1 at virtual EL2 */
}

/* The tables are as the entry's walk read them, whatever SCTLR_ELx.EE is where the operation is executed. */
static struct context as_filled(const struct context *context, const struct entry *entry)
{
	struct context filled = *context;

	filled.sctlr = entry->big & 1 ? filled.sctlr | SCTLR_EE : filled.sctlr & ~SCTLR_EE;
	filled.ee2 = entry->big & 2;
	return filled;
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
	return is_same(entry, now, read) ? UNCHANGED : REPLACED;
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
	return now->ipa == entry->ipa || is_same(entry, now, read) ? UNCHANGED : REPLACED;
}

enum step_to_new break_step(const struct entry *entry, const struct tlbi *tlbi, const struct context *context,
			    read_physical read, struct walk *now)
{
	struct context filled;

	if (!context || tlbi->op->operand == NONE || tlbi->op->operand == ASID)
		return UNTOLD;
	filled = as_filled(context, entry);
	return entry->extent.stage == STAGE_2 ? stage2_step(entry, &filled, read, now)
					      : stage1_step(entry, &filled, read, now);
}

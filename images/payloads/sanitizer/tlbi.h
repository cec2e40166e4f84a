/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One executed TLBI operation. Plain C, runs in the sanitizer plugin inside QEMU and in its test driver. What it obliges
 * is the reference's to say (../arch), which is inlined here.
 */
#ifndef NVH_SANITIZER_TLBI_H
#define NVH_SANITIZER_TLBI_H

#include "arch.h"

struct tlbi {
	const struct operation *op;
	uint64_t xt, seq, pc;
	unsigned pe;
	struct state state; /* of that PE */
	struct aim aim;	    /* what it is for: tlbi_aim() */
	enum scope scope;   /* after HCR_EL2.FB */
	bool nxs;	    /* after HCRX_EL2.FnXS */
};

/* Why an operation that covers an entry has not taken it: beside those of enum miss. */
enum { NOT_COMPLETE = MISSES, STAGE_2_ON_WALK };

/* Once the operation, its operand and the state are known. */
static inline void tlbi_aim(struct tlbi *tlbi)
{
	tlbi->aim = aim_of(tlbi->op, tlbi->xt, &tlbi->state);
	tlbi->scope = scope_of(tlbi->op, &tlbi->state);
	tlbi->nxs = tlbi->aim.nxs;
}

static inline enum regime tlbi_regime(const struct tlbi *tlbi)
{
	return regime_of(tlbi->op, &tlbi->state);
}

static inline enum miss tlbi_covers(const struct tlbi *tlbi, const struct translation *entry, bool own_pe)
{
	return aim_covers(&tlbi->aim, entry, own_pe);
}

/* First and last address that the operand names; false for operations that name none, or a reserved granule. */
static inline bool tlbi_addresses(const struct tlbi *tlbi, unsigned shift, uint64_t *first, uint64_t *last)
{
	const struct fields *fields = &tlbi->aim.fields;

	if (tlbi->op->operand == NONE || tlbi->op->operand == ASID)
		return false;
	if (op_is_range(tlbi->op) && !fields->shift)
		return false;
	*first = op_is_range(tlbi->op) ? fields->first : fields->address & ~((1ull << shift) - 1);
	*last = op_is_range(tlbi->op) ? fields->last : *first;
	return true;
}

#endif

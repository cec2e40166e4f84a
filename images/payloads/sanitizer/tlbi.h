/* SPDX-License-Identifier: GPL-2.0 */
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
	struct state state; /* of that PE; own_pe is set for each entry */
	enum scope scope;   /* after HCR_EL2.FB */
	bool nxs;	    /* after HCRX_EL2.FnXS */
};

/* Why an operation that covers an entry has not taken it: beside those of enum miss. */
enum { NOT_COMPLETE = MISSES };

static inline enum regime tlbi_regime(const struct tlbi *tlbi)
{
	return regime_of(tlbi->op, &tlbi->state);
}

static inline enum miss tlbi_covers(const struct tlbi *tlbi, const struct translation *entry, bool own_pe)
{
	struct state state = tlbi->state;

	state.own_pe = own_pe;
	return tlbi_cover(tlbi->op, tlbi->xt, &state, entry);
}

/* First and last address that the operand names; false for operations that name none, or a reserved granule. */
static inline bool tlbi_addresses(const struct tlbi *tlbi, unsigned shift, uint64_t *first, uint64_t *last)
{
	struct fields fields;

	if (tlbi->op->operand == NONE || tlbi->op->operand == ASID)
		return false;
	fields = operand_decode(tlbi->op, tlbi->xt, &tlbi->state);
	if (op_is_range(tlbi->op) && !fields.shift)
		return false;
	*first = op_is_range(tlbi->op) ? fields.first : fields.address & ~((1ull << shift) - 1);
	*last = op_is_range(tlbi->op) ? fields.last : *first;
	return true;
}

#endif

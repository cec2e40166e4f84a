// SPDX-License-Identifier: GPL-2.0-only
/* The table of operations and the words of the rules. Runs wherever the rest of images/payloads/arch does. */
#include "arch.h"

#define ROW(name, op1, crn, crm, op2, has, family, regime, operand, scope, last, nxs, os, range, hfgitr)     \
	{ #name, (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5, family, regime, operand, scope, last, nxs, \
	  os, range, has, hfgitr },
const struct operation operations[] = { TLBI_ROWS(ROW) };
#undef ROW
const unsigned operation_count = sizeof(operations) / sizeof(*operations);

const struct operation *operation_of(uint32_t sys)
{
	for (unsigned i = 0; i < operation_count; i++)
		if (operations[i].sys == sys)
			return &operations[i];
	return NULL;
}

const char *const miss_text[MISSES] = {
	[COVERS] = "covers it",
	[MISS_OTHER_PE] = "it is for the executing PE alone",
	[MISS_OTHER_REGIME] = "it is for the other translation regime",
	[MISS_OTHER_STAGE] = "it is for the other stage",
	[MISS_OTHER_VMID] = "another VMID was loaded",
	[MISS_OTHER_ASID] = "its ASID is another one",
	[MISS_ONLY_NON_GLOBAL] = "it is for non-global entries alone",
	[MISS_OTHER_ADDRESS] = "its address or range is another one",
	[MISS_OTHER_LEVEL] = "its TTL names another level",
	[MISS_OTHER_GRANULE] = "its TG or TTL names another granule",
	[MISS_NO_GRANULE_THERE] = "stage 1 was off: no TG or TTL is right for it",
	[MISS_MISALIGNED] = "its range is UNPREDICTABLE: the base is no multiple of the leaf that its TTL names",
	[MISS_LEAF_ONLY] = "it is for the last level alone",
	[MISS_XS_STAYS] = "it is an nXS form, which need not take what has XS = 1",
};

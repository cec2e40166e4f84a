/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of L2 under both stages whose tables lie where this side knows them: the last table of stage 1 at TABLE_PA, its
 * first descriptor for the page. families/walk.c, families/at.c.
 */
#ifndef NVH_LITMUS_FAMILIES_KNOWN_H
#define NVH_LITMUS_FAMILIES_KNOWN_H

#include "host/program.h"

#define TABLE_PA (DATA_PA + 0x1000000)
#define TABLE_NEXT_PA (TABLE_PA + 0x10000)
#define PAGE_PA (TABLE_PA + 0x20000)
#define PAGE_NEXT_PA (TABLE_PA + 0x30000)
#define ASID_KNOWN 0x15

/* What stage 1 maps at `va` (the last 4K of its page): `ipa`, by the table at IPA `table`; stage 2 has `page` and TABLE_PA there. */
struct known {
	uint64_t va, ipa, table;
};

/* Stage-2 permissions and bits that are 0 in either leaf: the page's and the table's. */
struct known known_page(struct litmus *l, uint64_t s1_more, uint64_t table_more);
/* One of its stage-2 leaves, 4K, gets another descriptor; `to` 0: none. */
void known_stage2(struct litmus *l, uint64_t ipa, uint64_t to, uint64_t permissions, uint64_t without);
/* What an operation for a stage-2 leaf obliges, and the combined entries with it. */
void known_forget(struct litmus *l, unsigned op, uint64_t ipa, uint32_t flags);
/* Both leaves of its pages and that of its table are nobody's afterwards: the next case has other tables. */
void known_end(struct litmus *l, const struct known *k);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * s2-huge-part: L0's shadow has a block where L1 has one, and L1's operation is for a part of it. The operation is for each entry that
 * would be used to translate any IPA of its range (Arm ARM DDI 0487 M.a.a, C5.5), so that all of the block goes. Where the shadow has
 * pages instead, Linux 7.3 takes those of the part alone (s2-unmap-part, defect-range-part).
 */
#include "families/families.h"
#include "host/huge.h"
#include "host/program.h"

/* Where the range begins; that of an operation for an address is that address. */
enum { BEFORE, FIRST, MIDDLE, LAST, POSITIONS };
static const char *const position_words[] = { "before", "first", "middle", "last" };
#define OTHER_PA (DATA_PA + HUGE_BLOCK)

static const uint64_t used[] = { 0, HUGE_BLOCK - HUGE_PAGE }; /* by L2 */
#define USED (sizeof(used) / sizeof(*used))

static uint64_t start_of(const struct litmus *l, uint64_t ipa)
{
	uint64_t bytes = operations[l->op].operand == IPA ? HUGE_PAGE : range_bytes(l->shift, l->scale, l->num);

	switch (l->position) {
	case BEFORE: /* its last page is the block's first */
		return ipa + HUGE_PAGE - bytes;
	case FIRST:
		return ipa;
	case MIDDLE:
		return ipa + HUGE_BLOCK / 2;
	default:
		return ipa + HUGE_BLOCK - bytes;
	}
}

static void look(struct litmus *l, uint64_t ipa, enum role role, bool now)
{
	for (unsigned i = 0; i < USED; i++)
		add_access(l, 0, ACCESS_READ, ipa + used[i], false, role, value_at(DATA_PA + used[i]),
			   now ? value_at(OTHER_PA + used[i]) : 0);
}

static void build_part(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 2) + HUGE_BLOCK, start = start_of(l, ipa);
	uint64_t all = PTE_S2_R | PTE_S2_W, operand;
	bool must;

	if (operations[l->op].operand == IPA)
		operand = operand_address(false, start, 0, ttl_for(l->shift, l->hint ? l->level : 0));
	else
		operand = operand_range(start, l->shift, l->scale, l->num, l->hint ? l->level : 0, 0);
	must = stage2_obliged(l, operand, ipa, l->level);
	add_host(l, HUGE_DATA, 0);
	add_probe(l, 0, l->steps[0] - 1, ROLE_BEFORE)->old = 1;
	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < USED; i++) {
		add_poke(l, DATA_PA + used[i], value_at(DATA_PA + used[i]));
		add_poke(l, OTHER_PA + used[i], value_at(OTHER_PA + used[i]));
	}
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, l->level, all), l->level);
	look(l, ipa, ROLE_BEFORE, false);
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	look(l, ipa, ROLE_STALE, false);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	look(l, ipa, must ? ROLE_GONE : ROLE_FREE, false);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(OTHER_PA, l->level, all), l->level);
	if (must)
		look(l, ipa, ROLE_AFTER, true);
	add_cleanup(l, 0, ipa, l->level, 1);
}

void cases_huge_part(struct list *list)
{
	struct litmus l = { .config = { .cpus = 1, .spare = 2, .huge = true },
			    .build = build_part,
			    .regime = "el1&0-stage2",
			    .shift = 12,
			    .level = 2,
			    .own = true,
			    .small_pages = true,
			    .host = true };

	for (l.op = 0; l.op < operation_count; l.op++) {
		bool range = operations[l.op].operand == IPA_RANGE;

		if (operations[l.op].family != ipas2e1)
			continue;
		for (l.position = range ? BEFORE : FIRST; l.position < POSITIONS; l.position++)
			for (l.num = 0; l.num < (range ? 2 : 1); l.num++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					list_add(list, &l, "s2-huge-part/%s/%s-num%u/%s", operations[l.op].name,
						 position_words[l.position], l.num, l.hint ? "ttl" : "no-ttl");
	}
}

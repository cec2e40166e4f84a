// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT where stage 2 faults on the walk of L2's stage 1, at another level than the walk has reached: PAR_EL1.FST has the level of
 * stage 2, whose fault it is (Arm ARM DDI 0487 M.a.a, D24.2 PAR_EL1, AArch64.S1Walk() and AArch64.S2Walk() of J1.1.4). The last
 * table of stage 1 is in a GiB or in 2 MiB that stage 2 does not map, or in a block that may not be read or has no access flag.
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

enum { NO_TRANSLATION, NO_READ, NO_FLAG, FAULTS_OF_WALK };
static const char *const fault_words[FAULTS_OF_WALK] = { "translation", "permission", "access-flag" };
static const enum at_fault kinds[FAULTS_OF_WALK] = { AT_TRANSLATION, AT_PERMISSION, AT_ACCESS_FLAG };

/* l->level: of stage 2. l->hint: L2 has used the page. --self-test: the table is as it was. */
static void build_walk(struct litmus *l)
{
	struct known k = known_page(l, PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0, 0);
	uint64_t size = 1ull << level_shift(12, l->level), block = k.table & ~(size - 1), to = TABLE_PA & ~(size - 1);
	uint64_t permissions = l->variant == NO_READ ? PTE_S2_W : PTE_S2_R | PTE_S2_W;
	uint64_t leaf = leaf_s2(to, l->level, permissions) & ~(l->variant == NO_FLAG ? PTE_AF : 0);
	bool skip = l->vm->shared->skip;

	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	if (!skip)
		add_write(l, STEP_S2, 0, block, 0, l->level);
	known_forget(l, op_named("ipas2e1is"), k.table, 0);
	if (!skip && l->variant != NO_TRANSLATION)
		add_write(l, STEP_S2, 0, block, leaf, l->level);
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, k.va, AT_FAILED(kinds[l->variant], l->level) | PAR_S | PAR_PTW);
	if (skip) {
		known_end(l, &k);
		return;
	}
	add_write(l, STEP_S2, 0, block, 0, l->level);
	add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, k.table, 0, 0), 0);
	known_stage2(l, k.table, TABLE_NEXT_PA, PTE_S2_R | PTE_S2_W, 0);
	known_stage2(l, k.ipa + (1ull << l->shift), PAGE_NEXT_PA, PTE_S2_R | PTE_S2_W, 0);
	at_ask(l, k.va, k.ipa + (1ull << l->shift), PAGE_NEXT_PA);
	known_end(l, &k);
}

/* A block needs memory of its size below it. */
static bool has_level(const struct litmus *l)
{
	return l->level == 2 || l->variant == NO_TRANSLATION;
}

void cases_at_walk(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_walk,
			    .regime = "el1&0",
			    .any_stage2 = true,
			    .own = true };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.variant = 0; l.variant < FAULTS_OF_WALK; l.variant++)
				for (l.level = 1; l.level <= 2; l.level++)
					for (l.hint = 0; l.hint < 2; l.hint++)
						if (has_level(&l))
							list_add(list, &l, "at-l2-walk/%s/%s-level%u%s/%s",
								 granule_word(l.shift), fault_words[l.variant], l.level,
								 place_words[l.place], l.hint ? "used" : "fresh");
}

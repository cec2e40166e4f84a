// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2's EL0 under stage 2: with L2's stage 1 on (AP[1], nG) it reads or calls a page that L1 takes away. The VA is the
 * IPA, so that HPFAR_EL2 can be checked.
 */
#include "families/families.h"
#include "host/program.h"

#define ASID_L2 0x15

static void build_el0(struct litmus *l)
{
	bool execute = l->variant;
	enum access access = execute ? ACCESS_EXECUTE : ACCESS_READ;
	uint64_t at = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, at, 0, l->hint ? l->level : 0);
	uint64_t pa = DATA_PA, next = DATA_PA + leaf_size(l), all = PTE_S2_R | PTE_S2_W;
	uint64_t old = execute ? CODE_RESULT : value_at(pa), now = execute ? MORE_CODE_RESULT : value_at(next);
	bool obliged = stage2_obliged(l, operand, at, l->level);

	add_context(l, 0, VMID, ASID_L2, true, true);
	add_code(l, pa, execute ? CODE : old);
	add_code(l, next, execute ? MORE_CODE : now);
	add_write(l, STEP_S1, 0, at,
		  leaf_s1(at, l->level, PTE_S1_EL0 | PTE_S1_PXN | PTE_S1_NG | (execute ? 0 : PTE_S1_UXN)), l->level);
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, l->level, all), l->level);
	add_access(l, 0, access, at, true, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, at, 0, l->level);
	add_access(l, 0, access, at, true, ROLE_STALE, old, 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, access, at, true, obliged ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_S2, 0, at, leaf_s2(next, l->level, all), l->level);
	if (obliged)
		add_access(l, 0, access, at, true, ROLE_AFTER, old, now);
	add_cleanup(l, 0, at, l->level, 1);
}

void cases_el0(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		if (operations[op].family != ipas2e1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2) {
			struct litmus l = { .op = op,
					    .config = { .cpus = 1, .spare = 2 },
					    .build = build_el0,
					    .regime = "el1&0-stage2",
					    .shift = shift,
					    .level = 3 };

			for (l.variant = 0; l.variant < 2; l.variant++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					list_add(list, &l, "s2-el0/%s/%s/%s/%s", operations[op].name, granule_word(shift),
						 l.variant ? "execute" : "read", l.hint ? "ttl" : "no-ttl");
		}
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that never end by themselves, to show what is said about a hang and that the run goes on. They are run only
 * when --case names them ("provoke-…").
 */
#include "families/families.h"
#include "host/features.h"
#include "host/program.h"

#define VICTIM 1
#define PROVOKED_TIMEOUT_S 3

enum { L2_HANG, L1_HANG, L1_FATAL, OTHER_L2_HANG, PROVOKED };
static const char *const words[] = { "l2-hang", "l1-hang", "l1-exception", "l2-hang-on-another-vcpu" };

static void build_hang(struct litmus *l)
{
	uint64_t ipa;

	l->shift = vm_stage2(l->vm);
	ipa = fresh_ipa(l->shift, 3, 1);
	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, 3, PTE_S2_R), 3);
	add_access(l, 0, ACCESS_READ, ipa, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	switch (l->variant) {
	case L2_HANG:
		add_access(l, 0, ACCESS_HANG, ipa, false, ROLE_DONE, 0, 0);
		break;
	case OTHER_L2_HANG: /* nobody stops it */
		add_spin(l, VICTIM, 0, ipa, SPIN_L2);
		break;
	default:
		add(l, 0, STEP_HANG)->c = l->variant == L1_HANG ? HANG_SPIN : HANG_FATAL;
		break;
	}
}

void cases_hang(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .build = build_hang,
			    .regime = "el1&0-stage2",
			    .shift = 12,
			    .level = 3,
			    .provoked = true,
			    .any_stage2 = true,
			    .timeout_s = PROVOKED_TIMEOUT_S };

	for (l.variant = 0; l.variant < PROVOKED; l.variant++) {
		l.config = (struct config){ .cpus = l.variant == OTHER_L2_HANG ? 2 : 1 };
		list_add(list, &l, "provoke-%s", words[l.variant]);
	}
}

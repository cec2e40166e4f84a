// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ASID of the translation behind VNCR_EL2: each bit of it, the one of TTBR1_EL2 with TCR_EL2.A1, and 8 of them with
 * TCR_EL2.AS = 0, where the register's other bits mean nothing (Arm ARM DDI 0487 M.a.a, D24.2 TCR_EL2, D8.16.3).
 */
#include "families/families.h"
#include "families/vncr.h"

#define ASID_BITS 16
enum { OF_TTBR1 = ASID_BITS, EIGHT_BITS, VARIANTS };

static unsigned asid_of(const struct litmus *l)
{
	return l->variant < ASID_BITS ? 1u << l->variant : l->variant == OF_TTBR1 ? 0x1234 : E2_ASID;
}

/* What vEL2 runs with: bits that differ from the usual. */
static void regime_for(const struct litmus *l)
{
	struct shared *s = l->vm->shared;

	switch (l->variant) {
	case OF_TTBR1:
		s->vel2_tcr = TCR_A1;
		s->vel2_ttbr[1] = PLACE(TTBR_ASID, asid_of(l));
		break;
	case EIGHT_BITS:
		s->vel2_tcr = TCR_AS;
		s->vel2_ttbr[0] = PLACE(TTBR_ASID, 0xff00);
		break;
	default:
		s->vel2_ttbr[0] = PLACE(TTBR_ASID, asid_of(l) ^ E2_ASID);
	}
}

static void look(struct litmus *l, uint64_t at, enum role role, uint64_t now)
{
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, role, value_at(DATA_PA), now);
}

static void build_asid(struct litmus *l)
{
	uint64_t at = vncr_va(l), other = DATA_PA + leaf_size(l);

	regime_for(l);
	vncr_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	add_poke(l, other + VNCR_TPIDR, value_at(other));
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, false), l->level);
	look(l, at, ROLE_BEFORE, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	look(l, at, ROLE_STALE, 0);
	add_tlbi(l, CTX_TLBI, l->op, operand_whole(l, at, asid_of(l), 0), STEP_UNDER_TEST);
	look(l, at, ROLE_GONE, 0);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(other, l->level, false), l->level);
	look(l, at, ROLE_AFTER, value_at(other));
	vncr_cleanup(l, at);
}

void cases_vncr_asid(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		struct litmus l = { .op = op,
				    .config = { .cpus = 1, .spare = 2 },
				    .build = build_asid,
				    .regime = "el2&0",
				    .shift = 12,
				    .level = 3,
				    .any_stage2 = true,
				    .own = true,
				    .tge = true, /* without it they are red as they are: defect-vncr-tge */
				    .nv = true };

		if (!matches_asid(&operations[op]))
			continue;
		for (l.variant = 0; l.variant < VARIANTS; l.variant++) {
			/* Each bit once for an operation, not for each of its forms. */
			if (l.variant < ASID_BITS - 1 && (operations[op].nxs || operations[op].scope == OS))
				continue;
			l.position = l.variant < ASID_BITS ? l.variant : -1;
			if (l.variant < ASID_BITS)
				list_add(list, &l, "vncr-asid/%s/bit%d", operations[op].name, l.variant);
			else
				list_add(list, &l, "vncr-asid/%s/%s", operations[op].name, l.variant == OF_TTBR1 ? "a1" : "as8");
		}
	}
}

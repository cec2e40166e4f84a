// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vEL2's own tables can be wrong in, at each level, for the page of VNCR_EL2: L2's access to its TPIDR_EL2 is an abort that
 * vEL2 takes, EC 0x25 with ISS.VNCR and the kind and level of the fault (Arm ARM DDI 0487 M.a.a, D24.2.46, D8.14, D8.15:
 * R_CVSBH, R_BFHQH). vncr-outside: the page is in no half of the address space (R_VZZSZ). FAR_EL2 is vncr-far's.
 */
#include "families/families.h"
#include "families/vncr.h"

#define TABLE_PA (DATA_PA + 0x1000000)
#define TOO_FAR (1ull << 40) /* above TCR_EL2.IPS */
#define HOLE_BIT 0x200000000000 /* above the input size */

enum { INVALID, FORBIDDEN, NO_FLAG, LEAF_SIZE, TABLE_SIZE, TABLE_GONE, PAGE_GONE, RESERVED, VARIANTS };
static const char *const variant_words[VARIANTS] = { "invalid",	   "permission", "access-flag", "leaf-size",
						     "table-size", "table-gone", "page-gone",	"reserved" };

static uint64_t wrong_descriptor(const struct litmus *l)
{
	uint64_t leaf = vncr_descriptor(DATA_PA, l->level, false);

	switch (l->variant) {
	case INVALID:
		return 0;
	case FORBIDDEN:
		return leaf | PTE_S1_RO;
	case NO_FLAG:
		return leaf & ~PTE_AF;
	case LEAF_SIZE:
		return leaf | TOO_FAR;
	case TABLE_SIZE:
		return table_descriptor(TABLE_PA | TOO_FAR);
	case TABLE_GONE:
		return table_descriptor(NO_MEMORY_PA);
	case PAGE_GONE:
		return vncr_descriptor(NO_MEMORY_PA, l->level, false);
	default: /* bits [1:0] = 0b01 at level 3 */
		return leaf & ~PTE_TABLE;
	}
}

static void expect(struct litmus *l, enum fault fault, uint64_t type, unsigned level)
{
	struct probe *p = last_probe(l);

	p->fault = fault;
	p->esr = PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_VNCR | (l->position ? ESR_WNR : 0) | PLACE(ESR_FSC_TYPE, type) |
		 level;
	p->esr_mask = ESR_EC | ESR_VNCR | ESR_WNR | ESR_FSC;
}

static void expect_wrong(struct litmus *l)
{
	switch (l->variant) {
	case FORBIDDEN:
		expect(l, FAULT_PERMISSION, ESR_FSC_TYPE_PERMISSION, l->level);
		break;
	case NO_FLAG:
		expect(l, FAULT_ACCESS_FLAG, ESR_FSC_TYPE_ACCESS_FLAG, l->level);
		break;
	case LEAF_SIZE:
	case TABLE_SIZE:
		expect(l, FAULT_ADDRESS_SIZE, ESR_FSC_TYPE_ADDRESS_SIZE, l->level);
		break;
	case TABLE_GONE: /* the level of the descriptor that cannot be read */
		expect(l, FAULT_EXTERNAL_WALK, ESR_FSC_TYPE_EXTERNAL_WALK, l->level + 1);
		break;
	case PAGE_GONE: /* the access itself, of no level */
		expect(l, FAULT_EXTERNAL, ESR_FSC_TYPE_EXTERNAL, 0);
		break;
	default:
		expect(l, FAULT_TRANSLATION, ESR_FSC_TYPE_TRANSLATION, l->level);
		break;
	}
}

/* L2 reads, or with l->position writes. */
static void use(struct litmus *l, uint64_t at)
{
	if (l->position)
		vncr_write(l, at, ROLE_GONE, 1);
	else
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_GONE, value_at(DATA_PA), 0);
}

static void build_fault(struct litmus *l)
{
	uint64_t at = vncr_va(l), other = DATA_PA + leaf_size(l);

	vncr_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	add_poke(l, other + VNCR_TPIDR, value_at(other));
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, 3, false), 3);
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	/* --self-test: a page where there should be none. */
	add_write(l, STEP_E2, 0, at, l->vm->shared->skip ? 0 : wrong_descriptor(l), l->level);
	if (l->vm->shared->skip)
		add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, false), l->level);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	use(l, at);
	expect_wrong(l);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(other, 3, false), 3);
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, value_at(DATA_PA), value_at(other));
	vncr_cleanup(l, at);
}

static void build_outside(struct litmus *l)
{
	uint64_t at = vncr_va(l);

	vncr_contexts(l, l->vm->shared->skip ? at : at ^ HOLE_BIT);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, 3, false), 3);
	use(l, at);
	expect(l, FAULT_TRANSLATION, ESR_FSC_TYPE_TRANSLATION, 0);
	vncr_cleanup(l, at);
}

static bool has_level(const struct litmus *l)
{
	switch (l->variant) {
	case TABLE_SIZE:
	case TABLE_GONE:
		return l->level < 3;
	case RESERVED:
		return l->level == 3;
	default:
		return true;
	}
}

void cases_vncr_fault(struct list *list)
{
	struct litmus l = vncr_used(build_fault);

	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.variant = 0; l.variant < VARIANTS; l.variant++)
			for (l.level = 1; l.level <= 3; l.level++)
				for (l.position = l.variant == FORBIDDEN; has_level(&l) && l.position < 2; l.position++)
					list_add(list, &l, "vncr-fault/%s/level%u-%s%s", variant_words[l.variant],
						 l.level, l.position ? "write" : "read", place_words[l.place]);
	l.build = build_outside;
	l.variant = 0;
	l.level = 3;
	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.position = 0; l.position < 2; l.position++)
			list_add(list, &l, "vncr-outside/%s%s", l.position ? "write" : "read", place_words[l.place]);
}

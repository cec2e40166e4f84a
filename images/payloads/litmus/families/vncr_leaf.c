// SPDX-License-Identifier: GPL-2.0-only
/*
 * vncr-leaf: what vEL2's own leaf for the page of VNCR_EL2 may be beside its address and level: EL0 may use it, too, and it is one of
 * a contiguous group. L2's access to its TPIDR_EL2 is one of EL2 for which PSTATE.PAN does not count (Arm ARM
 * DDI 0487 M.a.a, D8.14), so that it reads and writes what AP[2] lets it. Of a contiguous leaf each member is read, and the page
 * differs from its address in the two bits above those that the group's size has (D8.7.1).
 */
#include "families/families.h"
#include "families/vncr.h"

#define CONTIGUOUS_PA (DATA_PA + 0x40000000)

enum { USER, CONTIGUOUS };

static uint64_t bits_of(const struct litmus *l)
{
	return PTE_S1_NG | PTE_S1_UXN | PTE_S1_PXN | (l->variant == USER ? PTE_S1_EL0 : 0) | (l->hint ? PTE_S1_RO : 0);
}

static void expect_permission(struct litmus *l)
{
	struct probe *p = last_probe(l);

	p->fault = FAULT_PERMISSION;
	p->esr = PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_VNCR | ESR_WNR | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) |
		 l->level;
	p->esr_mask = ESR_EC | ESR_VNCR | ESR_WNR | ESR_FSC;
}

/* struct litmus.hint: AP[2] forbids the write. --self-test: another page. */
static void build_leaf(struct litmus *l)
{
	uint64_t at = vncr_va(l), pa = DATA_PA, other = DATA_PA + leaf_size(l), leaf = leaf_s1(pa, l->level, bits_of(l));

	vncr_contexts(l, at);
	add_poke(l, pa + VNCR_TPIDR, value_at(pa));
	add_poke(l, other + VNCR_TPIDR, value_at(other));
	add_write(l, STEP_E2, 0, at, l->vm->shared->skip ? leaf + leaf_size(l) : leaf, l->level);
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, 0, value_at(pa));
	vncr_write(l, at, l->hint ? ROLE_GONE : ROLE_DONE, 5);
	if (l->hint)
		expect_permission(l);
	add_read(l, pa + VNCR_TPIDR, ROLE_AFTER, l->hint ? 5 : value_at(pa), l->hint ? value_at(pa) : 5);
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, 0, l->hint ? value_at(pa) : 5);
	vncr_cleanup(l, at);
}

/*
 * struct litmus.position: the member of the group: first, one in the middle, last. The two bits of the address above those of the
 * group are 0, and those of the page are 1. --self-test: those of the page are 0, too.
 */
static void build_contiguous(struct litmus *l)
{
	unsigned n = contiguous(l->shift, l->level);
	uint64_t size = leaf_size(l), group = n * size,
		 member = l->position == 0   ? 0
			  : l->position == 1 ? n / 2
					     : n - 1;
	uint64_t base = vncr_va(l), at = base + member * size, pa = CONTIGUOUS_PA + 3 * group, page = pa + member * size;

	vncr_contexts(l, at);
	for (unsigned i = 0; i < 4; i++)
		add_poke(l, page - i * group + VNCR_TPIDR, value_at(page - i * group));
	add_write(l, STEP_E2, 0, base,
		  leaf_s1(l->vm->shared->skip ? CONTIGUOUS_PA : pa, l->level, bits_of(l)) | PTE_CONTIGUOUS, l->level);
	last_step(l)->d = n;
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, 0, value_at(page));
	vncr_write(l, at, ROLE_DONE, 5);
	add_read(l, page + VNCR_TPIDR, ROLE_AFTER, value_at(page), 5);
	vncr_cleanup(l, base);
}

static void add_contiguous(struct list *list, struct litmus l)
{
	static const char *const words[] = { "first", "middle", "last" };

	l.build = build_contiguous;
	l.variant = CONTIGUOUS;
	l.vel2 = true;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.level = 2; l.level <= 3; l.level++)
			for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
				for (l.position = 0; l.position < 3; l.position++)
					if (4 * contiguous(l.shift, l.level) * leaf_size(&l) <=
					    PRESSURE_PA - CONTIGUOUS_PA)
						list_add(list, &l, "vncr-leaf/contiguous/%s/%s-%s%s",
							 granule_word(l.shift), size_word(leaf_size(&l)),
							 words[l.position], place_words[l.place]);
}

void cases_vncr_leaf(struct list *list)
{
	struct litmus l = vncr_used(build_leaf);

	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.level = 1; l.level <= 3; l.level++)
			for (l.hint = 0; l.hint < 2; l.hint++)
				list_add(list, &l, "vncr-leaf/user/level%u-%s%s", l.level,
					 l.hint ? "read-only" : "read-write", place_words[l.place]);
	l.hint = 0;
	l.place = PLACE_LOW;
	add_contiguous(list, l);
}

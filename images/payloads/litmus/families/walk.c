// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page that holds L2's own descriptor, at stage 2: L1 takes it away, replaces it, protects it. L2's access is then a
 * fault on a walk (ISS.S1PTW) at the level of stage 2, HPFAR_EL2 names the table and FAR_EL2 the access (Arm ARM DDI 0487
 * M.a.a, D24.2.46, D24.2 HPFAR_EL2). The stage-2 granule is 4K, L2's any.
 */
#include "families/families.h"
#include "families/known.h"

enum { UNMAPPED, NO_READ, NO_ACCESS_FLAG, LEVEL_2, NO_WRITE, NO_MEMORY, NO_MEMORY_LEVEL_2, CASES };
static const char *const case_words[CASES] = { "unmapped",    "no-read",   "access-flag",      "level-2",
					       "hardware-af", "no-memory", "no-memory-level-2" };
/* struct litmus.position */
static const enum access accesses[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };
static const char *const access_words[] = { "", "-write", "-execute" };

/* What L2's access is reported as. WnR is that of L2's access, not of the update of the flag: below. */
static uint64_t class_of(const struct litmus *l)
{
	switch (accesses[l->position]) {
	case ACCESS_EXECUTE:
		return PLACE(ESR_EC, ESR_EC_IABT_LOW);
	case ACCESS_WRITE:
		return PLACE(ESR_EC, ESR_EC_DABT_LOW) | ESR_WNR;
	default:
		return PLACE(ESR_EC, ESR_EC_DABT_LOW);
	}
}

static uint64_t fsc_of(const struct litmus *l)
{
	static const uint64_t types[CASES] = { [UNMAPPED] = ESR_FSC_TYPE_TRANSLATION,
					       [LEVEL_2] = ESR_FSC_TYPE_TRANSLATION, [NO_READ] = ESR_FSC_TYPE_PERMISSION,
					       [NO_WRITE] = ESR_FSC_TYPE_PERMISSION, [NO_ACCESS_FLAG] = ESR_FSC_TYPE_ACCESS_FLAG };

	return PLACE(ESR_FSC_TYPE, types[l->variant]) | (l->variant == LEVEL_2 ? 2 : 3);
}

/*
 * The access that faults, or of a table that cannot be written the update of an access flag for it. WnR says whether an
 * instruction writes (D24.2.46): for a walk S2CheckPermissions() of J1.1.4.34 leaves it as it was for the instruction. A
 * table in no memory is an External abort, L2's own.
 */
static void expect_walk_fault(struct litmus *l, const struct known *k, uint64_t old)
{
	struct probe *p;

	add_access(l, 0, accesses[l->position], k->va, false, ROLE_GONE, old, 0);
	p = last_probe(l);
	p->at = k->table;
	p->far = k->va;
	if (l->variant >= NO_MEMORY) {
		p->fault = FAULT_EXTERNAL_WALK;
		p->esr = PLACE(ESR_EC, l->position == 2 ? ESR_EC_IABT_SAME : ESR_EC_DABT_SAME) |
			 PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_EXTERNAL_WALK) | (l->variant == NO_MEMORY ? 3 : 2);
		p->esr_mask = ESR_EC | ESR_FSC;
		return;
	}
	p->fault = l->variant == NO_READ || l->variant == NO_WRITE ? FAULT_PERMISSION :
		   l->variant == NO_ACCESS_FLAG ? FAULT_ACCESS_FLAG : FAULT_TRANSLATION;
	p->esr = class_of(l) | ESR_S1PTW | fsc_of(l);
}

static void build_walk(struct litmus *l)
{
	bool hardware = l->variant == NO_WRITE;
	uint64_t bits = (accesses[l->position] == ACCESS_EXECUTE ? 0 : PTE_S1_PXN) | PTE_S1_UXN | PTE_S1_NG;
	struct known k = known_page(l, bits, 0);
	uint64_t old = value_at(PAGE_PA), now = value_at(PAGE_NEXT_PA), all = PTE_S2_R | PTE_S2_W;
	uint64_t descriptor = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits);

	if (hardware)
		l->vm->shared->context[0].tcr |= TCR_HA;
	add_access(l, 0, ACCESS_READ, k.va, false, ROLE_BEFORE, old, 0);
	if (l->variant == LEVEL_2)
		add_write(l, STEP_S2, 0, k.table & ~((1ull << 21) - 1), 0, 2);
	else
		known_stage2(l, k.table, 0, 0, 0);
	add_access(l, 0, ACCESS_READ, k.va, false, ROLE_STALE, old, 0);
	known_forget(l, l->op, k.table, STEP_UNDER_TEST);
	switch (l->variant) {
	case NO_READ:
		known_stage2(l, k.table, TABLE_PA, PTE_S2_W, 0);
		break;
	case NO_WRITE: /* L2's descriptor is without its access flag, which the PE would have to set */
		add_poke(l, TABLE_PA, descriptor & ~PTE_AF);
		known_stage2(l, k.table, TABLE_PA, PTE_S2_R, 0);
		break;
	case NO_ACCESS_FLAG:
		known_stage2(l, k.table, TABLE_PA, all, PTE_AF);
		break;
	case NO_MEMORY:
		known_stage2(l, k.table, NO_MEMORY_PA, all, 0);
		break;
	case NO_MEMORY_LEVEL_2: /* the same page is the table of level 2 */
		known_stage2(l, k.table, NO_MEMORY_PA, all, 0);
		add_write(l, STEP_S1, 0, k.va, 0, 1);
		add_write(l, STEP_S1, 0, k.va, k.table | PTE_VALID | PTE_TABLE, 1);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		break;
	}
	expect_walk_fault(l, &k, old);
	if (l->variant != UNMAPPED && l->variant != LEVEL_2) {
		known_stage2(l, k.table, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), k.table, 0);
	}
	if (l->variant == NO_MEMORY_LEVEL_2) {
		add_write(l, STEP_S1, 0, k.va, 0, 1);
		known_end(l, &k);
		return;
	}
	add_write(l, STEP_S2, 0, k.table, leaf_s2(TABLE_NEXT_PA, 3, all), 3);
	add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, old, now);
	known_end(l, &k);
}

void cases_walk(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		if (operations[op].family != ipas2e1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2) {
			struct litmus l = { .op = op, .config = { .cpus = 1, .spare = 2 }, .build = build_walk, .regime = "el1&0-stage2",
					    .shift = shift, .level = 3, .any_stage2 = true, .own = true };

			for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
				for (l.variant = 0; l.variant < CASES - (shift != 12);
				     l.variant++) /* 16K and 64K begin at level 2 */
					for (l.position = 0; l.position < (l.variant == NO_READ ? 1 : 3); l.position++)
						list_add(list, &l, "walk-stage2/%s/%s/%s%s%s", operations[op].name,
							 granule_word(shift), case_words[l.variant],
							 access_words[l.position], place_words[l.place]);
		}
	}
}

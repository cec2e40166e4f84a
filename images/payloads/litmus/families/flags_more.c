// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who sets the access flag, and does it survive (Arm ARM DDI 0487 M.a.a, D8.5.1, D8.5.2). flags-el2: of a page that vEL2 itself
 * uses, by TCR_EL2.HA. flags-l2: of one of L2's stage 1, by TCR_EL1.HA, in a table that L1's stage 2 maps; L0 has write-protected
 * it for a dirty log, or L1 takes the table away and gives it back; and AT is as if the flag were set (R_XQSMX). flags-dirty: VTCR_EL2.HD, which L1 has not unless
 * ID_AA64MMFR1_EL1.HAFDBS says so: S2AP[1] then stays 0 and the write is a fault.
 */
#include "families/families.h"
#include "families/known.h"
#include "host/events.h"

enum { FAULT, HARDWARE, LOGGED, LOGGED_AT, KINDS };
static const char *const kind_words[KINDS] = { "fault", "hardware", "logged", "logged-at" };

/* The last access ends with the fault for a page without the flag; `mask`: which bits of ESR count, 0 for all. */
static void expect_flag_fault(struct litmus *l, uint64_t mask)
{
	struct probe *p = last_probe(l);

	p->role = ROLE_GONE;
	p->now = 0;
	p->fault = FAULT_ACCESS_FLAG;
	p->esr = PLACE(ESR_EC, ESR_EC_DABT_SAME) | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_ACCESS_FLAG) | 3;
	p->esr_mask = mask;
}

/* The descriptor is in the page at `table`, which vEL2 maps flat. */
static void build_el2(struct litmus *l)
{
	uint64_t at = place_va(l, E2_TEST_VA, input_bits(l->shift));
	uint64_t more = l->config.e2h0 ? PTE_S1_EL0 | PTE_S1_UXN : PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG;
	uint64_t descriptor = leaf_s1(DATA_PA, 3, more);
	bool hardware = (l->variant == HARDWARE) != l->vm->shared->skip;

	if (hardware)
		l->vm->shared->vel2_tcr = l->config.e2h0 ? TCR_E2H0_HA : TCR_HA;
	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_E2, 0, at, table_descriptor(TABLE_PA), 2);
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, TABLE_PA, descriptor & ~PTE_AF);
		add_read(l, at, ROLE_AFTER, 0, value_at(DATA_PA));
		if (l->variant == FAULT) {
			expect_flag_fault(l, ESR_EC | ESR_FSC | ESR_WNR);
		} else {
			add_read(l, TABLE_PA, ROLE_AFTER, descriptor & ~PTE_AF, descriptor);
		}
		add_poke(l, TABLE_PA, 0);
		add_tlbi(l, 0, op_named("alle2is"), 0, 0);
	}
	add_write(l, STEP_E2, 0, at, 0, 2);
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

/* L2's last table is in L0's event memory; its descriptor of the page is without the flag. */
static void build_l2(struct litmus *l)
{
	uint64_t offset = 0x10000, table = EVENT_PA + offset, page = 1ull << l->shift;
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG;
	struct known k = known_page(l, bits, 0);
	uint64_t descriptor = leaf_s1(k.ipa & ~(page - 1), 3, bits);
	bool hardware = (l->variant != FAULT) != l->vm->shared->skip;

	if (hardware)
		l->vm->shared->context[0].tcr |= TCR_HA;
	add_host(l, EVENT_SET_UP, offset);
	known_stage2(l, k.table, table, PTE_S2_R | PTE_S2_W, 0);
	known_forget(l, op_named("ipas2e1is"), k.table, 0);
	add_poke(l, table, descriptor);
	add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, table, descriptor & ~PTE_AF);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		if (l->variant >= LOGGED) {
			add_host(l, i ? EVENT_DIRTY_READ : EVENT_DIRTY_ON, offset);
			expect_host(l, EVENT_DIRTY_READ, offset, 1);
		}
		if (l->variant == LOGGED_AT) {
			for (enum at_operation op = AT_S1E1R; op <= AT_S1E1W; op++)
				add_at(l, 0, op, k.va, k.ipa);
			continue;
		}
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
		if (l->variant == FAULT) {
			expect_flag_fault(l, 0);
			continue;
		}
		if (l->variant == LOGGED)
			expect_host(l, EVENT_DIRTY_READ, offset, 2);
		add_read(l, table, ROLE_AFTER, descriptor & ~PTE_AF, descriptor);
		/* And so it is after L1 has taken the table away and given it back. */
		known_stage2(l, k.table, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), k.table, 0);
		known_stage2(l, k.table, table, PTE_S2_R | PTE_S2_W, 0);
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
		add_read(l, table, ROLE_AFTER, descriptor & ~PTE_AF, descriptor);
	}
	add_host(l, EVENT_SET_UP, offset);
	known_end(l, &k);
}

/* A leaf with DBM and without S2AP[1], which only a PE with the feature makes writable. */
static void build_dirty(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 2, 1), descriptor = leaf_s2(DATA_PA, 3, PTE_S2_R) | PTE_DBM;
	bool has = FIELD(l->vm->shared->id_mmfr1, MMFR1_HAFDBS) >= MMFR1_HAFDBS_DIRTY, skip = l->vm->shared->skip;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].vtcr |= VTCR_HA | VTCR_HD;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_S2, 0, at, table_descriptor(TABLE_PA), 2);
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, TABLE_PA, descriptor | (skip ? PTE_S2_W : 0));
		if (i) /* L0 knows the page already, or not */
			add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(DATA_PA));
		add_access(l, 0, ACCESS_WRITE, at, false, has ? ROLE_DONE : ROLE_GONE, 1, 0);
		last_step(l)->b = value_at(DATA_PA);
		p = last_probe(l);
		p->fault = FAULT_PERMISSION;
		p->esr_mask = ESR_EC | ESR_FSC | ESR_WNR;
		p->esr = PLACE(ESR_EC, ESR_EC_DABT_LOW) | ESR_WNR | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | 3;
		add_read(l, TABLE_PA, ROLE_AFTER, 0, descriptor | (has ? PTE_S2_W : 0));
		add_poke(l, TABLE_PA, 0);
		known_forget(l, op_named("ipas2e1is"), at, 0);
	}
	add_cleanup(l, 0, at, 2, 1);
}

void cases_flags_more(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .config = { .cpus = 1, .spare = 2 }, .level = 3, .own = true, .any_stage2 = true
	};

	l.build = build_el2;
	l.vel2 = true;
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.place = PLACE_LOW; l.place < (nvhe ? PLACE_HIGH : PLACE_LAST); l.place++)
				for (l.variant = 0; l.variant < LOGGED; l.variant++) {
					l.config.e2h0 = nvhe;
					l.regime = nvhe ? "el2" : "el2&0";
					list_add(list, &l, "%sflags-el2/%s/%s%s", nvhe ? "nvhe-" : "",
						 kind_words[l.variant], granule_word(l.shift), place_words[l.place]);
				}
	l.config = (struct config){ .cpus = 1 };
	l.vel2 = false;
	l.build = build_l2;
	l.regime = "el1&0";
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.variant = 0; l.variant < KINDS; l.variant++) {
				l.slow = l.variant >= LOGGED;
				list_add(list, &l, "flags-l2/%s/%s%s", kind_words[l.variant], granule_word(l.shift),
					 place_words[l.place]);
			}
	/* VTCR_EL2.HD with each granule, of which no other VM has a context: flags.c */
	l.config = (struct config){ .cpus = 1, .spare = 1, .pa_bits = 44 };
	l.place = PLACE_LOW;
	l.variant = 0;
	l.slow = l.any_stage2 = false;
	l.build = build_dirty;
	l.regime = "el1&0-stage2";
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		list_add(list, &l, "flags-dirty/%s", granule_word(l.shift));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A leaf without its access flag: a fault to whoever owns the tables, or with VTCR_EL2.HA or TCR_EL2.HA the flag is set in
 * memory, again after L1 has taken it away and invalidated (Arm ARM DDI 0487 M.a.a, D8.5.1). The
 * table is where this side can read it. flags-s2: L1's stage 2, blocks too. flags-vncr: vEL2's own, for L2's VNCR page.
 */
#include "families/families.h"
#include "families/known.h"
#include "families/vncr.h"

enum { FAULT, HARDWARE, KINDS };
static const char *const kind_words[KINDS] = { "fault", "hardware" };

/* The first descriptor of the table of l->level for `at`, a multiple of what a table covers. */
static uint64_t table_at(struct litmus *l, enum step_kind kind, uint64_t at)
{
	add_write(l, kind, 0, at, TABLE_PA | PTE_VALID | PTE_TABLE, l->level - 1);
	return TABLE_PA;
}

static void expect_fault(struct litmus *l, uint64_t esr)
{
	struct probe *p = last_probe(l);

	p->role = ROLE_GONE;
	p->now = 0; /* what the page holds is not for L2 */
	p->fault = FAULT_ACCESS_FLAG;
	p->esr = esr;
}

static void build_stage2(struct litmus *l)
{
	uint64_t at = l->level < 3 ? FAR_IPA : fresh_ipa(l->shift, 2, 1), slot;
	uint64_t descriptor = leaf_s2(DATA_PA, l->level, PTE_S2_R | PTE_S2_W);
	bool hardware = (l->variant == HARDWARE) != l->vm->shared->skip;

	add_context(l, 0, VMID, 0, false, true);
	if (l->level < 3)
		context_wide(l, 0, 48);
	if (hardware)
		l->vm->shared->context[0].vtcr |= VTCR_HA;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	slot = table_at(l, STEP_S2, at);
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, slot, descriptor & ~PTE_AF);
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(DATA_PA));
		if (l->variant == FAULT)
			expect_fault(l, 0);
		else
			add_read(l, slot, ROLE_AFTER, descriptor & ~PTE_AF, descriptor);
		add_poke(l, slot, 0);
		known_forget(l, op_named("ipas2e1is"), at, 0);
	}
	add_cleanup(l, 0, at, l->level - 1, 1);
}

static void build_vncr(struct litmus *l)
{
	uint64_t at = vncr_va(l), slot, descriptor = vncr_descriptor(DATA_PA, 3, false);
	bool hardware = (l->variant == HARDWARE) != l->vm->shared->skip;

	if (hardware)
		l->vm->shared->vel2_tcr = TCR_HA;
	vncr_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	slot = table_at(l, STEP_E2, at);
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, slot, descriptor & ~PTE_AF);
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, 0, value_at(DATA_PA));
		if (l->variant == FAULT)
			expect_fault(l, PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_VNCR | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_ACCESS_FLAG) | 3);
		else
			add_read(l, slot, ROLE_AFTER, descriptor & ~PTE_AF, descriptor);
		add_poke(l, slot, 0);
		add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	}
	vncr_cleanup(l, at);
}

/* L1 has no FEAT_HAFDBS, and VTCR_EL2.HA means nothing. --self-test: the leaf has its flag. */
static void build_hidden(struct litmus *l)
{
	uint64_t at = fresh_ipa(16, 3, 1), all = PTE_S2_R | PTE_S2_W;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].vtcr |= VTCR_HA;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, 3, all) & ~(l->vm->shared->skip ? 0 : PTE_AF), 3);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_GONE, value_at(DATA_PA), 0);
	last_probe(l)->fault = FAULT_ACCESS_FLAG;
	add_cleanup(l, 0, at, 3, 1);
}

void cases_flags(struct list *list)
{
	/* With VTCR_EL2.HA and without, three granules and blocks are nine contexts of L0: of two VMs, so that none is taken again. */
	struct litmus l = { .op = NO_OPERATION, .config = { .cpus = 1, .spare = 3 }, .build = build_stage2, .level = 3, .own = true,
			    .regime = "el1&0-stage2" };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = 0; l.variant < KINDS; l.variant++)
			list_add(list, &l, "flags-s2/%s/%s", kind_words[l.variant], granule_word(l.shift));
	l.variant = HARDWARE;
	l.config.spare = 1;
	l.config.pa_bits = 48;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.level = l.shift == 12 ? 1 : 2; l.level < 3; l.level++)
			list_add(list, &l, "flags-s2/hardware/%s-level%u", granule_word(l.shift), l.level);
	l.level = 3;
	l.config = (struct config){ .cpus = 1, .hide_flags = true };
	l.build = build_hidden;
	l.shift = 12;
	l.any_stage2 = true;
	list_add(list, &l, "hidden-flags/stage2");
	l.config = (struct config){ .cpus = 1, .spare = 2 };
	l.build = build_vncr;
	l.regime = "el2&0";
	l.shift = 12;
	l.any_stage2 = l.nv = l.tge = true;
	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.variant = 0; l.variant < KINDS; l.variant++)
			list_add(list, &l, "flags-vncr/%s/4k%s", kind_words[l.variant], place_words[l.place]);
}

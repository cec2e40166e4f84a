// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of VNCR_EL2 with indirect permissions at vEL2 (FEAT_S1PIE): L2 reads and writes its TPIDR_EL2 with each Base permission
 * of PIR_EL2 at each PIIndex. The access is EL2's, so that PIRE0_EL2 counts where it makes them unsafe alone (R_VFPJF); what is
 * not permitted is a Permission fault, EC 0x25 with ISS.VNCR (Arm ARM DDI 0487 M.a.a, D8.4.1.3, D8.14). The reference says what
 * is permitted. --self-test: TCR2_EL2.PIE is 0.
 */
#include "families/families.h"
#include "families/indirect.h"
#include "families/vncr.h"

static void use(struct litmus *l, uint64_t at, bool write, bool may)
{
	uint64_t value = value_at(DATA_PA);
	struct probe *p;

	if (write)
		vncr_write(l, at, may ? ROLE_DONE : ROLE_GONE, value);
	else
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, may ? ROLE_AFTER : ROLE_GONE, may ? 0 : value,
			   may ? value : 0);
	p = last_probe(l);
	p->fault = FAULT_PERMISSION;
	p->esr = PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_VNCR | (write ? ESR_WNR : 0) |
		 PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | 3;
	p->esr_mask = ESR_EC | ESR_VNCR | ESR_WNR | ESR_FSC;
}

static void build_vncr(struct litmus *l)
{
	struct permission_controls controls = base_permissions_el2((unsigned)l->variant, false);
	struct shared *s = l->vm->shared;
	uint64_t at = vncr_va(l);

	vncr_contexts(l, at);
	s->vel2_tcr2 = s->skip ? 0 : TCR2_PIE;
	s->vel2_pir = controls.pir;
	s->vel2_pire0 = controls.pire0;
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	for (unsigned i = 0; i < INDICES; i++) {
		uint64_t leaf = leaf_s1(DATA_PA, 3, pi_bits(i) | PTE_S1_NG);
		struct permissions p = stage1_permissions(&controls, leaf, 0);

		if (p.gcs_alone)
			continue;
		add_write(l, STEP_E2, 0, at, leaf, 3);
		add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
		use(l, at, false, p.privileged & PERM_R);
		use(l, at, true, p.privileged & PERM_W);
		use(l, at, false, p.privileged & PERM_R);
	}
	vncr_cleanup(l, at);
}

void cases_vncr_indirect(struct list *list)
{
	struct litmus l = vncr_used(build_vncr);

	l.level = 3;
	l.needs_s1pie = true;
	for (l.variant = 0; l.variant < TURNS; l.variant++) {
		l.place = l.variant % 2 ? PLACE_HIGH : PLACE_LOW;
		list_add(list, &l, "vncr-indirect/turn%d%s", l.variant, place_words[l.place]);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 1 with indirect permissions (FEAT_S1PIE): TCR2_ELx.PIE, PIR_ELx and PIRE0_ELx. at-indirect*: AT for L2's regime, of
 * each pair of Base permissions, before L2 has used the page and after. at-indirect-el2: vEL2's own regime. indirect-use*: what
 * L2 itself may do, the control of what AT is asked. The reference says what is permitted (arch/permission.h). PSTATE.PAN only
 * where L2 has not used the page (at-l2-pan).
 */
#include "families/at.h"
#include "families/families.h"
#include "families/indirect.h"
#include "families/known.h"

/*
 * PIE is 1; it is 0; it is 1 and HCRX_EL2.TCR2En is 0, which makes it 0; it is 1 and the leaf's nDirty is 1: dirty state is
 * software's, and no write is permitted (R_PPGMC).
 */
enum form { ON, OFF, DISABLED, CLEAN, FORMS };
static const char *const form_words[FORMS] = { "", "-off", "-disabled", "-clean" };

#define PERMISSION_FAULT_3 AT_FAILED(AT_PERMISSION, 3)
#define EL2_PAGE_PA (DATA_PA + 0x40000000) /* nobody else's */

static unsigned wanted(enum at_operation op)
{
	return at_is_write(op) ? PERM_W : PERM_R;
}

/* Which granule, which half and whether tables forbid what then does not count (R_JHSVW) go with the turn. */
static void shape(struct litmus *l)
{
	l->shift = 12 + 2 * ((unsigned)l->variant % 3);
	l->place = l->variant / 3 % 2 ? PLACE_HIGH : PLACE_LOW;
}

static uint64_t table_bits(const struct litmus *l)
{
	return l->variant % 2 ? PTE_TABLE_RO | PTE_TABLE_NO_EL0 : 0;
}

/* The register that turns Indirect permissions on is 0, or does not count. */
static bool is_off(const struct litmus *l)
{
	return l->position == OFF || l->position == DISABLED;
}

/* --self-test: Direct permissions where it should be Indirect ones, and Indirect ones where Direct. */
static void give(struct litmus *l, const struct permission_controls *controls)
{
	struct context *c = &l->vm->shared->context[0];
	bool skip = l->vm->shared->skip;

	c->hcrx |= l->position == DISABLED && !skip ? 0 : HCRX_TCR2EN;
	c->tcr2 = l->position == OFF ? (skip ? TCR2_PIE : 0) : skip && !is_off(l) ? 0 : TCR2_PIE;
	c->pir = controls->pir;
	c->pire0 = controls->pire0;
}

static uint64_t leaf_of(const struct litmus *l, const struct known *k, unsigned index)
{
	return leaf_s1(k->ipa & ~((1ull << l->shift) - 1), 3,
		       pi_bits(index) | PTE_S1_NG | (l->position == CLEAN ? PTE_S1_RO : 0));
}

static void ask(struct litmus *l, const struct known *k, const struct permission_controls *controls, uint64_t leaf)
{
	struct permissions p = stage1_permissions(controls, leaf, table_bits(l));

	if (p.gcs_alone)
		return;
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++) {
		bool may = wanted(op) & (at_is_el0(op) ? p.unprivileged : p.privileged);

		add_at(l, 0, op, k->va, !may ? PERMISSION_FAULT_3 : at_is_both(op) ? PAGE_PA : k->ipa);
	}
	if (l->hint)
		return;
	for (enum at_operation op = AT_S1E1RP; op <= AT_S1E1WP; op++)
		for (unsigned pan = 0; pan < 2; pan++) {
			struct permission_controls with = *controls;

			with.pan = (uint8_t)pan;
			with.epan = pan && controls->pie; /* which does not count: R_TBKKB */
			p = stage1_permissions(&with, leaf, table_bits(l));
			if (p.pan_open)
				continue;
			add_at(l, 0, op, k->va,
			       p.privileged & (op == AT_S1E1WP ? PERM_W : PERM_R) ? k->ipa : PERMISSION_FAULT_3);
			last_step(l)->c = pan;
		}
}

/* The page gets each index in turn. l->position: enum form. */
static void build_indirect(struct litmus *l)
{
	struct permission_controls controls = base_permissions((unsigned)l->variant);
	struct known k;

	if (l->hint) { /* L2 runs, and uses the page by the index of its code */
		controls.pir = with_entry(controls.pir, OWN_INDEX, BASE_RWX);
		controls.pire0 = with_entry(controls.pire0, OWN_INDEX, 0);
	}
	k = known_page(l, PTE_S1_NG, table_bits(l));
	give(l, &controls);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	controls.pie = !is_off(l);
	for (unsigned i = l->hint ? 1 : 0; i < INDICES; i++) {
		uint64_t leaf = leaf_of(l, &k, i);

		add_poke(l, TABLE_PA, leaf);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		ask(l, &k, &controls, leaf);
	}
	known_end(l, &k);
}

static void use(struct litmus *l, uint64_t va, enum access access, bool el0, bool may)
{
	static const uint64_t result[] = { [ACCESS_READ] = CODE, [ACCESS_EXECUTE] = CODE_RESULT };
	uint64_t ec = access == ACCESS_EXECUTE ? (el0 ? ESR_EC_IABT_LOW : ESR_EC_IABT_SAME)
					       : (el0 ? ESR_EC_DABT_LOW : ESR_EC_DABT_SAME);
	enum role role = !may ? ROLE_GONE : access == ACCESS_WRITE ? ROLE_DONE : ROLE_AFTER;
	struct probe *p;

	add_access(l, 0, access, va, el0, role, 0, may && access != ACCESS_WRITE ? result[access] : 0);
	last_step(l)->b = CODE;
	p = last_probe(l);
	p->fault = FAULT_PERMISSION;
	p->far = va;
	p->esr = PLACE(ESR_EC, ec) | PLACE(ESR_FSC, 3 << 2 | 3) | (access == ACCESS_WRITE ? ESR_WNR : 0);
	p->esr_mask = ESR_EC | ESR_FSC | ESR_WNR;
	if (!may && access != ACCESS_WRITE)
		p->old = result[access];
}

/* What EL1 and EL0 read, write and call of a page that holds CODE. */
static void build_use(struct litmus *l)
{
	struct permission_controls controls = base_permissions((unsigned)l->variant);
	struct known k = known_page(l, PTE_S1_NG, table_bits(l));

	add_code(l, PAGE_PA, CODE);
	controls.pir = with_entry(controls.pir, OWN_INDEX, BASE_RWX);
	controls.pire0 = with_entry(controls.pire0, OWN_INDEX, BASE_X);
	give(l, &controls);
	controls.pie = !is_off(l);
	for (unsigned i = 1; i < INDICES; i++) {
		uint64_t leaf = leaf_of(l, &k, i);
		struct permissions p = stage1_permissions(&controls, leaf, table_bits(l));

		if (p.gcs_alone)
			continue;
		add_poke(l, TABLE_PA, leaf);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		for (unsigned el0 = 0; el0 < 2; el0++) {
			unsigned may = el0 ? p.unprivileged : p.privileged;

			use(l, k.va, ACCESS_READ, el0, may & PERM_R);
			use(l, k.va, ACCESS_WRITE, el0, may & PERM_W);
			use(l, k.va, ACCESS_EXECUTE, el0, may & PERM_X);
		}
	}
	known_end(l, &k);
}

/* vEL2's own page at E2_TEST_VA; with E2H its HCR_EL2.TGE is 1, so that forms of EL1 and EL0 are for EL2&0. */
static void build_el2(struct litmus *l)
{
	static uint64_t next;
	bool nvhe = l->config.e2h0;
	unsigned own = nvhe ? OWN_INDEX_NVHE : OWN_INDEX;
	struct permission_controls controls = base_permissions_el2((unsigned)l->variant, nvhe);
	uint64_t at = place_va(l, E2_TEST_VA, input_bits(l->shift)), pa = EL2_PAGE_PA + next++ % 0x1000 * 0x10000;
	struct shared *s = l->vm->shared;

	add_context(l, 0, VMID, 0, false, true);
	if (!nvhe)
		s->context[0].hcr |= HCR_TGE;
	s->vel2_tcr2 = s->skip ? 0 : TCR2_PIE;
	s->vel2_pir = controls.pir;
	s->vel2_pire0 = controls.pire0;
	if (l->hint) { /* L0 has the page */
		add_poke(l, pa, value_at(pa));
		add_write(l, STEP_E2, 0, at, leaf_s1(pa, 3, pi_bits(own)), 3);
		add_read(l, at, ROLE_AFTER, 0, value_at(pa));
	}
	for (unsigned i = 0; i < INDICES; i++) {
		uint64_t leaf = leaf_s1(pa, 3, pi_bits(i));
		struct permissions p = stage1_permissions(&controls, leaf, 0);

		if (p.gcs_alone)
			continue;
		add_write(l, STEP_E2, 0, at, leaf, 3);
		add_tlbi(l, 0, op_named("vae2is"), operand_address(true, at, E2_ASID, 0), 0);
		for (enum at_operation op = AT_S1E2R; op <= AT_S1E2W; op++)
			add_at(l, 0, op, at, p.privileged & (op == AT_S1E2W ? PERM_W : PERM_R) ? pa : PERMISSION_FAULT_3);
		for (enum at_operation op = AT_S1E1R; !nvhe && op <= AT_S1E0W; op++)
			add_at(l, 0, op, at,
			       wanted(op) & (at_is_el0(op) ? p.unprivileged : p.privileged) ? pa : PERMISSION_FAULT_3);
	}
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

static void cases_l2(struct list *list, struct litmus l)
{
	for (l.variant = 0; l.variant < TURNS; l.variant++) {
		shape(&l);
		for (l.position = ON; l.position < (l.variant < 4 ? FORMS : OFF); l.position++) {
			l.build = build_indirect;
			for (l.hint = 0; l.hint < 2; l.hint++)
				list_add(list, &l, "at-indirect%s/%s/turn%d%s/%s", form_words[l.position],
					 granule_word(l.shift), l.variant, place_words[l.place],
					 l.hint ? "used" : "fresh");
			l.hint = 0;
			l.build = build_use;
			list_add(list, &l, "indirect-use%s/%s/turn%d%s", form_words[l.position], granule_word(l.shift),
				 l.variant, place_words[l.place]);
		}
	}
}

void cases_at_indirect(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .regime = "el1&0",
			    .any_stage2 = true,
			    .own = true,
			    .direct = true,
			    .needs_s1pie = true,
			    .level = 3 };

	cases_l2(list, l);
	l.position = ON;
	l.build = build_el2;
	l.vel2 = true;
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.variant = 0; l.variant < TURNS; l.variant++)
			for (l.hint = 0; l.hint < 2; l.hint++) {
				shape(&l);
				l.place = nvhe ? PLACE_LOW : l.place;
				l.config.e2h0 = nvhe;
				l.regime = nvhe ? "el2" : "el2&0";
				list_add(list, &l, "at-indirect-el2/%s/%s/turn%d%s/%s", nvhe ? "nvhe" : "vhe",
					 granule_word(l.shift), l.variant, place_words[l.place],
					 l.hint ? "used" : "fresh");
			}
}

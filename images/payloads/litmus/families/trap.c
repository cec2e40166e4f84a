// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that must not take effect: those of a feature that the VMM hid from L1 are UNDEFINED at vEL2, and
 * those of L2 that L1 traps arrive at vEL2 (Arm ARM DDI 0487 M.a.a, D24.2.62 HCR_EL2.{TTLB,TTLBIS,TTLBOS}, D24.2.71
 * HFGITR_EL2).
 */
#include "families/families.h"
#include "host/program.h"

/* FGT_NXS: HCRX_EL2.FGTnXS lifts it from the nXS forms. */
enum { TRAP_NONE, TRAP_TTLB, TRAP_TTLBIS, TRAP_TTLBOS, TRAP_FGT, TRAP_FGT_NXS, TRAPS };
static const char *const trap_words[] = { "none", "ttlb", "ttlbis", "ttlbos", "hfgitr", "fgtnxs" };

/* What L1 has set when L2 executes an operation of a feature that both lack. */
enum { HIDDEN_PLAIN, HIDDEN_TTLB, HIDDEN_FGT, HIDDEN_NV, HIDDEN_TRAPS };
static const char *const hidden_words[] = { "plain", "ttlb", "hfgitr", "nv" };

static void build_hidden(struct litmus *l)
{
	struct step *s;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hcr |= l->tge ? HCR_TGE : 0;
	s = add(l, 0, STEP_TLBI);
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	add_probe(l, 0, l->steps[0] - 1, ROLE_UNDEF);
}

/* What L2 has no feature for is UNDEFINED in L2, whatever L1 traps (the order of the pseudocode in C5.5). */
static void build_hidden_l2(struct litmus *l)
{
	static const uint64_t traps[HIDDEN_TRAPS] = { 0, HCR_TTLB | HCR_TTLBIS | HCR_TTLBOS, 0, HCR_NV | HCR_NV2 };
	const struct operation *op = &operations[l->op];
	struct context *c = &l->vm->shared->context[0];
	struct step *s;

	add_context(l, 0, VMID, 0, false, true);
	c->hcr |= traps[l->variant];
	if (l->variant == HIDDEN_FGT)
		c->hfgitr = 1ull << op->hfgitr_bit;
	if (l->variant == HIDDEN_NV)
		c->vncr = E2_TEST_VA;
	s = add(l, 0, STEP_L2_TLBI);
	s->c = true;
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	add_probe(l, 0, l->steps[0] - 1, ROLE_UNDEF);
}

static void add_hidden_l2(struct list *list, struct litmus l, const char *feature)
{
	const struct operation *op = &operations[l.op];

	l.build = build_hidden_l2;
	for (l.variant = 0; l.variant < HIDDEN_TRAPS; l.variant++) {
		l.nv = l.variant == HIDDEN_NV;
		if ((l.nv && is_for_el1(op)) || (l.variant == HIDDEN_FGT && op->hfgitr_bit < 0))
			continue;
		list_add(list, &l, "hidden-l2-%s%s/%s/%s", feature, l.nv ? "-nv" : "", op->name, hidden_words[l.variant]);
	}
}

static bool is_for_stage2(const struct operation *op)
{
	return op->family == ipas2e1 || op->family == vmalls12e1 || op->family == alle1;
}

/* -tge: with {E2H,TGE} = {1,1}, where stage 1's are vEL2's own and L0 may carry them out before it looks at anything else. */
static void add_hidden(struct list *list, struct litmus l, const char *feature)
{
	const struct operation *op = &operations[l.op];

	list_add(list, &l, "hidden-%s/%s", feature, op->name);
	add_hidden_l2(list, l, feature);
	if (is_for_stage2(op))
		return;
	l.tge = true;
	list_add(list, &l, "hidden-%s-tge/%s", feature, op->name);
}

static void build_trap(struct litmus *l)
{
	const struct operation *op = &operations[l->op];
	struct context *c = &l->vm->shared->context[0];
	struct state state = { .el = 1, .features = HAS_ALL };
	struct step *s;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	switch (l->variant) {
	case TRAP_TTLB:
		c->hcr |= HCR_TTLB;
		break;
	case TRAP_TTLBIS:
		c->hcr |= HCR_TTLBIS;
		break;
	case TRAP_TTLBOS:
		c->hcr |= HCR_TTLBOS;
		break;
	case TRAP_FGT_NXS:
		c->hcrx = HCRX_FGTNXS;
		/* fall through */
	case TRAP_FGT:
		c->hfgitr = 1ull << op->hfgitr_bit;
		break;
	}
	s = add(l, 0, STEP_L2_TLBI);
	s->c = true;
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	state.hcr = c->hcr;
	state.hfgitr = c->hfgitr;
	state.hcrx = c->hcrx;
	p = add_probe(l, 0, l->steps[0] - 1, is_trapped(fate_of(op, &state)) ? ROLE_TRAP : ROLE_DONE);
	p->now = syndrome_of(op, L2_OPERAND_REGISTER(l->op));
}

void cases_trap(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		struct litmus l = { .op = op,
				    .config = { .cpus = 1 },
				    .build = build_hidden,
				    .shift = 12,
				    .any_stage2 = true,
				    .regime = o->regime == EL2 ? "el2&0" : o->operand == IPA || o->operand == IPA_RANGE ? "el1&0-stage2" : "el1&0" };

		l.config.hide_range = true;
		if (o->needs_range)
			add_hidden(list, l, "range");
		l.config = (struct config){ .cpus = 1, .hide_os = true };
		if (o->needs_os)
			add_hidden(list, l, "os");
		l.config = (struct config){ .cpus = 1, .hide_xs = true };
		if (o->nxs)
			add_hidden(list, l, "xs");
		if (o->regime == EL2 || is_for_stage2(o))
			continue;
		l.config = (struct config){ .cpus = 1, .spare = 2 };
		l.build = build_trap;
		for (l.variant = TRAP_NONE; l.variant < TRAPS; l.variant++)
			list_add(list, &l, "trap-%s/%s", trap_words[l.variant], o->name);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each encoding of SYS with op0 = 1 and CRn = 8 or 9, that is op1, CRm and op2 of all values, at vEL2, in L2 at EL1 and at EL0,
 * and in an L2 with HCR_EL2.NV: what images/tlbi.csv does not have is UNDEFINED (Arm ARM DDI 0487 M.a.a, C5.1.2.1: unallocated
 * encodings; C5.5: forms of EL3, TLBI PAALL, RPAOS, VMALLWS2E1 and so on, of features that nobody here has). The others are
 * the control: they execute, trap, or are UNDEFINED as the reference says.
 */
#include "families/families.h"
#include "host/features.h"
#include "host/program.h"

enum { AT_VEL2, AT_VEL2_NVHE, IN_L2, IN_L2_EL0, IN_L2_NV, PLACES_OF_SYS };
static const char *const place_names[PLACES_OF_SYS] = { "vel2", "vel2-nvhe", "l2", "l2-el0", "l2-nv" };

#define ENCODINGS 128 /* CRm and op2 */

static void expect(struct litmus *l, const struct operation *op)
{
	struct state state = { .el = l->variant <= AT_VEL2_NVHE ? 2 : 1,
			       .features = (uint8_t)vm_features(l->vm),
			       .hcr = l->vm->shared->context[0].hcr };
	enum fate fate = op ? fate_of(op, &state) : HIDDEN;
	struct probe *p;

	if (l->variant == IN_L2_EL0 || is_undefined(fate)) {
		add_probe(l, 0, l->steps[0] - 1, ROLE_UNDEF);
		return;
	}
	p = add_probe(l, 0, l->steps[0] - 1, is_trapped(fate) ? ROLE_TRAP : ROLE_DONE);
	p->now = syndrome_of(op, 1);
}

static void build_undefined(struct litmus *l)
{
	struct context *c = &l->vm->shared->context[0];

	add_context(l, 0, VMID, 0, false, true);
	if (l->variant == IN_L2_NV) {
		c->hcr |= HCR_NV | HCR_NV2;
		c->vncr = E2_TEST_VA;
	}
	for (unsigned i = 0; i < ENCODINGS; i++) {
		uint32_t sys = l->scale << 16 | l->num << 12 | (i >> 3) << 8 | (i & 7) << 5;
		const struct operation *op = operation_of(sys);
		struct step *s = add(l, 0, STEP_SYS);

		s->b = sys;
		s->c = l->variant <= AT_VEL2_NVHE ? SYS_AT_EL2 : l->variant == IN_L2_EL0 ? SYS_AT_EL0 : SYS_AT_EL1;
		s->d = op && !op->has_operand ? 31 : 1; /* with another Rt it may be UNDEFINED as well */
		s->flags = STEP_UNDER_TEST;
		expect(l, op);
		last_probe(l)->at = sys;
	}
}

void cases_undefined(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .build = build_undefined, .level = 3, .any_stage2 = true, .own = true, .shift = 12
	};

	for (l.variant = 0; l.variant < PLACES_OF_SYS; l.variant++) {
		/* vEL2 executes ALLE1 and VMALLS12E1, in a VM where no L2 has run: there is no context to walk. */
		l.config = (struct config){ .cpus = 1,
					    .spare = l.variant <= AT_VEL2_NVHE ? 1 : 2,
					    .e2h0 = l.variant == AT_VEL2_NVHE };
		l.nv = l.variant == IN_L2_NV;
		l.el0 = l.variant == IN_L2_EL0;
		l.regime = l.variant == AT_VEL2 ? "el2&0" : l.variant == AT_VEL2_NVHE ? "el2" : "el1&0";
		for (l.num = 8; l.num <= 9; l.num++)
			for (l.scale = 0; l.scale < 8; l.scale++)
				list_add(list, &l, "undefined/%s/op%u-c%u", place_names[l.variant], l.scale, l.num);
	}
}

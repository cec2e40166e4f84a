// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: each TLBI at EL1 and EL0 against each trap (DDI 0487 M.a.a, D24.2: HCR_EL2, HFGITR_EL2)
 * with its syndrome; what is not implemented, or of EL2, is UNDEFINED first.
 */
#include "model.h"

#define RT 1

static const struct {
	const char *name;
	uint64_t hcr;
	bool local, inner, outer;
} controls[] = { { "no trap", 0, false, false, false },
		 { "TTLB", HCR_TTLB, true, true, true },
		 { "TTLBIS", HCR_TTLBIS, false, true, false },
		 { "TTLBOS", HCR_TTLBOS, false, false, true } };

static struct answer try(const struct operation *op, bool el0)
{
	return below_instruction(0, el0, word_of(op, RT), 0);
}

static void must_trap(const struct operation *op, const char *control, bool trap)
{
	struct answer a = try(op, false);

	if (trap)
		CHECK_ESR(a, TO_EL2, 0xffffffffull, syndrome_of(op, RT) | ESR_IL, "D24.2.62, D24.2.71", "%s at EL1 with %s", op->name, control);
	else
		expect(DONE, a.came, "exception taken", "D24.2.62, D24.2.71", "%s at EL1 with %s", op->name, control);
}

static void must_be_undefined(const struct operation *op, bool el0, const char *control)
{
	struct answer a = try(op, el0);

	CHECK_ESR(a, TO_EL1, ESR_EC, 0, "C5.5: UNDEFINED", "%s at EL%d with %s", op->name, (uint64_t)!el0, control);
}

static void one(const struct operation *op)
{
	for (unsigned i = 0; i < LENGTH(controls); i++) {
		space.hcr = (space.hcr & 3) | HCR_RW | controls[i].hcr;
		must_be_undefined(op, true, controls[i].name);
		if (!is_implemented(op) || !is_for_el1(op))
			must_be_undefined(op, false, controls[i].name);
		else
			must_trap(op, controls[i].name, op->scope == LOCAL ? controls[i].local :
				  op->scope == IS ? controls[i].inner : controls[i].outer);
	}
	space.hcr = (space.hcr & 3) | HCR_RW;
	if (features.fgt && is_implemented(op) && op->hfgitr_bit >= 0) {
		unsigned bit = (unsigned)op->hfgitr_bit;

		space.hfgitr = BIT(bit);
		must_trap(op, "its bit of HFGITR_EL2", true);
		space.hfgitr = (BIT(48) - BIT(18)) & ~BIT(bit);
		must_trap(op, "all other TLBI bits of HFGITR_EL2", false);
		if (features.xs && features.hcx) { /* the bit is not for nXS forms then */
			space.hfgitr = BIT(bit);
			MSR(s3_4_c1_c2_2, HCRX_FGTNXS);
			must_trap(op, "its bit of HFGITR_EL2 and HCRX_EL2.FGTnXS", !op->nxs);
			MSR(s3_4_c1_c2_2, 0);
		}
		space.hfgitr = 0;
	}
	if (features.nv && is_implemented(op)) {
		space.hcr |= HCR_NV;
		must_trap(op, "NV", !is_for_el1(op));
		space.hcr &= ~HCR_NV;
	}
}

void check_traps(void)
{
	group("traps");
	space_new(12, 1, 1, true, true, false);
	for (unsigned i = 0; i < operation_count; i++)
		one(&operations[i]);
	group_end();
}

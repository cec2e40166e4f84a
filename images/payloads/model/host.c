// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the EL2&0 regime, HCR_EL2.{E2H,TGE} = {1,1}. A page of EL2 or of its EL0, in each half,
 * moves by break-before-make with every operation that is for this regime then: those of EL2, and those of EL1, which EL2
 * executes for itself with TGE 1 (DDI 0487 M.a.a, C5.5, D8.17).
 */
#include "regimes.h"

#define TARGET 0x923456780000ull
#define OTHER_TARGET 0x6dcba987f000ull /* each bit of a page is 1 in one of the two */
#define ASID_OF_HOST 5

static struct geometry regime;
static uint64_t *roots[2];
static uint64_t tbi; /* of TCR_EL2; TCR_EL1 has none */

/* With E2H the names of EL1's registers are those of EL2, so the space is not loaded while it is on. */
static void host(bool on)
{
	if (on) {
		space_load();
		MSR(hcr_el2, HCR_RW | HCR_E2H | HCR_TGE);
		ISB();
		MSR(mair_el2, 0x00ff); /* attribute 1: device */
		MSR(tcr_el2, (space.tcr & ~(TCR_HPD0 | TCR_HPD1)) | tbi);
		MSR(ttbr0_el2, (uint64_t)roots[0] | PLACE(TTBR_ASID, ASID_OF_HOST));
		MSR(s3_4_c2_c0_1, (uint64_t)roots[1]); /* TTBR1_EL2 */
		DSB(ish);
		ISB();
	}
	MSR(sctlr_el2, on ? SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I : SCTLR_E2H0_RES1);
	ISB();
	if (!on) {
		MSR(hcr_el2, space.hcr);
		ISB();
	}
	forget();
}

/* A load by EL2 itself or by EL0 below it. */
static struct answer load(bool el0, bool pan, uint64_t va)
{
	struct pe *pe = &pes[0];
	struct answer a = { .came = DONE };

	if (el0)
		return own_user(READ, va);
	if (pan)
		set_pan(true);
	if (!pe_load(pe, va, &a.x0))
		a = (struct answer){ .came = TO_EL2_AT_EL2, .esr = pe->esr, .far = pe->far };
	if (pan)
		set_pan(false);
	return a;
}

static void one(const struct operation *op, bool el0, bool high)
{
	static unsigned turn;
	uint64_t va = (el0 != high ? OTHER_TARGET : TARGET) | (high ? HIGH : 0),
		 attributes = PTE_AF | PTE_S1_NG | (el0 ? PTE_S1_EL0 : 0);
	uint64_t *descriptor = entry_of(&regime, roots[high], va, 3);
	struct answer before, after;
	bool pan = features.pan && turn++ % 3 == 1;

	set(descriptor, leaf(&regime, 3, (uint64_t)page_a, attributes));
	host(true);
	before = load(el0, pan, va);
	set(descriptor, 0);
	execute(op, op->operand == VA_RANGE ? range_for(op, 12, false, va, 0, 1, ASID_OF_HOST) :
					      operand_for(op, 12, va, ASID_OF_HOST, 0));
	set(descriptor, leaf(&regime, 3, (uint64_t)page_b, attributes));
	after = load(el0, pan, va);
	host(false);
	CHECK_VALUE(before, A_VALUE, "D8.2, the walk", "EL2&0 before %s: EL%d, half %d", op->name, (uint64_t)(el0 ? 0 : 2), (uint64_t)high);
	CHECK_VALUE(after, B_VALUE, "C5.5", "%s in EL2&0: used at EL%d, half %d", op->name, (uint64_t)(el0 ? 0 : 2), (uint64_t)high);
}

/* By TCR_EL2.TBI of that half the tag of an access is no part of the address that an operation matches. */
static void tagged(const struct operation *op, bool el0, bool high)
{
	uint64_t va = (high ? HIGH : 0) | TARGET, used = va ^ 0x5a * BIT(56),
		 *descriptor = entry_of(&regime, roots[high], va, 3),
		 attributes = PTE_AF | PTE_S1_NG | (el0 ? PTE_S1_EL0 : 0);
	struct answer before, after;

	set(descriptor, leaf(&regime, 3, (uint64_t)page_a, attributes));
	tbi = high ? TCR_TBI1 : TCR_TBI0;
	host(true);
	before = load(el0, false, used);
	set(descriptor, 0);
	execute(op, op->operand == VA_RANGE ? range_for(op, 12, false, va, 0, 1, ASID_OF_HOST)
					    : operand_for(op, 12, va, ASID_OF_HOST, 0));
	set(descriptor, leaf(&regime, 3, (uint64_t)page_b, attributes));
	after = load(el0, false, used);
	host(false);
	tbi = 0;
	CHECK_VALUE(before, A_VALUE, "TCR_EL2.TBI", "EL2&0 before %s, a tagged address: EL%d, half %d", op->name,
		    (uint64_t)(el0 ? 0 : 2), (uint64_t)high);
	CHECK_VALUE(after, B_VALUE, "TCR_EL2.TBI, C5.5", "%s in EL2&0 for a page used by a tagged address: EL%d, half %d",
		    op->name, (uint64_t)(el0 ? 0 : 2), (uint64_t)high);
}

/* AT for EL1 and EL0 is for EL2 and its EL0 then. */
static void translate(unsigned op2, bool high)
{
	uint64_t va = high ? HIGH | TARGET : TARGET, *descriptor = entry_of(&regime, roots[high], va, 3), par;
	bool el0 = op2 >= 2, write = op2 & 1;

	for (unsigned user = 0; user < 2; user++)
		for (unsigned there = 0; there < 2; there++) {
			uint64_t fault = !there ? TRANSLATION | 3 : (el0 && !user) ? PERMISSION | 3 : 0;

			set(descriptor, there ? leaf(&regime, 3, (uint64_t)page_a, PTE_AF | (user ? PTE_S1_EL0 : 0)) : 0);
			host(true);
			par = translated(AT(0, 8, op2), va);
			host(false);
			expect(fault ? PAR_F | fault << 1 : (uint64_t)page_a, par & (fault ? PAR_F | PAR_FST : PAR_F | PAR_PA), "PAR_EL1", "C5.4, E2H",
			       "AT S1E%d%s in EL2&0, page of EL0 %d, mapped %d, half %d", (uint64_t)(el0 ? 0 : 1), write ? "W" : "R", (uint64_t)user,
			       (uint64_t)there, (uint64_t)high);
		}
}

static bool is_for_host(const struct operation *op)
{
	return is_implemented(op) && !is_of_stage2(op);
}

void check_host(void)
{
	if (!features.vhe || !features.granule[0]) {
		skip("host", "no FEAT_VHE");
		return;
	}
	group("host");
	space_new(12, 1, 1, true, true, false);
	regime = geometry(12, 48, false, false);
	for (unsigned high = 0; high < 2; high++)
		roots[high] = table_new();
	*entry_of(&regime, roots[0], 0, 1) = PTE_AF | 1ull << 2 | PTE_S1_PXN | PTE_S1_UXN | 1;
	map_ram(&regime, roots[0], PTE_AF, true);
	DSB(ish);
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned el0 = 0; is_for_host(&operations[i]) && el0 < 2; el0++)
			for (unsigned high = 0; high < 2; high++)
				one(&operations[i], el0, high);
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned high = 0; is_for_host(&operations[i]) && op_is_va(&operations[i]) && high < 2; high++)
			tagged(&operations[i], (i + high) % 2, high);
	for (unsigned op2 = 0; op2 < 4; op2++)
		for (unsigned high = 0; high < 2; high++)
			translate(op2, high);
	group_end();
}

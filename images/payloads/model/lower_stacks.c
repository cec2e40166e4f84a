// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: whether a call of EL1 or EL0 pushes to its Guarded Control Stack (FEAT_GCS), by GCSCR_EL1.PCRSEL,
 * GCSCRE0_EL1.PCRSEL and HCRX_EL2.GCSEn (DDI 0487 M.a.a, D11, GCSEnabled()): the stack is where nothing is, so that a push faults.
 */
#include "lower.h"

#define STACK 0x923456780100ull
#define GCSEN BIT(22) /* of HCRX_EL2 */
#define PCRSEL 1
#define BL 0x94000001u /* to the next instruction */
#define NOP 0xd503201fu

static void call(bool el0, bool mine, bool theirs, bool gcsen, bool pushes)
{
	uint64_t hcrx = MRS(s3_4_c1_c2_2);
	bool wanted = pushes && mine && gcsen;
	struct answer a;

	MSR(s3_4_c1_c2_2, (hcrx & ~GCSEN) | (gcsen ? GCSEN : 0));
	MSR(s3_0_c2_c5_0, (el0 ? theirs : mine) ? PCRSEL : 0); /* GCSCR_EL1 */
	MSR(s3_0_c2_c5_2, (el0 ? mine : theirs) ? PCRSEL : 0); /* GCSCRE0_EL1 */
	MSR(s3_0_c2_c5_1, STACK + (el0 ? 0x1000 : 0)); /* GCSPR_EL1 */
	MSR(s3_3_c2_c5_1, STACK + (el0 ? 0 : 0x1000)); /* GCSPR_EL0 */
	ISB();
	a = lower_run(space.hcr, lower_mode(el0), pushes ? BL : NOP, 0);
	MSR(s3_0_c2_c5_0, 0);
	MSR(s3_0_c2_c5_2, 0);
	MSR(s3_4_c1_c2_2, hcrx);
	ISB();
	if (!wanted) {
		expect(DONE, a.came, "exception taken", "D11, GCSEnabled()",
		       "%s at EL%d, PCRSEL %d, that of the other level %d, GCSEn %d", pushes ? "BL" : "NOP",
		       (uint64_t)!el0, (uint64_t)mine, (uint64_t)theirs, (uint64_t)gcsen);
		return;
	}
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3c | ESR_WNR, abort_class(WRITE, !el0) | TRANSLATION | ESR_WNR,
		  "D11, GCSEnabled()", "BL at EL%d, PCRSEL 1, that of the other level %d, GCSEn 1", (uint64_t)!el0,
		  (uint64_t)theirs);
	expect(STACK - 8, a.far, "FAR_EL1", "D11, GCSPR_ELx",
	       "BL at EL%d, PCRSEL 1, that of the other level %d, GCSEn 1", (uint64_t)!el0, (uint64_t)theirs);
}

void lower_stacks(void)
{
	for (unsigned n = 0; n < 16; n++)
		call(n & 1, n & 2, n & 4, n & 8, true);
	for (unsigned el0 = 0; el0 < 2; el0++)
		call(el0, true, true, true, false);
}

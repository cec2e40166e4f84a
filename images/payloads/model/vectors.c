// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: SVE and SME below EL2 (DDI 0487 M.a.a, D24.2): CPACR_EL1.{ZEN,SMEN} before CPTR_EL2.{TZ,TSM}, by
 * Exception level, and vector lengths, which ZCR_EL2 and SMCR_EL2 bound for ZCR_EL1 and SMCR_EL1.
 */
#include "model.h"

#define TZ BIT(8) /* of CPTR_EL2 */
#define TSM BIT(12)
#define FPEN (3ull << 20)

static const struct kind {
	const char *name;
	uint32_t length; /* X1, in bytes */
	unsigned shift; /* of ZEN and SMEN in CPACR_EL1 */
	uint64_t trap, esr;
} kinds[] = { { "RDVL", 0x04bf5021, 16, TZ, PLACE(ESR_EC, ESR_EC_SVE) | ESR_IL },
	      { "RDSVL", 0x04bf5821, 24, TSM, PLACE(ESR_EC, ESR_EC_SME) | ESR_IL } };

static void controls(const struct kind *k)
{
	uint64_t cptr = MRS(cptr_el2), cpacr = MRS(cpacr_el1);

	for (unsigned n = 0; n < 16; n++) {
		unsigned enable = n & 3;
		bool el0 = n & 4, trap = n & 8, by_el1 = enable == 3 ? false : enable == 1 ? el0 : true;
		struct answer a;

		MSR(cptr_el2, (cptr & ~(TZ | TSM)) | (trap ? k->trap : 0));
		MSR(cpacr_el1, FPEN | (uint64_t)enable << k->shift);
		ISB();
		a = below_instruction(0, el0, k->length, 0);
		MSR(cpacr_el1, cpacr);
		MSR(cptr_el2, cptr);
		ISB();
		if (by_el1 || trap)
			CHECK_ESR(a, by_el1 ? TO_EL1 : TO_EL2, 0xffffffffull, k->esr, "CPACR_EL1, CPTR_EL2",
				  "%s at EL%d, enable %d, trap %d", k->name, (uint64_t)!el0, (uint64_t)enable,
				  (uint64_t)trap);
		else
			expect(DONE, a.came, "exception taken", "CPACR_EL1, CPTR_EL2", "%s at EL%d, enable %d, trap %d",
			       k->name, (uint64_t)!el0, (uint64_t)enable, (uint64_t)trap);
	}
}

static void set_lengths(bool streaming, uint64_t of_el1, uint64_t of_el2)
{
	if (streaming) {
		MSR(s3_0_c1_c2_6, of_el1); /* SMCR_EL1 */
		MSR(s3_4_c1_c2_6, of_el2);
	} else {
		MSR(s3_0_c1_c2_0, of_el1); /* ZCR_EL1 */
		MSR(s3_4_c1_c2_0, of_el2);
	}
	ISB();
}

/* EL2's own length with LEN of ZCR_EL2 is what EL1 has with the smaller of its own and EL2's. */
static void lengths(const struct kind *k, bool streaming)
{
	static const unsigned lens[] = { 0, 1, 2, 3, 7, 15 };
	uint64_t cptr = MRS(cptr_el2), cpacr = MRS(cpacr_el1);

	MSR(cptr_el2, cptr & ~(TZ | TSM));
	MSR(cpacr_el1, FPEN | 3ull << 16 | 3ull << 24);
	ISB();
	for (unsigned n = 0; n < LENGTH(lens) * LENGTH(lens) * 2; n++) {
		unsigned own = lens[n / 2 % LENGTH(lens)], above = lens[n / 2 / LENGTH(lens)];
		uint64_t wanted;

		set_lengths(streaming, own, own < above ? own : above);
		wanted = at_el2(0, k->length, 0).x0;
		set_lengths(streaming, own, above);
		CHECK_VALUE(below_instruction(0, n & 1, k->length, 0), wanted, "ZCR_EL2.LEN, SMCR_EL2.LEN",
			    "%s at EL%d, LEN %d of EL1, %d of EL2", k->name, (uint64_t)!(n & 1), (uint64_t)own,
			    (uint64_t)above);
	}
	set_lengths(streaming, 0, 0);
	MSR(cpacr_el1, cpacr);
	MSR(cptr_el2, cptr);
	ISB();
}

void check_vectors(void)
{
	if (!features.sve) {
		skip("vectors", "no FEAT_SVE");
		return;
	}
	group("vectors");
	space_new(12, 1, 1, true, true, false);
	space_load();
	for (unsigned streaming = 0; streaming <= features.sme; streaming++) {
		controls(&kinds[streaming]);
		lengths(&kinds[streaming], streaming);
	}
	group_end();
}

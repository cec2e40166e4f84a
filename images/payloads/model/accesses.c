// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: accesses that are no plain load or store, and what their aborts say (DDI 0487 M.a.a, D24.2.46,
 * J1.1.3 AArch64.FaultSyndrome()): WnR of atomics, accesses of two pages, cache maintenance by address.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW | ESR_WNR | ESR_CM)
#define OTHER_IPA (TARGET_IPA + 0x8000)
#define RULE "ESR_ELx.ISS of a Data Abort"

static void begin(uint64_t attributes1, uint64_t attributes2)
{
	space_new(12, 1, 1, true, true, false);
	set(descriptor_s1(TARGET, 3), attributes1 ? leaf(&space.s1, 3, TARGET_IPA, attributes1) : 0);
	set(descriptor_s2(TARGET_IPA, 3), attributes2 ? leaf(&space.s2, 3, (uint64_t)page_a, attributes2) : 0);
	forget();
}

/* Of an atomic WnR is 0 if a read would have had the fault, too. */
static void atomics(void)
{
	static const struct {
		const char *name;
		uint32_t word; /* X2, X0, [X1] */
	} all[] = { { "LDADD X", 0xf8220020 },
		    { "LDSETAL W", 0xb8e23020 },
		    { "SWP X", 0xf8228020 },
		    { "SWPALB W", 0x38e28020 },
		    { "LDCLRH W", 0x78221020 } };
	static const struct {
		const char *name;
		uint64_t first, second;
		enum fault fault;
		bool stage2, wnr;
	} cases[] = {
		{ "translation fault of stage 1", 0, PTE_AF | S2_RW, TRANSLATION, false, false },
		{ "access flag fault of stage 1", PTE_S1_EL0, PTE_AF | S2_RW, ACCESS_FLAG, false, false },
		{ "page that stage 1 makes read-only", PTE_AF | PTE_S1_EL0 | PTE_S1_RO, PTE_AF | S2_RW, PERMISSION,
		  false, true },
		{ "translation fault of stage 2", PTE_AF | PTE_S1_EL0, 0, TRANSLATION, true, false },
		{ "access flag fault of stage 2", PTE_AF | PTE_S1_EL0, S2_RW, ACCESS_FLAG, true, false },
		{ "page that stage 2 makes read-only", PTE_AF | PTE_S1_EL0, PTE_AF | PTE_S2_R, PERMISSION, true, true },
		{ "page that stage 2 makes write-only", PTE_AF | PTE_S1_EL0, PTE_AF | PTE_S2_W, PERMISSION, true, false },
	};

	for (unsigned i = 0; i < LENGTH(cases); i++)
		for (unsigned n = 0; n < LENGTH(all); n++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				struct answer a;

				begin(cases[i].first, cases[i].second);
				a = below_instruction(0, el0, all[n].word, TARGET + 0x40);
				CHECK_ESR(a, cases[i].stage2 ? TO_EL2 : TO_EL1, SYNDROME | ESR_ISV,
					  abort_class(READ, !cases[i].stage2 && !el0) | cases[i].fault | 3 |
						  (cases[i].wnr ? ESR_WNR : 0),
					  RULE, "%s, %s at EL%d", all[n].name, cases[i].name, (uint64_t)!el0);
			}
}

/* Of an access of two pages the second faults: FAR is its first byte, and ISV is 0, since not the lowest address faults. */
static const char *const second_names[] = { "translation", "access flag", "permission" };

static void two_pages(bool stage2, enum fault fault, bool write, bool el0, unsigned offset)
{
	uint64_t right = PTE_AF | (stage2 ? S2_RW : PTE_S1_EL0),
		 wrong = fault == TRANSLATION	? 0
			 : fault == ACCESS_FLAG ? right & ~PTE_AF
			 : stage2		? PTE_AF | (write ? PTE_S2_R : PTE_S2_W)
						: PTE_AF | (write ? PTE_S1_EL0 | PTE_S1_RO : 0);
	const char *name = second_names[fault == TRANSLATION ? 0 : fault == ACCESS_FLAG ? 1 : 2];
	struct answer a;

	begin(PTE_AF | PTE_S1_EL0, PTE_AF | S2_RW);
	if (stage2) {
		map_s1(TARGET + 4096, 3, OTHER_IPA, PTE_AF | PTE_S1_EL0);
		set(descriptor_s2(OTHER_IPA, 3), wrong ? leaf(&space.s2, 3, (uint64_t)page_b, wrong) : 0);
	} else
		set(descriptor_s1(TARGET + 4096, 3), wrong ? leaf(&space.s1, 3, TARGET_IPA, wrong) : 0);
	forget();
	a = touch(0, el0, write, TARGET + offset);
	CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, SYNDROME,
		  abort_class(READ, !stage2 && !el0) | fault | 3 | (write ? ESR_WNR : 0), RULE,
		  "%s of two pages at offset %x, stage %d %s fault of the second, EL%d", access_names[write],
		  (uint64_t)offset, (uint64_t)1 + stage2, name, (uint64_t)!el0);
	expect(TARGET + 4096, a.far, stage2 ? "FAR_EL2" : "FAR_EL1", "FAR_ELx",
	       "%s of two pages at offset %x, stage %d %s fault of the second, EL%d", access_names[write],
	       (uint64_t)offset, (uint64_t)1 + stage2, name, (uint64_t)!el0);
	if (!stage2)
		return;
	expect(OTHER_IPA >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
	       "%s of two pages at offset %x, stage 2 %s fault of the second, EL%d", access_names[write],
	       (uint64_t)offset, name, (uint64_t)!el0);
	expect(0, a.esr & ESR_ISV, "ISV", "J1.1.3, InstructionSyndromeValid()",
	       "ISV, %s of two pages at offset %x, stage 2 %s fault of the second, EL%d", access_names[write],
	       (uint64_t)offset, name, (uint64_t)!el0);
}

/*
 * An address that is not translated: maintenance of a cache faults, with CM and WnR; DC ZVA is a store. Where CLIDR_EL1 and CTR_EL0
 * know no cache, such an instruction may do nothing (J1.1.3, TreatDCAsNOP(), TreatICAsNOP()).
 */
static void maintenance(void)
{
	uint64_t clidr = MRS(clidr_el1);
	bool coherence = BITS(clidr, 26, 24), unification = BITS(clidr, 29, 27) || BITS(clidr, 23, 21),
	     fetches = !BITS(MRS(ctr_el0), 29, 29);
	const struct {
		const char *name;
		uint32_t word; /* X1 */
		bool there, el0, zero;
	} all[] = {
		{ "DC IVAC", 0xd5087621, coherence, false, false },
		{ "DC CVAC", 0xd50b7a21, coherence, true, false },
		{ "DC CVAU", 0xd50b7b21, unification, true, false },
		{ "DC CIVAC", 0xd50b7e21, coherence, true, false },
		{ "DC CVAP", 0xd50b7c21, coherence && features.dpb, true, false },
		{ "IC IVAU", 0xd50b7521, fetches, true, false },
		{ "DC ZVA", 0xd50b7421, true, true, true },
	};

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned stage2 = 0; stage2 < 2; stage2++)
			for (unsigned el0 = 0; all[i].there && el0 <= all[i].el0; el0++) {
				struct answer a;

				begin(stage2 ? PTE_AF | PTE_S1_EL0 : 0, stage2 ? 0 : PTE_AF | S2_RW);
				space.sctlr = SCTLR_DZE | SCTLR_UCI;
				a = below_instruction(0, el0, all[i].word, TARGET + 0x40);
				CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, SYNDROME,
					  abort_class(READ, !stage2 && !el0) | TRANSLATION | 3 | ESR_WNR |
						  (all[i].zero ? 0 : ESR_CM),
					  RULE, "%s of an address that stage %d does not translate, EL%d", all[i].name,
					  (uint64_t)1 + stage2, (uint64_t)!el0);
				space.sctlr = 0;
			}
}

/* A hint takes no exception. */
static void prefetches(void)
{
	static const struct {
		const char *name;
		uint32_t word; /* X1 */
	} all[] = { { "PRFM PLDL1KEEP", 0xf9800020 },
		    { "PRFM PLIL1KEEP", 0xf9800028 },
		    { "PRFM PSTL1KEEP", 0xf9800030 },
		    { "PRFUM PLDL1KEEP", 0xf8800020 } };

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned stage2 = 0; stage2 < 2; stage2++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				begin(stage2 ? PTE_AF | PTE_S1_EL0 : 0, stage2 ? 0 : PTE_AF | S2_RW);
				expect(DONE, below_instruction(0, el0, all[i].word, TARGET + 0x40).came,
				       "exception taken", "C6.2, PRFM",
				       "%s of an address that stage %d does not translate, EL%d", all[i].name,
				       (uint64_t)1 + stage2, (uint64_t)!el0);
			}
}

void check_accesses(void)
{
	if (!features.granule[0]) {
		skip("accesses", "no granule of 4 KB");
		return;
	}
	group("accesses");
	if (features.lse)
		atomics();
	for (unsigned stage2 = 0; stage2 < 2; stage2++)
		for (unsigned write = 0; write < 2; write++)
			for (unsigned el0 = 0; el0 < 2; el0++)
				for (unsigned offset = 4089; offset < 4096; offset++) {
					two_pages(stage2, TRANSLATION, write, el0, offset);
					two_pages(stage2, ACCESS_FLAG, write, el0, offset);
					if (stage2 || write || el0) /* EL1 reads whatever stage 1 maps */
						two_pages(stage2, PERMISSION, write, el0, offset);
				}
	maintenance();
	prefetches();
	pages_fill();
	group_end();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: later extensions of the walk (DDI 0487 M.a.a, D24.2 TCR2_EL1): FEAT_AIE (MAIR2_EL1 by
 * AttrIndx[3], and no attributes of tables), FEAT_ASID2 (an ASID for each half, global leaves that do not count as global),
 * FEAT_ATS1A (AT without permissions).
 */
#include "regimes.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define ATTR_HIGH BIT(59) /* AttrIndx[3] of a leaf, with AIE */

static void tcr2(uint64_t value, bool enabled)
{
	MSR(s3_4_c1_c2_2, enabled ? HCRX_TCR2EN : 0);
	MSR(s3_0_c2_c0_3, value);
	ISB();
}

static uint64_t at(uint32_t word, uint64_t va)
{
	space_load();
	return translated(word, va);
}

/* ---- FEAT_AIE ---- */
static void attributes(void)
{
	static const uint8_t low[] = { 0xff, 0x00, 0x04, 0x08, 0x0c, 0x44, 0xbb, 0x77 },
			     high[] = { 0x44, 0xff, 0x77, 0xbb, 0x00, 0x0c, 0x08, 0x04 };
	uint64_t mair2 = 0;

	space_new(12, 1, 1, true, true, false);
	space.mair = 0;
	for (unsigned i = 0; i < LENGTH(low); i++) {
		space.mair |= (uint64_t)low[i] << 8 * i;
		mair2 |= (uint64_t)high[i] << 8 * i;
	}
	MSR(s3_0_c10_c2_1, mair2); /* MAIR2_EL1 */
	for (unsigned mode = 0; mode < 3; mode++) {
		bool on = mode == 2;

		tcr2(mode ? TCR2_AIE : 0, mode != 1);
		for (unsigned i = 0; i < 16; i++) {
			set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_AF) |
							      PLACE(PTE_S1_ATTR, i & 7) | (i & 8 ? ATTR_HIGH : 0));
			forget();
			expect(on && i & 8 ? high[i & 7] : low[i & 7], FIELD(at(AT_S1E1(false, false), TARGET), PAR_ATTR),
			       "PAR_EL1.ATTR", "TCR2_EL1.AIE, MAIR2_EL1", "AT S1E1R, AIE %d, TCR2En %d, AttrIndx %d",
			       (uint64_t)!!mode, (uint64_t)(mode != 1), (uint64_t)i);
		}
		map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
		map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		set(descriptor_s1(TARGET, 2), *descriptor_s1(TARGET, 2) | PTE_TABLE_RO);
		forget();
		if (on)
			expect(DONE, touch(0, false, WRITE, TARGET).came, "exception taken", "TCR2_EL1.AIE, HPD",
			       "APTable[1] 1, AIE 1: write");
		else
			CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL1, ESR_EC | 0x3f,
				  abort_class(WRITE, true) | PERMISSION | 3, "TCR2_EL1.AIE, HPD",
				  "APTable[1] 1, AIE %d, TCR2En %d: write", (uint64_t)!!mode, (uint64_t)(mode != 1));
		set(descriptor_s1(TARGET, 2), *descriptor_s1(TARGET, 2) & ~PTE_TABLE_RO);
	}
	tcr2(0, true);
	MSR(s3_0_c10_c2_1, 0);
}

/* ---- FEAT_ASID2 ---- */
static bool is_of_el1(const struct operation *op)
{
	return is_implemented(op) && !is_of_stage2(op) && !is_of_el2(op);
}

/* Operations by the ASID of the half, with A2; and by ASID for global leaves, with FNG. */
static void invalidated(const struct operation *op, bool high, bool global)
{
	uint64_t va = high ? HIGH | TARGET : TARGET, attributes = PTE_AF | (global ? 0 : PTE_S1_NG), *descriptor;
	unsigned asid = high && !global ? 9 : 5;

	space_new(12, 1, 5, true, true, false);
	space.ttbr1 |= PLACE(TTBR_ASID, 9);
	descriptor = map_s1(va, 3, ipa_of(page_a), attributes);
	forget();
	CHECK_VALUE(touch(0, false, READ, va), A_VALUE, "D8.2, the walk", "before %s: half %d", op->name, (uint64_t)high);
	set(descriptor, 0);
	execute(op,
		op->operand == VA_RANGE ? range_for(op, 12, false, va, 0, 1, asid) : operand_for(op, 12, va, asid, 0));
	set(descriptor, leaf(&space.s1, 3, ipa_of(page_b), attributes));
	CHECK_VALUE(touch(0, false, READ, va), B_VALUE, global ? "TCR2_EL1.FNGn, C5.5" : "TCR2_EL1.A2, C5.5",
		    "%s of half %d, %s", op->name, (uint64_t)high, global ? "a global leaf, FNG 1" : "A2 1");
}

/* Another ASID in the register of the half, and other tables: what the last one left does not serve it. */
static void in_turn(bool global, bool a1)
{
	uint64_t *roots[2];

	space_new(12, 1, 5, true, true, false);
	space.tcr |= a1 ? TCR_A1 : 0; /* TTBR1_EL1's ASID without A2 */
	for (unsigned i = 0; i < 2; i++) {
		space.high = roots[i] = table_new();
		map_s1(HIGH | TARGET, 3, ipa_of(i ? page_b : page_a), PTE_AF | (global ? 0 : PTE_S1_NG));
	}
	forget();
	for (unsigned turn = 0; turn < 4; turn++) {
		space.ttbr1 = (uint64_t)roots[turn & 1] | PLACE(TTBR_ASID, 7 + (turn & 1));
		CHECK_VALUE(touch(0, false, READ, HIGH | TARGET), turn & 1 ? B_VALUE : A_VALUE,
			    global ? "TCR2_EL1.FNG1" : "TCR2_EL1.A2", "ASID of TTBR1_EL1 in turn, A1 %d, %s, turn %d",
			    (uint64_t)a1, global ? "global leaves with FNG1" : "A2 1", (uint64_t)turn);
	}
}

static void asids(void)
{
	for (unsigned global = 0; global < 2; global++) {
		tcr2(global ? TCR2_FNG0 | TCR2_FNG1 : TCR2_A2, true);
		for (unsigned i = 0; i < operation_count; i++)
			for (unsigned high = 0; is_of_el1(&operations[i]) && high < 2; high++)
				invalidated(&operations[i], high, global);
		in_turn(global, true);
		if (!global)
			in_turn(global, false);
	}
	tcr2(0, true);
}

/* ---- FEAT_ATS1A ---- */
#define PROGRAM 14 /* PIR_ELx: read, write and execute, for the program's own leaves */

/* With Indirect permissions there are leaves that permit nothing at all. */
static void without_any(void)
{
	space_new(12, 1, 1, true, true, false);
	tcr2(TCR2_PIE, true);
	MSR(s3_0_c10_c2_3, PROGRAM); /* PIR_EL1 */
	MSR(s3_0_c10_c2_2, PROGRAM); /* PIRE0_EL1 */
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	forget();
	expect(PAR_F | (uint64_t)(PERMISSION | 3) << 1, at(AT_S1E1(false, false), TARGET) & (PAR_F | PAR_FST),
	       "PAR_EL1", "C5.4, AT S1E1R", "AT S1E1R of a leaf that permits nothing");
	expect(TARGET_IPA, at(AT_S1E1A, TARGET) & (PAR_F | PAR_PA), "PAR_EL1", "C5.4, AT S1E1A",
	       "AT S1E1A of a leaf that permits nothing");
	tcr2(0, true);
	for (unsigned e2h = 0; e2h <= features.vhe; e2h++) {
		own_new(e2h, 12);
		own.pie = true;
		set(own_descriptor(TARGET, 3), leaf(&own.g, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
		expect(PAR_F | (uint64_t)(PERMISSION | 3) << 1, own_at(false, false, TARGET) & (PAR_F | PAR_FST),
		       "PAR_EL1", "C5.4, AT S1E2R", "AT S1E2R of a leaf that permits nothing, E2H %d", (uint64_t)e2h);
		expect((uint64_t)page_a, own_translate(AT_S1E2A, TARGET) & (PAR_F | PAR_PA), "PAR_EL1",
		       "C5.4, AT S1E2A", "AT S1E2A of a leaf that permits nothing, E2H %d", (uint64_t)e2h);
	}
}

static void without_permissions(void)
{
	space_new(12, 1, 1, true, true, false);
	for (unsigned bits = 0; bits < 16; bits++)
		for (unsigned pan = 0; pan < 2; pan++) {
			uint64_t par;

			map_s1(TARGET, 3, TARGET_IPA,
			       PTE_AF | (uint64_t)(bits & 3) << 6 | (bits & 4 ? PTE_S1_UXN : 0) |
				       (bits & 8 ? PTE_S1_PXN : 0));
			forget();
			space_load();
			set_pan(pan);
			par = translated(AT_S1E1A, TARGET);
			set_pan(false);
			expect(TARGET_IPA, par & (PAR_F | PAR_PA), "PAR_EL1", "C5.4, AT S1E1A",
			       "AT S1E1A, AP %d, execute-never %d, PAN %d", (uint64_t)(bits & 3), (uint64_t)(bits >> 2),
			       (uint64_t)pan);
		}
	for (unsigned level = 0; level <= 3; level++) {
		uint64_t kept = *descriptor_s1(TARGET, level);

		set(descriptor_s1(TARGET, level), 0);
		forget();
		expect(PAR_F | (uint64_t)(TRANSLATION | level) << 1,
		       at(AT_S1E1A, TARGET) & (PAR_F | PAR_FST | PAR_PTW | PAR_S), "PAR_EL1", "PAR_EL1.FST",
		       "AT S1E1A, translation fault of level %d", (uint64_t)level);
		set(descriptor_s1(TARGET, level), kept);
	}
	for (unsigned e2h = 0; e2h <= features.vhe; e2h++) {
		own_new(e2h, 12);
		for (unsigned bits = 0; bits < 16; bits++) {
			set(own_descriptor(TARGET, 3),
			    leaf(&own.g, 3, (uint64_t)page_a,
				 PTE_AF | (uint64_t)(bits & 3) << 6 | (bits & 4 ? PTE_S1_UXN : 0) |
					 (bits & 8 ? PTE_S1_PXN : 0)));
			expect((uint64_t)page_a, own_translate(AT_S1E2A, TARGET) & (PAR_F | PAR_PA), "PAR_EL1",
			       "C5.4, AT S1E2A", "AT S1E2A, E2H %d, AP %d, execute-never %d", (uint64_t)e2h,
			       (uint64_t)(bits & 3), (uint64_t)(bits >> 2));
		}
	}
}

void check_recent(void)
{
	uint64_t hcrx;

	if (!features.granule[0] || !(features.aie || features.asid2 || features.ats1a)) {
		skip("recent", "none of FEAT_AIE, FEAT_ASID2, FEAT_ATS1A");
		return;
	}
	group("recent");
	hcrx = MRS(s3_4_c1_c2_2);
	if (features.aie)
		attributes();
	if (features.asid2)
		asids();
	if (features.ats1a)
		without_permissions();
	if (features.ats1a && features.s1pie)
		without_any();
	MSR(s3_4_c1_c2_2, hcrx);
	ISB();
	pages_fill();
	group_end();
}

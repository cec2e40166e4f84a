// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: Indirect permissions of stage 1 (FEAT_S1PIE; DDI 0487 M.a.a, D8.4.1, D8.5.2, J1.1.4
 * AArch64.S1IndirectBasePermissions()) as the reference in ../arch has them: each pair of Base permissions by accesses and by AT,
 * PAN, nDirty with hardware's update and without, what table descriptors say, TCR2_EL1 switched off; EL2's own.
 */
#include "model.h"
#include "permission.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)
#define RULE "D8.4.1, Indirect permissions"
#define PROGRAM 14ull /* read, write and execute: index 0 of PIR_EL1, which the program's own leaves have */
#define PROGRAM_EL0 10ull
#define RW 5

static uint64_t pir, pire0;

/* The program's leaves have index 0. */
static void permit(unsigned index, unsigned above, unsigned below)
{
	pir = PROGRAM | (uint64_t)above << 4 * index;
	pire0 = PROGRAM_EL0 | (uint64_t)below << 4 * index;
	MSR(s3_0_c10_c2_3, pir);   /* PIR_EL1 */
	MSR(s3_0_c10_c2_2, pire0); /* PIRE0_EL1 */
	ISB();
}

static struct permissions allowed(uint64_t descriptor, bool pan)
{
	struct permission_controls controls = {
		.pir = pir, .pire0 = pire0, .two = true, .pie = true, .pan = pan, .hd = !!(space.tcr & TCR_HD)
	};

	return stage1_permissions(&controls, descriptor, 0);
}

static void page(unsigned index, uint64_t more)
{
	set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_AF | pi_bits(index) | more));
	forget();
}

static bool may(const struct permissions *p, bool el0, enum access access)
{
	static const unsigned wanted[] = { [READ] = PERM_R, [WRITE] = PERM_W, [EXECUTE] = PERM_X };

	return (el0 ? p->unprivileged : p->privileged) & wanted[access];
}

static uint64_t at(bool el0, bool write)
{
	space_load();
	return translated(AT_S1E1(el0, write), TARGET);
}

static void pair(unsigned above, unsigned below)
{
	unsigned index = 1 + (16 * above + below) % 15;
	struct permissions p;

	permit(index, above, below);
	page(index, 0);
	p = allowed(*descriptor_s1(TARGET, 3), false);
	if (p.gcs_alone && !features.gcs)
		return;
	for (unsigned el0 = 0; el0 < 2; el0++)
		for (enum access access = READ; access <= EXECUTE; access++) {
			struct answer a = touch(0, el0, access, TARGET);

			if (may(&p, el0, access))
				expect(DONE, a.came, "exception taken", RULE, "PIR %d, PIRE0 %d, index %d: %s at EL%d",
				       (uint64_t)above, (uint64_t)below, (uint64_t)index, access_names[access],
				       (uint64_t)!el0);
			else
				CHECK_ESR(a, TO_EL1, SYNDROME | ISS2_DIRTY, abort_class(access, !el0) | PERMISSION | 3,
					  RULE, "PIR %d, PIRE0 %d, index %d: %s at EL%d", (uint64_t)above,
					  (uint64_t)below, (uint64_t)index, access_names[access], (uint64_t)!el0);
			if (access != EXECUTE)
				expect(may(&p, el0, access) ? 0 : PAR_F | (uint64_t)(PERMISSION | 3) << 1,
				       at(el0, access == WRITE) & (may(&p, el0, access) ? PAR_F : PAR_F | PAR_FST | PAR_S),
				       "PAR_EL1", RULE, "AT S1E%d%s, PIR %d, PIRE0 %d, index %d", (uint64_t)!el0,
				       access == WRITE ? "W" : "R", (uint64_t)above, (uint64_t)below, (uint64_t)index);
		}
}

/* R_TBKKB: whatever PIRE0_EL1 permits, EL1 does not read nor write with PAN; no access at all permits it. */
static void pan(unsigned below)
{
	static const unsigned aboves[] = { 1, RW, 10, 12 };

	for (unsigned i = 0; i < LENGTH(aboves); i++) {
		unsigned index = 1 + (i + below) % 15;
		struct permissions p;

		permit(index, aboves[i], below);
		page(index, 0);
		p = allowed(*descriptor_s1(TARGET, 3), true);
		if (p.pan_open || (p.gcs_alone && !features.gcs))
			continue;
		space.pstate = SPSR_PAN;
		for (enum access access = READ; access <= EXECUTE; access++) {
			struct answer a = touch(0, false, access, TARGET);

			if (may(&p, false, access))
				expect(DONE, a.came, "exception taken", "R_TBKKB", "PAN 1, PIR %d, PIRE0 %d: %s at EL1",
				       (uint64_t)aboves[i], (uint64_t)below, access_names[access]);
			else
				CHECK_ESR(a, TO_EL1, SYNDROME, abort_class(access, true) | PERMISSION | 3, "R_TBKKB",
					  "PAN 1, PIR %d, PIRE0 %d: %s at EL1", (uint64_t)aboves[i], (uint64_t)below,
					  access_names[access]);
		}
		space.pstate = 0;
	}
}

/* nDirty is 1, bit 7 of the leaf: with HD 0 a write faults and says so; with HD 1 it is done, and nDirty is 0 then. */
static void dirty(unsigned managed, bool el0, unsigned how)
{
	static const char *const names[] = { "a write", "a write behind a read", "a read", "AT for a write",
					     "AT for a read" };
	static const char *const words[] = { "HA 0, HD 0", "HA 1, HD 0", "HA 1, HD 1" };
	bool write = how != 2 && how != 4, faults = write && managed < 2;
	struct answer a;

	space.tcr = (space.tcr & ~(TCR_HA | TCR_HD)) | (managed ? TCR_HA : 0) | (managed == 2 ? TCR_HD : 0);
	permit(6, RW, RW);
	page(6, PTE_S1_RO);
	if (how >= 3) {
		expect(faults ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0,
		       at(el0, write) & (faults ? PAR_F | PAR_FST | PAR_S : PAR_F), "PAR_EL1", "D8.5.2, R_PPGMC",
		       "nDirty 1, %s: %s at EL%d", words[managed], names[how], (uint64_t)!el0);
		return;
	}
	if (how == 1)
		touch(0, el0, READ, TARGET);
	a = touch(0, el0, write ? WRITE : READ, TARGET);
	if (faults)
		CHECK_ESR(a, TO_EL1, SYNDROME | ISS2_DIRTY, abort_class(WRITE, !el0) | PERMISSION | 3 | ISS2_DIRTY,
			  "D8.5.2, R_PPGMC", "nDirty 1, %s: %s at EL%d", words[managed], names[how], (uint64_t)!el0);
	else
		expect(DONE, a.came, "exception taken", "D8.5.2, R_PPGMC", "nDirty 1, %s: %s at EL%d", words[managed],
		       names[how], (uint64_t)!el0);
	expect(write && managed == 2 ? 0 : PTE_S1_RO, *(volatile uint64_t *)descriptor_s1(TARGET, 3) & PTE_S1_RO,
	       "descriptor", "D8.5.2", "nDirty behind %s at EL%d, %s", names[how], (uint64_t)!el0, words[managed]);
}

/* R_JHSVW: attributes of tables do not count. */
static void tables(unsigned level)
{
	static const struct {
		const char *name;
		uint64_t bit;
	} all[] = { { "PXNTable", PTE_TABLE_PXN },
		    { "UXNTable", PTE_TABLE_UXN },
		    { "APTable[0]", PTE_TABLE_NO_EL0 },
		    { "APTable[1]", PTE_TABLE_RO } };

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned el0 = 0; el0 < 2; el0++)
			for (enum access access = READ; access <= EXECUTE; access++) {
				permit(4, access == EXECUTE ? 10 : RW, access == EXECUTE ? 10 : RW);
				page(4, 0);
				*descriptor_s1(TARGET, level) |= all[i].bit;
				forget();
				expect(DONE, touch(0, el0, access, TARGET).came, "exception taken", "R_JHSVW",
				       "%s in the table of level %d: %s at EL%d", all[i].name, (uint64_t)level,
				       access_names[access], (uint64_t)!el0);
				*descriptor_s1(TARGET, level) &= ~all[i].bit;
			}
}

/* PIE is 0, or counts as 0 as HCRX_EL2.TCR2En is: permissions are Direct ones again. */
static void off(bool by_hcrx)
{
	MSR(s3_0_c2_c0_3, by_hcrx ? TCR2_PIE : 0);
	MSR(s3_4_c1_c2_2, by_hcrx ? 0 : HCRX_TCR2EN);
	permit(1, 0, 0);
	for (unsigned ro = 0; ro < 2; ro++)
		for (unsigned write = 0; write < 2; write++) {
			page(1, ro ? PTE_S1_RO : 0);
			if (ro && write)
				CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL1, SYNDROME | ISS2_DIRTY,
					  abort_class(WRITE, true) | PERMISSION | 3, "HCRX_EL2.TCR2En, TCR2_EL1.PIE",
					  "PIE %d, TCR2En %d, AP[2] 1: write at EL1", (uint64_t)by_hcrx,
					  (uint64_t)!by_hcrx);
			else
				expect(DONE, touch(0, false, write, TARGET).came, "exception taken",
				       "HCRX_EL2.TCR2En, TCR2_EL1.PIE", "PIE %d, TCR2En %d, AP[2] %d: %s at EL1",
				       (uint64_t)by_hcrx, (uint64_t)!by_hcrx, (uint64_t)ro, access_names[write]);
		}
	MSR(s3_4_c1_c2_2, HCRX_TCR2EN);
	MSR(s3_0_c2_c0_3, TCR2_PIE);
	ISB();
}

/* With NV and NV1 PIRE0_EL1 is taken as 0, PIR_EL1 as it is (J1.1.4, AArch64.GetS1TTWParams()). */
static void nested(void)
{
	permit(2, RW, RW);
	for (unsigned nv1 = 0; nv1 < 2; nv1++)
		for (unsigned write = 0; write < 2; write++) {
			space.hcr |= nv1 ? HCR_NV | HCR_NV1 : 0;
			page(2, 0);
			expect(0, at(false, write) & PAR_F, "PAR_EL1", RULE, "NV 1, NV1 %d, AT for a %s at EL1", (uint64_t)nv1, access_names[write]);
			expect(nv1 ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0, at(true, write) & (nv1 ? PAR_F | PAR_FST | PAR_S : PAR_F), "PAR_EL1",
			       "AArch64.GetS1TTWParams(), pire0", "NV and NV1 %d, AT for a %s at EL0", (uint64_t)nv1, access_names[write]);
			space.hcr &= ~(HCR_NV | HCR_NV1);
		}
	forget();
}

void check_indirect(void)
{
	uint64_t hcrx;

	if (!features.s1pie || !features.granule[0]) {
		skip("indirect", "no FEAT_S1PIE");
		return;
	}
	group("indirect");
	hcrx = MRS(s3_4_c1_c2_2);
	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	MSR(s3_4_c1_c2_2, HCRX_TCR2EN);
	permit(1, 0, 0);
	MSR(s3_0_c2_c0_3, TCR2_PIE); /* TCR2_EL1 */
	ISB();
	for (unsigned above = 0; above < 16; above++)
		for (unsigned below = 0; below < 16; below++)
			pair(above, below);
	for (unsigned below = 0; features.pan && below < 16; below++)
		pan(below);
	for (unsigned managed = 0; managed < (features.hafdbs_d ? 3u : features.hafdbs_a ? 2u : 1u); managed++)
		for (unsigned el0 = 0; el0 < 2; el0++)
			for (unsigned how = 0; how < 5; how++)
				dirty(managed, el0, how);
	space.tcr &= ~(TCR_HA | TCR_HD);
	for (unsigned level = 0; level < 3; level++)
		tables(level);
	off(false);
	off(true);
	if (features.nv)
		nested();
	MSR(s3_0_c2_c0_3, 0);
	MSR(s3_4_c1_c2_2, hcrx);
	ISB();
	pages_fill();
	if (features.s2pie)
		indirect_stage2();
	group_end();
}

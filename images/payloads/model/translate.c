// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: address translation instructions and PAR_EL1 (DDI 0487 M.a.a, C5.4 and D24.2): the
 * address, or stage, kind and level of the fault; again after a TLBI and another translation.
 */
#include "model.h"

#define TARGET 0x923456780000ull

struct at {
	const char *name;
	unsigned op1, op2;
	bool both, el0, write; /* stages 1 and 2; the access that it stands for */
};
static const struct at ats[] = {
	{ "s1e1r", 0, 0, false, false, false },	 { "s1e1w", 0, 1, false, false, true },
	{ "s1e0r", 0, 2, false, true, false },	 { "s1e0w", 0, 3, false, true, true },
	{ "s12e1r", 4, 4, true, false, false },	 { "s12e1w", 4, 5, true, false, true },
	{ "s12e0r", 4, 6, true, true, false },	 { "s12e0w", 4, 7, true, true, true },
};

static uint64_t translate(const struct at *at, uint64_t va)
{
	space_load();
	return translated(AT(at->op1, 8, at->op2), va);
}

#define FAULT_OF_PAR (PAR_F | PAR_FST | PAR_PTW | PAR_S)

static void one(unsigned shift, const struct at *at)
{
	uint64_t ipa, offset = step(shift) & ~0xfffull, *s1, *s2, granule = (uint64_t)1 << (shift - 10);

	space_new(shift, 5, 5, true, true, false);
	ipa = (0x9abcdef10000ull & (BIT(space.s2.size) - 1)) | BIT(space.s2.size - 1);
	s1 = map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_EL0 | PTE_S1_NG);
	s2 = map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
	expect((at->both ? (uint64_t)page_a : ipa) + offset, translate(at, TARGET + offset) & (PAR_F | PAR_PA), "PAR_EL1", "C5.4",
	       "AT %s of a valid address, %d KB granule", at->name, granule);

	for (unsigned level = space.s1.start; level <= 3; level++) { /* a fault of stage 1 */
		uint64_t *descriptor = descriptor_s1(TARGET, level), old = *descriptor;

		set(descriptor, 0);
		forget();
		expect(PAR_F | (uint64_t)(TRANSLATION | level) << 1, translate(at, TARGET) & FAULT_OF_PAR, "PAR_EL1", "PAR_EL1.FST",
		       "AT %s, stage 1 translation fault of level %d, %d KB granule", at->name, (uint64_t)level, granule);
		set(descriptor, old);
	}
	for (unsigned level = space.s2.start; at->both && level <= 3; level++) { /* of stage 2 */
		uint64_t *descriptor = descriptor_s2(ipa, level), old = *descriptor;

		set(descriptor, 0);
		forget();
		expect(PAR_F | PAR_S | (uint64_t)(TRANSLATION | level) << 1, translate(at, TARGET) & FAULT_OF_PAR, "PAR_EL1",
		       "PAR_EL1.{S,FST}", "AT %s, stage 2 translation fault of level %d, %d KB granule", at->name, (uint64_t)level,
		       granule);
		set(descriptor, old);
	}
	/* The walk's last table at an IPA that stage 2 does not give */
	{
		uint64_t *descriptor = descriptor_s1(TARGET, 2), old = *descriptor;
		uint64_t gone = ipa ^ 0x10000000;

		set(descriptor, table_descriptor(gone));
		forget();
		expect(PAR_F | PAR_S | PAR_PTW, translate(at, TARGET) & (PAR_F | PAR_S | PAR_PTW), "PAR_EL1", "PAR_EL1.{S,PTW}",
		       "AT %s, stage 2 fault on the walk of stage 1, %d KB granule", at->name, granule);
		set(descriptor, old);
	}
	/* Permissions */
	set(s1, leaf(&space.s1, 3, ipa, PTE_AF | PTE_S1_NG | PTE_S1_EL0 | PTE_S1_RO));
	forget();
	expect(at->write ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0,
	       translate(at, TARGET) & (at->write ? FAULT_OF_PAR : PAR_F), "PAR_EL1", "PAR_EL1.FST", "AT %s of a read-only page, %d KB granule",
	       at->name, granule);
	set(s1, leaf(&space.s1, 3, ipa, PTE_AF | PTE_S1_NG));
	forget();
	expect(at->el0 ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0, translate(at, TARGET) & (at->el0 ? FAULT_OF_PAR : PAR_F),
	       "PAR_EL1", "PAR_EL1.FST", "AT %s of a page that is not EL0's, %d KB granule", at->name, granule);
	set(s1, leaf(&space.s1, 3, ipa, PTE_AF | PTE_S1_NG | PTE_S1_EL0));
	set(s2, leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | PTE_S2_R));
	forget();
	expect(at->write && at->both ? PAR_F | PAR_S | (uint64_t)(PERMISSION | 3) << 1 : 0,
	       translate(at, TARGET) & (at->write && at->both ? FAULT_OF_PAR : PAR_F), "PAR_EL1", "PAR_EL1.{S,FST}",
	       "AT %s of a page that stage 2 makes read-only, %d KB granule", at->name, granule);
	/* Access flags */
	set(s2, leaf(&space.s2, 3, (uint64_t)page_a, S2_RW));
	forget();
	expect(at->both ? PAR_F | PAR_S | (uint64_t)(ACCESS_FLAG | 3) << 1 : 0, translate(at, TARGET) & (at->both ? FAULT_OF_PAR : PAR_F), "PAR_EL1",
	       "PAR_EL1.{S,FST}", "AT %s, access flag of stage 2 clear, %d KB granule", at->name, granule);
	set(s2, leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW));
	set(s1, leaf(&space.s1, 3, ipa, PTE_S1_NG | PTE_S1_EL0));
	forget();
	expect(PAR_F | (uint64_t)(ACCESS_FLAG | 3) << 1, translate(at, TARGET) & FAULT_OF_PAR, "PAR_EL1", "PAR_EL1.FST",
	       "AT %s, access flag of stage 1 clear, %d KB granule", at->name, granule);
	set(s1, leaf(&space.s1, 3, ipa, PTE_AF | PTE_S1_NG | PTE_S1_EL0));
	forget();
	/* The upper half, by a tagged address */
	space.tcr |= TCR_TBI1;
	map_s1(HIGH | TARGET, 3, ipa, PTE_AF | PTE_S1_EL0 | PTE_S1_NG);
	forget();
	expect((at->both ? (uint64_t)page_a : ipa) + offset, translate(at, (HIGH | TARGET) + offset - 0x7a * BIT(56)) & (PAR_F | PAR_PA), "PAR_EL1",
	       "C5.4, TCR_EL1.TBI1", "AT %s of a tagged address of the upper half, %d KB granule", at->name, granule);
	space.tcr &= ~TCR_TBI1;
	forget();
	translate(at, TARGET);
	/* Another translation, after a TLBI */
	set(s2, 0);
	__asm__ volatile("dsb ishst; tlbi vmalls12e1is" ::: "memory");
	DSB(ish);
	set(s2, leaf(&space.s2, 3, (uint64_t)page_b, PTE_AF | S2_RW));
	if (at->both)
		expect((uint64_t)page_b, translate(at, TARGET) & (PAR_F | PAR_PA), "PAR_EL1", "C5.4, C5.5",
		       "AT %s after VMALLS12E1IS and another page, %d KB granule", at->name, granule);
	set(s1, 0);
	__asm__ volatile("dsb ishst; tlbi vaae1is, %0" ::"r"(TARGET >> 12 & (BIT(44) - 1)) : "memory");
	DSB(ish);
	expect(PAR_F | (uint64_t)(TRANSLATION | 3) << 1, translate(at, TARGET) & FAULT_OF_PAR, "PAR_EL1", "C5.4, C5.5",
	       "AT %s after VAAE1IS of an unmapped page, %d KB granule", at->name, granule);
}

/* Executed at EL1: a stage 2 fault on the walk is no result, but an exception to EL2 (C5.4). */
static void at_el1(unsigned shift, unsigned op2)
{
	uint64_t gone = BIT(34), granule = (uint64_t)1 << (shift - 10);
	struct answer a;

	space_new(shift, 5, 5, true, true, false);
	map_s1(TARGET, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0);
	*descriptor_s1(TARGET, 2) = table_descriptor(gone);
	DSB(ish);
	forget();
	a = below_instruction(0, false, AT(0, 8, op2), TARGET | 0x678);
	CHECK_ESR(a, TO_EL2, ESR_EC | PLACE(ESR_FSC_TYPE, 15) | ESR_S1PTW | ESR_CM | ESR_WNR,
		  abort_class(READ, false) | TRANSLATION | ESR_S1PTW | ESR_CM | ESR_WNR, "C5.4",
		  "AT %s at EL1, stage 2 fault on the walk of stage 1, %d KB granule", ats[op2].name, granule);
	expect(TARGET | 0x678, a.far, "FAR_EL2", "C5.4",
	       "AT %s at EL1, stage 2 fault on the walk of stage 1, %d KB granule", ats[op2].name, granule);
	expect((gone | (TARGET >> (shift - 3) & (BIT(shift) - 8))) >> 12 << 4, a.hpfar, "HPFAR_EL2", "C5.4",
	       "AT %s at EL1, stage 2 fault on the walk of stage 1, %d KB granule", ats[op2].name, granule);
}

/* EL2's own, with its MMU off; shareability of Normal memory; the forms that look at PSTATE.PAN. */
static void others(void)
{
	uint64_t va = 0x900000000ull;
	struct at at = ats[0];

	space_new(12, 5, 5, true, true, false);
	map_s1(va, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0 | PTE_S1_NG);
	forget();
	for (unsigned i = 0; i < LENGTH(ats); i++)
		expect(PLACE(PAR_SH, 2), translate(&ats[i], va) & (PAR_F | PLACE(PAR_SH, 2)), "PAR_EL1", "PAR_EL1.SH",
		       "AT %s of shareable memory", ats[i].name);
	for (unsigned write = 0; write < 2; write++) {
		at = (struct at){ .name = write ? "s1e2w" : "s1e2r", .op1 = 4, .op2 = write };
		expect(va, translate(&at, va) & (PAR_F | PAR_PA), "PAR_EL1", "C5.4", "AT %s with EL2's MMU off", at.name);
	}
	for (unsigned user = 0; features.pan2 && user < 2; user++) {
		map_s1(va, 3, ipa_of(page_a), PTE_AF | (user ? PTE_S1_EL0 : 0) | PTE_S1_NG);
		forget();
		for (unsigned pan = 0; pan < 2; pan++)
			for (unsigned write = 0; write < 2; write++) {
				uint64_t par;

				space_load();
				set_pan(pan);
				par = translated(AT_S1E1P(write), va);
				set_pan(false);
				expect(user && pan ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0, par & (user && pan ? FAULT_OF_PAR : PAR_F), "PAR_EL1",
				       "C5.4, PSTATE.PAN", "AT %s with PAN %d, page of EL0 %d", write ? "s1e1wp" : "s1e1rp", (uint64_t)pan, (uint64_t)user);
			}
	}
}

/* Without stage 2 both stages are the first; with stage 1 off the address is the IPA, of Device memory unless HCR_EL2.DC says otherwise. */
static void one_stage(void)
{
	uint64_t va = 0x2222220000ull;

	space_new(12, 5, 5, true, false, false);
	map_s1(va, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0 | PTE_S1_NG);
	forget();
	for (unsigned i = 0; i < LENGTH(ats); i++)
		expect((uint64_t)page_a, translate(&ats[i], va) & (PAR_F | PAR_PA), "PAR_EL1", "C5.4", "AT %s with HCR_EL2.VM 0", ats[i].name);
	for (unsigned dc = 0; dc < 2; dc++) {
		space_new(12, 5, 5, false, true, false);
		space.hcr |= dc ? HCR_DC : 0;
		map_s2(va, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		forget();
		for (unsigned i = 0; i < LENGTH(ats); i++) {
			uint64_t par = translate(&ats[i], va);

			expect(ats[i].both ? (uint64_t)page_a : va, par & (PAR_F | PAR_PA), "PAR_EL1", "C5.4", "AT %s with stage 1 off, HCR_EL2.DC %d", ats[i].name,
			       (uint64_t)dc);
			expect(dc ? 0xff : 0, FIELD(par, PAR_ATTR), "PAR_EL1.ATTR", "D8.2, stage 1 off", "AT %s with stage 1 off, HCR_EL2.DC %d", ats[i].name, (uint64_t)dc);
		}
	}
}

/* Halves that are switched off, for all or for EL0 (TCR_EL1.EPDn, E0PDn): translation faults of level 0. */
static void halves(void)
{
	static const struct {
		const char *name;
		uint64_t bit;
		bool high, el0_alone;
	} all[] = { { "EPD1", TCR_EPD1, true, false }, { "E0PD0", TCR_E0PD0, false, true }, { "E0PD1", TCR_E0PD1, true, true } };

	for (unsigned i = 0; i < (features.e0pd ? LENGTH(all) : 1); i++)
		for (unsigned n = 0; n < LENGTH(ats); n++)
			for (unsigned high = 0; high < 2; high++) {
				bool fault = high == all[i].high && (ats[n].el0 || !all[i].el0_alone);
				uint64_t va = high ? HIGH | TARGET : TARGET;

				space_new(12, 5, 5, true, true, false);
				map_s1(va, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0);
				space.tcr |= all[i].bit;
				forget();
				expect(fault ? PAR_F | (uint64_t)TRANSLATION << 1 : 0, translate(&ats[n], va) & (fault ? FAULT_OF_PAR : PAR_F), "PAR_EL1",
				       "TCR_EL1.{EPDn,E0PDn}", "AT %s, %s 1, half %d", ats[n].name, all[i].name, (uint64_t)high);
			}
}

void check_translate(void)
{
	group("translate");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned i = 0; features.granule[granule_number(shift)] && i < LENGTH(ats); i++)
			one(shift, &ats[i]);
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned op2 = 0; features.granule[granule_number(shift)] && op2 < 4; op2++)
			at_el1(shift, op2);
	if (features.granule[0])
		others();
	if (features.granule[0])
		one_stage();
	if (features.granule[0])
		halves();
	group_end();
}

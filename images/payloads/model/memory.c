// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: types of memory (DDI 0487 M.a.a, D8.6): MAIR_EL1 by index, MemAttr of stage 2 with and
 * without FWB, shareability, and what comes of both stages, as PAR_EL1 tells; what depends on the type: unaligned accesses, and
 * walks with HCR_EL2.PTW; guarded pages (FEAT_BTI).
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define DEVICE_SH 2 /* Device and Normal Non-cacheable are Outer Shareable */

static const uint8_t types[8] = { 0xff, 0x00, 0x04, 0x08, 0x0c, 0x44, 0xbb, 0x77 };
static const unsigned shares[] = { 0, 2, 3 };

static uint64_t mair(void)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < LENGTH(types); i++)
		value |= (uint64_t)types[i] << 8 * i;
	return value;
}

static uint64_t at(unsigned op1, unsigned op2)
{
	space_load();
	return translated(AT(op1, 8, op2), TARGET) & (PAR_F | PAR_ATTR | PLACE(PAR_SH, 3));
}

static bool is_device(unsigned type)
{
	return !(type >> 4);
}

static uint64_t par(unsigned type, unsigned share)
{
	return PLACE(PAR_ATTR, type) | PLACE(PAR_SH, is_device(type) || type == 0x44 ? DEVICE_SH : share);
}

static void stage1(void)
{
	for (unsigned i = 0; i < LENGTH(types); i++)
		for (unsigned s = 0; s < LENGTH(shares); s++) {
			set(descriptor_s1(TARGET, 3),
			    (leaf(&space.s1, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0) & ~PTE_SH) | PLACE(PTE_S1_ATTR, i) | PLACE(PTE_SH, shares[s]));
			forget();
			expect(par(types[i], shares[s]), at(0, 0), "PAR_EL1", "PAR_EL1.{ATTR,SH}", "AT S1E1R, MAIR_EL1 %x by index %d, SH %d",
			       (uint64_t)types[i], (uint64_t)i, (uint64_t)shares[s]);
		}
}

/* Without FWB: Device before Normal, the stricter of two Device types, Non-cacheable before write-through before write-back. */
static unsigned combined(unsigned type1, unsigned memattr)
{
	if (memattr < 4) { /* Device */
		unsigned type2 = memattr << 2;

		return is_device(type1) && type1 < type2 ? type1 : type2;
	}
	if (is_device(type1))
		return type1;
	if (memattr == 5 || type1 == 0x44)
		return 0x44;
	return memattr == 10 ? (type1 & 0x33) | 0x88 : type1; /* write-through; hints are stage 1's */
}

static unsigned forced(unsigned type1, unsigned memattr)
{
	if (memattr < 4)
		return combined(type1, memattr);
	if (memattr == 7)
		return type1;
	if (memattr == 5)
		return is_device(type1) ? type1 : 0x44;
	return 0xff; /* write-back; asked for with hints of stage 1 that say the same, or with none */
}

static void both(bool fwb)
{
	static const unsigned without[] = { 0, 1, 2, 3, 5, 10, 15 }, with[] = { 0, 1, 2, 3, 5, 6, 7 };

	space.hcr = (space.hcr & ~HCR_FWB) | (fwb ? HCR_FWB : 0);
	for (unsigned i = 0; i < LENGTH(types); i++)
		for (unsigned m = 0; m < LENGTH(without); m++)
			for (unsigned s = 0; s < LENGTH(shares); s++) {
				unsigned memattr = fwb ? with[m] : without[m], share2 = shares[(s + m) % LENGTH(shares)];
				/* the stronger of two: Outer Shareable before Inner before none */
				unsigned share = shares[s] == 2 || share2 == 2 ? 2 : shares[s] | share2;
				unsigned type = fwb ? forced(types[i], memattr) : combined(types[i], memattr);

				if ((types[i] == 0xbb || types[i] == 0x77) && (fwb ? memattr == 6 : memattr == 10))
					continue; /* the hints of what stage 2 makes of it are not said */
				set(descriptor_s1(TARGET, 3), (leaf(&space.s1, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0) & ~PTE_SH) |
								      PLACE(PTE_S1_ATTR, i) | PLACE(PTE_SH, shares[s]));
				set(descriptor_s2(TARGET_IPA, 3), (leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW) & ~(PTE_SH | PTE_S2_MEMATTR)) |
									  PLACE(PTE_S2_MEMATTR, memattr) | PLACE(PTE_SH, share2));
				forget();
				expect(par(type, share), at(4, 4), "PAR_EL1", fwb ? "HCR_EL2.FWB, D8.6.5" : "D8.6.5, combined attributes",
				       "AT S12E1R, MAIR_EL1 %x, MemAttr %x, FWB %d, SH %d and %d", (uint64_t)types[i], (uint64_t)memattr, (uint64_t)fwb,
				       (uint64_t)shares[s], (uint64_t)share2);
			}
	space.hcr &= ~HCR_FWB;
}

/* CD makes what is Normal Non-cacheable at stage 2, and leaves Device memory as it is (J1.1.4, AArch64.S2TreatAsNormalNC()). */
static void cache_disabled(void)
{
	for (unsigned i = 0; i < LENGTH(types); i++)
		for (unsigned normal = 0; normal < 2; normal++)
			for (unsigned cd = 0; cd < 2; cd++) {
				unsigned memattr = normal ? 15 : 1;

				space.hcr = (space.hcr & ~HCR_CD) | (cd ? HCR_CD : 0);
				set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0) | PLACE(PTE_S1_ATTR, i));
				set(descriptor_s2(TARGET_IPA, 3),
				    (leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW) & ~PTE_S2_MEMATTR) | PLACE(PTE_S2_MEMATTR, memattr));
				forget();
				expect(PLACE(PAR_ATTR, combined(types[i], normal && cd ? 5 : memattr)), at(4, 4) & (PAR_F | PAR_ATTR), "PAR_EL1",
				       "HCR_EL2.CD, D8.6.5", "AT S12E1R, MAIR_EL1 %x, MemAttr %x, CD %d", (uint64_t)types[i], (uint64_t)memattr,
				       (uint64_t)cd);
			}
	space.hcr &= ~HCR_CD;
}

/* With DC stage 1 is Normal write-back and Non-shareable, so that stage 2 says what is shared. */
static void default_cacheable(void)
{
	space_new(12, 1, 1, true, true, false);
	space.hcr |= HCR_DC;
	for (unsigned s = 0; s < LENGTH(shares); s++) {
		set(descriptor_s2(TARGET_IPA, 3), (leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW) & ~PTE_SH) | PLACE(PTE_SH, shares[s]));
		forget();
		space_load();
		expect(par(0xff, shares[s]), translated(AT_S12E1(false, false), TARGET_IPA) & (PAR_F | PAR_ATTR | PLACE(PAR_SH, 3)), "PAR_EL1", "HCR_EL2.DC",
		       "AT S12E1R, DC 1, SH of stage 2 %d", (uint64_t)shares[s]);
	}
	space.hcr &= ~HCR_DC;
}

/* With DS a descriptor has no SH: it is TCR_EL1's. */
static void wide(void)
{
	space_new(12, 1, 1, true, true, true);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	for (unsigned s = 0; s < LENGTH(shares); s++) {
		space.tcr = (space.tcr & ~TCR_SH0) | PLACE(TCR_SH0, shares[s]);
		forget();
		expect(par(0xff, shares[s]), at(0, 0), "PAR_EL1", "TCR_EL1.{DS,SH0}", "AT S1E1R with DS 1, SH0 %d", (uint64_t)shares[s]);
	}
}

/* What an unaligned access to Device memory comes to. */
static void alignment(void)
{
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned i = 0; i < LENGTH(types); i++)
		for (unsigned write = 0; write < 2; write++) {
			struct answer a;

			set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_AF) | PLACE(PTE_S1_ATTR, i));
			forget();
			a = touch(0, false, write, TARGET + 0x101);
			if (is_device(types[i]))
				CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f | ESR_WNR, abort_class(write, true) | ESR_FSC_ALIGNMENT | (write ? ESR_WNR : 0),
					  "B2.15, Device memory", "unaligned %s, MAIR_EL1 %x", access_names[write], (uint64_t)types[i]);
			else
				expect(DONE, a.came, "exception taken", "B2.15, Normal memory", "unaligned %s, MAIR_EL1 %x", access_names[write],
				       (uint64_t)types[i]);
		}
	pages_fill();
}

/* Stage 1 is off, and its memory Normal by HCR_EL2.DC, or by stage 2 with FWB: unaligned accesses are none of Device memory. */
static void alignment_with_stage1_off(void)
{
	for (unsigned n = 0; n < (features.fwb ? 8u : 4u); n++) {
		bool el0 = n & 1, write = n & 2, fwb = n & 4;

		space_new(12, 1, 1, false, true, false);
		space.hcr |= fwb ? HCR_FWB : HCR_DC;
		set(descriptor_s2(TARGET_IPA, 3),
		    (leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW) & ~PTE_S2_MEMATTR) |
			    PLACE(PTE_S2_MEMATTR, fwb ? 6 : 15));
		forget();
		expect(DONE, touch(0, el0, write, TARGET_IPA + 0x101).came, "exception taken", "B2.15, Normal memory",
		       "unaligned %s at EL%d, stage 1 off, %s", access_names[write], (uint64_t)!el0,
		       fwb ? "Normal by stage 2 with FWB" : "HCR_EL2.DC 1");
	}
	pages_fill();
}

/* PTW: a walk of stage 1 in what stage 2 makes Device memory faults. */
static void protected_walks(unsigned table, bool fwb)
{
	static const unsigned usual[] = { 1, 15, 0, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14 },
			      forced[] = { 1, 6, 0, 2, 3, 5, 7 };
	unsigned count = table < 3 ? 2 : fwb ? LENGTH(forced) : LENGTH(usual);
	uint64_t ipa = 0x5678ab0000ull, *where;

	space_new(12, 1, 1, true, true, false);
	space.hcr |= fwb ? HCR_FWB : 0;
	space.mair = mair();
	map_s1(TARGET, 3, ipa_of(page_a), PTE_AF);
	where = descriptor_s1(TARGET, table - 1);
	map_s2(ipa, 3, *where & PTE_ADDRESS, PTE_AF | S2_RW);
	*where = table_descriptor(ipa);
	for (unsigned i = 0; i < count; i++)
		for (unsigned ptw = 0; ptw < 2; ptw++) {
			unsigned memattr = fwb ? forced[i] : usual[i];
			bool device = memattr < 4;
			struct answer a;

			*descriptor_s2(ipa, 3) =
				(*descriptor_s2(ipa, 3) & ~PTE_S2_MEMATTR) | PLACE(PTE_S2_MEMATTR, memattr);
			space.hcr = (space.hcr & ~HCR_PTW) | (ptw ? HCR_PTW : 0);
			forget();
			a = touch(0, false, READ, TARGET);
			if (device && ptw)
				CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f | ESR_S1PTW,
					  abort_class(READ, false) | PERMISSION | 3 | ESR_S1PTW, "HCR_EL2.PTW",
					  "PTW 1, the table of level %d in Device memory, MemAttr %x, FWB %d",
					  (uint64_t)table, (uint64_t)memattr, (uint64_t)fwb);
			else
				CHECK_VALUE(a, A_VALUE, "HCR_EL2.PTW",
					    "PTW %d, the table of level %d in %s memory, MemAttr %x, FWB %d",
					    (uint64_t)ptw, (uint64_t)table, device ? "Device" : "Normal",
					    (uint64_t)memattr, (uint64_t)fwb);
		}
}

/* A call into a guarded page has to come to a BTI. */
static void guarded(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned on = 0; on < 2; on++)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			struct answer a;

			map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (on ? PTE_S1_GP : 0));
			forget();
			a = touch(0, el0, EXECUTE, TARGET);
			if (on)
				CHECK_ESR(a, TO_EL1, ESR_EC | 3, PLACE(ESR_EC, ESR_EC_BTI) | 2, "FEAT_BTI", "BLR to MOV in a guarded page, EL%d",
					  (uint64_t)!el0);
			else
				CHECK_VALUE(a, A_VALUE, "FEAT_BTI", "BLR to MOV in a page that is not guarded, EL%d", (uint64_t)!el0);
		}
}

/* The same of blocks, of each granule: of RAM as it is, in which that page lies. */
static void guarded_blocks(unsigned shift)
{
	for (unsigned level = 1; level < 3; level++)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			uint64_t size, va;
			struct answer a;

			space_new(shift, 1, 1, true, true, false);
			if (!block_allowed(&space.s1, level))
				continue;
			size = BIT(shift_of(&space.s1, level));
			va = (TARGET & ~(size - 1)) | ((uint64_t)page_a & (size - 1));
			map_s1(va, level, (uint64_t)page_a, PTE_AF | PTE_S1_GP);
			forget();
			a = touch(0, el0, EXECUTE, va);
			CHECK_ESR(a, TO_EL1, ESR_EC | 3, PLACE(ESR_EC, ESR_EC_BTI) | 2, "FEAT_BTI",
				  "BLR to MOV in a guarded block of level %d, EL%d, %d KB granule", (uint64_t)level,
				  (uint64_t)!el0, (uint64_t)1 << (shift - 10));
		}
}

/* Where a guarded page may be entered by PSTATE.BTYPE; at PACIASP and PACIBSP with BTYPE 3 it depends on SCTLR_EL1.{BT1,BT0}. */
static void landings(void)
{
	static const struct landing {
		const char *name;
		uint32_t word;
		unsigned types; /* a bit for each BTYPE */
		bool pac;
	} all[] = { { "NOP", 0xd503201f, 1, false },	 { "BTI", 0xd503241f, 1, false },
		    { "BTI c", 0xd503245f, 7, false },	 { "BTI j", 0xd503249f, 11, false },
		    { "BTI jc", 0xd50324df, 15, false }, { "PACIASP", 0xd503233f, 15, true },
		    { "PACIBSP", 0xd503237f, 15, true }, { "BRK", 0xd4200000, 16, false } };

	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_GP);
	forget();
	((volatile uint32_t *)page_a)[1] = 0xd4000001; /* SVC #0 */
	for (unsigned i = 0; i < LENGTH(all); i++) {
		*(volatile uint32_t *)page_a = all[i].word;
		SYNC_CODE(page_a);
		for (unsigned n = 0; n < 32; n++) {
			unsigned type = n & 3, bt = n >> 3;
			bool el0 = n & 4, takes = all[i].types >> type & 1;
			struct answer a;

			if (bt && !(all[i].pac && type == 3))
				continue;
			if (all[i].pac && type == 3)
				takes = !(bt & (el0 ? 1 : 2));
			space.sctlr = (bt & 1 ? BIT(35) : 0) | (bt & 2 ? BIT(36) : 0); /* SCTLR_EL1.{BT0,BT1} */
			a = below_with((el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED) | type << 10,
				       (const void *)TARGET, 0, 0);
			if (all[i].types == 16)
				CHECK_ESR(a, TO_EL1, ESR_EC, PLACE(ESR_EC, 0x3c), "D2.8, BRK before FEAT_BTI",
					  "%s with BTYPE %d, EL%d", all[i].name, (uint64_t)type, (uint64_t)!el0);
			else if (takes)
				expect(DONE, a.came, "exception taken", "FEAT_BTI",
				       "%s with BTYPE %d, EL%d, BT0 %d, BT1 %d", all[i].name, (uint64_t)type,
				       (uint64_t)!el0, (uint64_t)(bt & 1), (uint64_t)(bt >> 1));
			else
				CHECK_ESR(a, TO_EL1, ESR_EC | 3, PLACE(ESR_EC, ESR_EC_BTI) | type, "FEAT_BTI",
					  "%s with BTYPE %d, EL%d, BT0 %d, BT1 %d", all[i].name, (uint64_t)type,
					  (uint64_t)!el0, (uint64_t)(bt & 1), (uint64_t)(bt >> 1));
		}
	}
	space.sctlr = 0;
}

/* What a branch leaves in PSTATE.BTYPE: by its kind, its register, and whether it stands in a guarded page. */
static void branches(void)
{
	static const struct branch {
		const char *name;
		uint32_t word;
		unsigned type; /* of a branch in a guarded page; BR from another one leaves 1 */
	} all[] = { { "BLR X1", 0xd63f0020, 2 },
		    { "BR X1", 0xd61f0020, 3 },
		    { "BR X16", 0xd61f0200, 1 },
		    { "BR X17", 0xd61f0220, 1 },
		    { "RET X1", 0xd65f0020, 0 } };
	volatile uint32_t *code = (volatile uint32_t *)page_a, *away = (volatile uint32_t *)page_b;

	for (unsigned guarded = 0; guarded < 2; guarded++) {
		space_new(12, 1, 1, true, true, false);
		map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		map_s2(TARGET_IPA + 0x1000, 3, (uint64_t)page_b, PTE_AF | S2_RW);
		map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_GP);
		map_s1(TARGET + 0x1000, 3, TARGET_IPA + 0x1000, PTE_AF | (guarded ? PTE_S1_GP : 0));
		forget();
		code[0] = 0xd503201f; /* NOP: no landing */
		code[1] = 0xd4000001; /* SVC #0 */
		SYNC_CODE(page_a);
		for (unsigned n = 0; n < 2 * LENGTH(all); n++) {
			const struct branch *b = &all[n / 2];
			bool el0 = n & 1;
			uint64_t type = b->type == 3 && !guarded ? 1 : b->type;
			struct answer a;

			away[0] = 0xaa0103f0; /* MOV X16, X1 */
			away[1] = 0xaa0103f1; /* MOV X17, X1 */
			away[2] = b->word;
			SYNC_CODE(page_b);
			a = below_with(el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED,
				       (const void *)(TARGET + 0x1000), 0, TARGET);
			if (type)
				CHECK_ESR(a, TO_EL1, ESR_EC | 3, PLACE(ESR_EC, ESR_EC_BTI) | type,
					  "FEAT_BTI, PSTATE.BTYPE", "%s, from a guarded page %d, EL%d", b->name,
					  (uint64_t)guarded, (uint64_t)!el0);
			else
				expect(DONE, a.came, "exception taken", "FEAT_BTI, PSTATE.BTYPE",
				       "%s, from a guarded page %d, EL%d", b->name, (uint64_t)guarded, (uint64_t)!el0);
		}
	}
}

void check_memory(void)
{
	if (!features.granule[0]) {
		skip("memory", "no granule of 4 KB");
		return;
	}
	group("memory");
	space_new(12, 1, 1, true, true, false);
	space.mair = mair();
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	stage1();
	both(false);
	if (features.fwb)
		both(true);
	cache_disabled();
	alignment();
	alignment_with_stage1_off();
	for (unsigned fwb = 0; fwb <= features.fwb; fwb++)
		for (unsigned table = fwb ? 3 : 1; table <= 3; table++)
			protected_walks(table, fwb);
	default_cacheable();
	if (features.lpa2[0])
		wide();
	if (features.bti) {
		guarded();
		for (unsigned shift = 12; shift <= 16; shift += 2)
			if (features.granule[granule_number(shift)])
				guarded_blocks(shift);
		landings();
		branches();
		pages_fill();
	}
	group_end();
}

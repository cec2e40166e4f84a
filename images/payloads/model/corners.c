// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: corners of the walk (DDI 0487 M.a.a, D8.2 to D8.5 and D8.14): sizes and levels that are out of bounds, tables of stage 2
 * beyond PS or where no memory is, big-endian tables, stage 1 off, HCR_EL2.DC without VM, hardware's update of a table that stage 2 makes read-only, attributes
 * of tables with NV1, alignment by SCTLR_EL1.A and of PC, and which of two faults is told.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define NOWHERE 0x60000000ull /* no memory on QEMU's board virt: RAM ends before */
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)

static void plain(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
}

/* ---- bounds ---- */
static void bounds(void)
{
	static const unsigned sizes[] = { 0, 11, 14, 15, 49, 50, 63 };

	for (unsigned i = 0; i < LENGTH(sizes); i++) {
		plain();
		map_s1(HIGH | TARGET, 3, TARGET_IPA, PTE_AF);
		space.tcr = (space.tcr & ~TCR_T1SZ) | PLACE(TCR_T1SZ, sizes[i]);
		forget();
		if (features.lva)
			CHECK_ESR(touch(0, false, READ, ~0xfffull), TO_EL1, SYNDROME, abort_class(READ, true) | TRANSLATION, "D8.2, TnSZ", "T1SZ %d, out of bounds", (uint64_t)sizes[i]);
	}
	for (unsigned sl0 = 0; sl0 < 2; sl0++) {
		plain();
		space.vtcr = (space.vtcr & ~(VTCR_SL0 | VTCR_T0SZ)) | PLACE(VTCR_SL0, sl0) | PLACE(VTCR_T0SZ, sl0 ? 20 : 29); /* a table would need more than 16 beside it */
		forget();
		CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, SYNDROME, abort_class(EXECUTE, false) | TRANSLATION | ESR_S1PTW, "D8.2, VTCR_EL2.SL0",
			  "SL0 %d with %d bits of IPA", (uint64_t)sl0, (uint64_t)(64 - (sl0 ? 20 : 29)));
	}
}

/* Tables of stage 2 beyond the output size, and where no memory is; the page of code needs none of them. */
static void tables_of_stage2(void)
{
	for (unsigned level = 0; level < 3; level++)
		for (unsigned beyond = !BOARD_GICR; beyond < 2; beyond++) {
			uint64_t ipa = BIT(40);

			plain();
			if (level < space.s2.start)
				continue;
			map_s1(TARGET, 3, ipa, PTE_AF);
			*descriptor_s2(ipa, level) = table_descriptor(beyond ? BIT(34) : NOWHERE);
			if (beyond)
				space.vtcr &= ~VTCR_PS; /* 32 bits */
			forget();
			if (beyond)
				CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, SYNDROME, abort_class(READ, false) | ADDRESS_SIZE | level, "VTCR_EL2.PS, D8.2",
					  "a table of stage 2, named at level %d, beyond PS", (uint64_t)level);
			else
				CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, SYNDROME, abort_class(READ, false) | PLACE(ESR_FSC, 0x14 | (level + 1)), "D8.2, external abort",
					  "a table of stage 2 of level %d where no memory is", (uint64_t)level + 1);
		}
	plain();
	space.vtcr &= ~VTCR_PS;
	space.vttbr = (space.vttbr & VTTBR_VMID) | BIT(34);
	forget();
	CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, SYNDROME, abort_class(EXECUTE, false) | ADDRESS_SIZE | ESR_S1PTW, "VTTBR_EL2.BADDR, D8.2", "VTTBR_EL2 beyond PS");
}

static void no_memory(void)
{
	for (unsigned level = 1; level <= 3; level++) {
		plain();
		*descriptor_s1(TARGET, level - 1) = table_descriptor(TARGET_IPA);
		map_s2(TARGET_IPA, 3, NOWHERE, PTE_AF | S2_RW);
		forget();
		CHECK_ESR(touch(0, false, READ, TARGET), TO_EL1, SYNDROME, abort_class(READ, true) | PLACE(ESR_FSC, 0x14 | level), "D8.2, external abort",
			  "a table of stage 1 of level %d where no memory is", (uint64_t)level);
	}
	for (unsigned write = 0; write < 2; write++) {
		struct answer a;

		plain();
		map_s2(TARGET_IPA, 3, NOWHERE, PTE_AF | S2_RW);
		forget();
		a = touch(0, false, write, TARGET + 0x18);
		CHECK_ESR(a, TO_EL1, SYNDROME | ESR_WNR, abort_class(READ, true) | PLACE(ESR_FSC, 0x10) | (write ? ESR_WNR : 0), "D8.2, external abort",
			  "%s where no memory is", access_names[write]);
		expect(TARGET + 0x18, a.far, "FAR_EL1", "FAR_EL1", "%s where no memory is", access_names[write]);
	}
}

/* ---- SCTLR_EL1.EE and E0E ---- */
static void swap(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < 512; i++) {
		if (level < 3 && (table[i] & 3) == 3)
			swap((uint64_t *)(table[i] & PTE_ADDRESS), level + 1);
		table[i] = __builtin_bswap64(table[i]);
	}
}

static void endianness(void)
{
	for (unsigned big = 0; big < 4; big++) {
		plain();
		space.sctlr = (big & 1 ? SCTLR_EE : 0) | (big & 2 ? SCTLR_E0E : 0);
		if (big & 1)
			swap(space.low, space.s1.start);
		DSB(ish);
		forget();
		for (unsigned el0 = 0; el0 < 2; el0++)
			CHECK_VALUE(touch(0, el0, READ, TARGET), (el0 ? big & 2 : big & 1) ? __builtin_bswap64(A_VALUE) : A_VALUE, "SCTLR_EL1.{EE,E0E}",
				    "EE %d, E0E %d, read at EL%d", (uint64_t)(big & 1), (uint64_t)(big >> 1), (uint64_t)!el0);
		space.sctlr = 0;
	}
}

/* ---- stage 1 off ---- */
static void off(void)
{
	uint64_t ipa = 0x2222220000ull;

	for (unsigned vm = 0; vm < 2; vm++)
		for (unsigned dc = 0; dc < 2; dc++)
			for (unsigned s1 = 0; s1 < 2; s1++) {
				struct answer a;

				space_new(12, 1, 1, s1, true, false);
				if (s1)
					map_s1(ipa, 3, ipa_of(page_b), PTE_AF | PTE_S1_EL0);
				map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
				space.hcr = (space.hcr & ~HCR_VM) | (vm ? HCR_VM : 0) | (dc ? HCR_DC : 0);
				forget();
				if (!vm && !dc) /* no stage 2: an IPA is an address */
					continue;
				a = touch(0, false, READ, ipa);
				CHECK_VALUE(a, s1 && !dc ? B_VALUE : A_VALUE, "HCR_EL2.{DC,VM}", "VM %d, DC %d, SCTLR_EL1.M %d", (uint64_t)vm, (uint64_t)dc, (uint64_t)s1);
			}
	for (unsigned tge = 0; tge < 2; tge++) { /* EL0 under EL2 with E2H 0: SCTLR_EL1.M is 0 then */
		struct answer a;

		space_new(12, 1, 1, true, true, false);
		map_s1(ipa, 3, ipa_of(page_b), PTE_AF | PTE_S1_EL0);
		map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		space.hcr |= tge ? HCR_TGE : 0;
		forget();
		a = touch(0, true, READ, ipa);
		if (tge && FIELD(pes[0].esr, ESR_EC) == ESR_EC_SVC)
			a = (struct answer){ .came = DONE, .x0 = pes[0].x[0] };
		CHECK_VALUE(a, tge ? A_VALUE : B_VALUE, "HCR_EL2.TGE", "TGE %d, SCTLR_EL1.M 1, read at EL0", (uint64_t)tge);
	}
	space_new(12, 1, 1, false, false, false);
	for (unsigned bit = features.pa_bits; bit < 64; bit++) {
		struct answer a = touch(0, false, READ, (uint64_t)page_a | BIT(bit));

		CHECK_ESR(a, TO_EL1, SYNDROME, abort_class(READ, true) | ADDRESS_SIZE, "D8.2, stage 1 off", "stage 1 off, VA bit %d", (uint64_t)bit);
	}
	space.tcr |= TCR_TBI0;
	CHECK_VALUE(touch(0, false, READ, (uint64_t)page_a | 0x5aull << 56), A_VALUE, "D8.2, TCR_EL1.TBI", "stage 1 off, a tagged address, TBI 1");
}

/* ---- hardware's update of a table that stage 2 makes read-only ---- */
static void update(bool dirty, bool write)
{
	uint64_t ipa = 0x3333330000ull, *table;
	struct answer a;

	plain();
	space.tcr |= TCR_HA | (dirty ? TCR_HD : 0);
	set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, (dirty ? PTE_AF | PTE_DBM | PTE_S1_RO : 0)));
	table = (uint64_t *)(*descriptor_s1(TARGET, 2) & PTE_ADDRESS);
	set(descriptor_s1(TARGET, 2), table_descriptor(ipa));
	map_s2(ipa, 3, (uint64_t)table, PTE_AF | PTE_S2_R);
	forget();
	a = touch(0, false, write, TARGET);
	CHECK_ESR(a, TO_EL2, SYNDROME, abort_class(READ, false) | PERMISSION | 3 | ESR_S1PTW, "D8.5, R_JFJTN", "%s needs %s in a table that stage 2 makes read-only",
		  access_names[write], dirty ? "the dirty state" : "the access flag");
	expect((ipa + 8 * (TARGET >> 12 & 511)) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA", "%s needs %s in a table that stage 2 makes read-only",
	       access_names[write], dirty ? "the dirty state" : "the access flag");
	map_s2(ipa, 3, (uint64_t)table, PTE_AF | S2_RW);
	forget();
	expect(DONE, touch(0, false, write, TARGET).came, "exception taken", "D8.5", "%s needs %s in a table that it may write", access_names[write],
	       dirty ? "the dirty state" : "the access flag");
}

/* ---- NV1: attributes of tables ---- */
static void tables_with_nv1(void)
{
	static const struct {
		const char *name;
		uint64_t bit;
		bool execute, with, without; /* the access at EL1; it is denied with NV1, and without */
	} all[] = { { "UXNTable", PTE_TABLE_UXN, true, true, false }, { "PXNTable", PTE_TABLE_PXN, true, false, true } };

	for (unsigned nv1 = 0; nv1 < 2; nv1++)
		for (unsigned i = 0; i < LENGTH(all); i++)
			for (unsigned level = 0; level < 3; level++) {
				bool denied = nv1 ? all[i].with : all[i].without;
				struct answer a;

				plain();
				map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
				set(descriptor_s1(TARGET, level), *descriptor_s1(TARGET, level) | all[i].bit);
				space.hcr |= HCR_NV | (nv1 ? HCR_NV1 : 0);
				forget();
				/* The whole first table of level 0 holds the program, too. */
				a = touch(0, false, EXECUTE, TARGET);
				if (denied)
					CHECK_ESR(a, TO_EL1, SYNDROME, abort_class(EXECUTE, true) | PERMISSION | 3, "D8.14, descriptors", "%s at level %d, NV1 %d: execute at EL1",
						  all[i].name, (uint64_t)level, (uint64_t)nv1);
				else
					CHECK_VALUE(a, A_VALUE, "D8.14, descriptors", "%s at level %d, NV1 %d: execute at EL1", all[i].name, (uint64_t)level, (uint64_t)nv1);
			}
}

/* ---- alignment ---- */
static void alignment(void)
{
	for (unsigned on = 0; on < 2; on++) {
		plain();
		space.sctlr = on ? SCTLR_A : 0;
		for (unsigned el0 = 0; el0 < 2; el0++)
			for (unsigned write = 0; write < 2; write++) {
				struct answer a = touch(0, el0, write, TARGET + 0x103);

				if (on) {
					CHECK_ESR(a, TO_EL1, SYNDROME | ESR_WNR, abort_class(READ, !el0) | ESR_FSC_ALIGNMENT | (write ? ESR_WNR : 0), "SCTLR_EL1.A", "unaligned %s at EL%d, A 1",
						  access_names[write], (uint64_t)!el0);
					expect(TARGET + 0x103, a.far, "FAR_EL1", "SCTLR_EL1.A", "unaligned %s at EL%d, A 1", access_names[write], (uint64_t)!el0);
				} else
					expect(DONE, a.came, "exception taken", "SCTLR_EL1.A", "unaligned %s at EL%d, A 0", access_names[write], (uint64_t)!el0);
			}
		space.sctlr = 0;
	}
	pages_fill();
	for (unsigned el0 = 0; el0 < 2; el0++) {
		struct answer a = below(0, el0, victim_call, 0, TARGET + 2);

		CHECK_ESR(a, TO_EL1, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_PC_ALIGNMENT) | ESR_IL, "D1.3, PC alignment", "a branch to an odd word at EL%d", (uint64_t)!el0);
		expect(TARGET + 2, a.far, "FAR_EL1", "D1.3, PC alignment", "a branch to an odd word at EL%d", (uint64_t)!el0);
	}
}

/* SP is a multiple of 16 where it is a base, and acquires and releases stay within 16 bytes. */
static void alignment_of_sp(void)
{
	plain();
	for (unsigned n = 0; n < 16; n++) {
		bool el0 = n & 1, of_el1 = n & 2, of_el0 = n & 4, odd = n & 8;
		uint64_t sp = TARGET + 0x100 + (odd ? 8 : 0), sp_el0 = MRS(sp_el0), sp_el1 = MRS(sp_el1);
		struct answer a;

		*(volatile uint32_t *)victim_buffer = 0xf94003e0; /* LDR X0, [SP] */
		SYNC_CODE(victim_buffer);
		space.sctlr = (of_el1 ? BIT(3) : 0) | (of_el0 ? BIT(4) : 0);
		space.sctlr_off = (of_el1 ? 0 : BIT(3)) | (of_el0 ? 0 : BIT(4)); /* SCTLR_EL1.{SA,SA0} */
		MSR(sp_el0, sp);
		MSR(sp_el1, sp);
		a = below_with(el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED, victim_buffer, 0, 0);
		MSR(sp_el0, sp_el0);
		MSR(sp_el1, sp_el1);
		if (odd && (el0 ? of_el0 : of_el1))
			CHECK_ESR(a, TO_EL1, ESR_EC | ESR_IL, PLACE(ESR_EC, 0x26) | ESR_IL, "SCTLR_EL1.{SA,SA0}",
				  "SP at %s 16 bytes, EL%d, SA %d, SA0 %d", odd ? "half of" : "all of", (uint64_t)!el0,
				  (uint64_t)of_el1, (uint64_t)of_el0);
		else
			CHECK_VALUE(a, A_VALUE, "SCTLR_EL1.{SA,SA0}", "SP at %s 16 bytes, EL%d, SA %d, SA0 %d",
				    odd ? "half of" : "all of", (uint64_t)!el0, (uint64_t)of_el1, (uint64_t)of_el0);
	}
	space.sctlr = space.sctlr_off = 0;
}

static void alignment_of_acquires(void)
{
	static const struct ordered {
		const char *name;
		uint32_t word;
		bool write;
	} all[] = { { "LDAR", 0xc8dffc20, false }, { "STLR", 0xc89ffc20, true }, { "LDAPR", 0xf8bfc020, false } };

	if (!BITS(MRS(s3_0_c0_c7_2), 35, 32)) /* ID_AA64MMFR2_EL1.AT: FEAT_LSE2 */
		return;
	for (unsigned n = 0; n < 8 * LENGTH(all); n++) {
		const struct ordered *o = &all[n / 8];
		bool el0 = n & 1, naa = n & 2, beyond = n & 4;
		struct answer a;

		plain();
		space.sctlr = naa ? BIT(6) : 0; /* SCTLR_EL1.nAA */
		*(volatile uint32_t *)victim_buffer = o->word;
		SYNC_CODE(victim_buffer);
		a = below_with(el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED, victim_buffer, 0,
			       TARGET + (beyond ? 0x10c : 0x104));
		if (beyond && !naa)
			CHECK_ESR(a, TO_EL1, SYNDROME | ESR_WNR,
				  abort_class(READ, !el0) | ESR_FSC_ALIGNMENT | (o->write ? ESR_WNR : 0),
				  "SCTLR_EL1.nAA", "%s over the end of 16 bytes, EL%d, nAA 0", o->name, (uint64_t)!el0);
		else
			expect(DONE, a.came, "exception taken", "SCTLR_EL1.nAA", "%s %s 16 bytes, EL%d, nAA %d",
			       o->name, beyond ? "over the end of" : "within", (uint64_t)!el0, (uint64_t)naa);
	}
	space.sctlr = 0;
	pages_fill();
}

/* ---- two faults: stage 1 comes first, within a stage the translation, then the access flag, then the permission ---- */
static void priorities(void)
{
	static const char *const names[] = { "the access flag", "the permission" };

	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned second = 0; second < 3; second++) {
			uint64_t bad2 = second == 0 ? 0 : second == 1 ? leaf(&space.s2, 3, (uint64_t)page_a, S2_RW) : leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF);

			plain();
			set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, kind ? PTE_AF | PTE_S1_RO : 0));
			set(descriptor_s2(TARGET_IPA, 3), bad2);
			forget();
			CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL1, SYNDROME, abort_class(WRITE, true) | (kind ? PERMISSION : ACCESS_FLAG) | 3, "D8.15, priorities",
				  "stage 1 forbids it by %s, stage 2 by its kind %d", names[kind], (uint64_t)second);
		}
	plain();
	set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_S1_RO));
	forget();
	CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL1, SYNDROME, abort_class(WRITE, true) | ACCESS_FLAG | 3, "D8.15, priorities", "access flag and permission of stage 1");
	plain();
	set(descriptor_s2(TARGET_IPA, 3), leaf(&space.s2, 3, (uint64_t)page_a, 0));
	forget();
	CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL2, SYNDROME, abort_class(WRITE, false) | ACCESS_FLAG | 3, "D8.15, priorities", "access flag and permission of stage 2");
}

/* An alignment fault by SCTLR_EL1.A comes before whatever else is wrong of the address. */
static void alignment_first(void)
{
	static const char *const names[] = { "translation of stage 1", "access flag of stage 1",
					     "permission of stage 1",  "translation of stage 2",
					     "access flag of stage 2", "permission of stage 2",
					     "translation of a table" };

	for (unsigned n = 0; n < 4 * LENGTH(names); n++) {
		bool el0 = n & 1, write = n & 2;
		unsigned why = n / 4;
		struct answer a;

		plain();
		space.sctlr = SCTLR_A;
		switch (why) {
		case 0:
			set(descriptor_s1(TARGET, 3), 0);
			break;
		case 1:
			set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, PTE_S1_EL0));
			break;
		case 2:
			set(descriptor_s1(TARGET, 3),
			    leaf(&space.s1, 3, TARGET_IPA, PTE_AF | PTE_S1_RO | (write ? PTE_S1_EL0 : 0)));
			break;
		case 3:
			set(descriptor_s2(TARGET_IPA, 3), 0);
			break;
		case 4:
			set(descriptor_s2(TARGET_IPA, 3), leaf(&space.s2, 3, (uint64_t)page_a, S2_RW));
			break;
		case 5:
			set(descriptor_s2(TARGET_IPA, 3), leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF));
			break;
		default:
			set(descriptor_s1(TARGET, 2), table_descriptor(0x5678ab0000ull));
		}
		forget();
		a = touch(0, el0, write, TARGET + 0x103);
		CHECK_ESR(a, TO_EL1, SYNDROME | ESR_WNR,
			  abort_class(READ, !el0) | ESR_FSC_ALIGNMENT | (write ? ESR_WNR : 0), "D8.15, R_XCHFJ",
			  "unaligned %s at EL%d, SCTLR_EL1.A 1, and %s", access_names[write], (uint64_t)!el0, names[why]);
	}
	space.sctlr = 0;
}

void check_corners(void)
{
	if (!features.granule[0]) {
		skip("corners", "no granule of 4 KB");
		return;
	}
	group("corners");
	bounds();
	tables_of_stage2();
	if (BOARD_GICR)
		no_memory();
	if (features.mixed_endian)
		endianness();
	off();
	if (features.hafdbs_a) {
		update(false, false);
		update(false, true);
	}
	if (features.hafdbs_d)
		update(true, true);
	if (features.nv)
		tables_with_nv1();
	alignment();
	alignment_of_sp();
	alignment_of_acquires();
	priorities();
	alignment_first();
	group_end();
}

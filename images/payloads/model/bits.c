// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: bits one by one (DDI 0487 M.a.a, D8.2, D8.3, D8.14, D24.2): each bit of an address that faults, as
 * FAR_ELx and HPFAR_EL2 tell it; of what descriptors of each stage and TTBRs name; bits of descriptors that are no part of either;
 * the outputs of leaves with the contiguous hint.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define TPIDR_EL2(read) ACCESS(3, 4, 13, 0, 2, read)
#define TPIDR_EL2_WORD 0x090
#define ELSEWHERE BIT(40) /* beside what the program's own leaves translate */
#define WHOLE_DATA (ESR_EC | ESR_IL | ESR_VNCR | BITS_BELOW_VNCR)
#define BITS_BELOW_VNCR (BIT(13) - 1)

/* ---- FAR and HPFAR ---- */
static void fault_of_stage1(unsigned shift, bool high)
{
	space_new(shift, 1, 1, true, true, false);
	for (unsigned bit = 0; bit < 48; bit++)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			uint64_t va = (BIT(bit) | ELSEWHERE) | (high ? HIGH : 0);
			struct answer a = touch(0, el0, READ, va);

			CHECK_ESR(a, TO_EL1, ESR_EC | ESR_FSC_TYPE, abort_class(READ, !el0) | TRANSLATION,
				  "ESR_EL1.DFSC", "VA bit %d, half %d, read at EL%d, %d KB granule", (uint64_t)bit,
				  (uint64_t)high, (uint64_t)!el0, (uint64_t)1 << (shift - 10));
			expect(va, a.far, "FAR_EL1", "FAR_EL1", "VA bit %d, half %d, read at EL%d, %d KB granule",
			       (uint64_t)bit, (uint64_t)high, (uint64_t)!el0, (uint64_t)1 << (shift - 10));
		}
}

static void fault_of_stage2(unsigned shift, bool high)
{
	for (unsigned bit = 0; bit < 48; bit++) {
		uint64_t va = (BIT(bit) | ELSEWHERE) | (high ? HIGH : 0), ipa = BIT(34);
		struct answer a;

		space_new(shift, 1, 1, true, true, false);
		map_s1(va, 3, ipa, PTE_AF);
		forget();
		a = touch(0, false, READ, va);
		expect(va, a.came == TO_EL2 ? a.far : 0, "FAR_EL2", "FAR_EL2",
		       "stage 2 fault, VA bit %d, half %d, %d KB granule", (uint64_t)bit, (uint64_t)high,
		       (uint64_t)1 << (shift - 10));
		expect((ipa + (va & (BIT(shift) - 1))) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
		       "stage 2 fault, VA bit %d, half %d, %d KB granule", (uint64_t)bit, (uint64_t)high,
		       (uint64_t)1 << (shift - 10));
	}
}

/* The address in VNCR_EL2, with EL2's MMU on and nothing there. */
static void vncr(void)
{
	struct geometry regime = geometry(12, 48, false, false);
	uint64_t *root;

	space_new(12, 1, 1, true, true, false);
	root = table_new();
	*entry_of(&regime, root, 0, 1) = PTE_AF | PLACE(PTE_S1_ATTR, 1) | PTE_S1_UXN | PTE_VALID;
	map_ram(&regime, root, PTE_AF, true);
	MSR(mair_el2, 0x00ff);
	MSR(tcr_el2, PLACE(TCR_T0SZ, 64 - 48) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
			     PLACE(TCR_E2H0_PS, 5) | TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH);
	MSR(ttbr0_el2, (uint64_t)root);
	DSB(ish);
	ISB();
	forget();
	space.hcr |= HCR_NV | HCR_NV2;
	for (unsigned bit = 0; bit < 48; bit++) /* those below 12 do not count */
		for (unsigned read = 0; read < 2; read++) {
			uint64_t at = BIT(bit) | ELSEWHERE;
			struct answer a;

			MSR(s3_4_c2_c2_0, at); /* VNCR_EL2 */
			MSR(sctlr_el2, SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I);
			ISB();
			a = below_instruction(0, false, TPIDR_EL2(read), 0);
			MSR(sctlr_el2, SCTLR_E2H0_RES1);
			ISB();
			CHECK_ESR(a, TO_EL2, (WHOLE_DATA & ~3ull) | ESR_ISV,
				  PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_IL | ESR_VNCR | TRANSLATION | (read ? 0 : ESR_WNR),
				  "ESR_EL2.VNCR, R_VFMQB", "%s TPIDR_EL2 with NV2, bit %d of VNCR_EL2",
				  read ? "MRS" : "MSR", (uint64_t)bit);
			expect((at & ~0xfffull) + TPIDR_EL2_WORD, a.far, "FAR_EL2", "R_YWCZS",
			       "%s TPIDR_EL2 with NV2, bit %d of VNCR_EL2", read ? "MRS" : "MSR", (uint64_t)bit);
			expect((uint64_t)victim_buffer, a.elr, "ELR_EL2", "D1.3, preferred return",
			       "%s TPIDR_EL2 with NV2, bit %d of VNCR_EL2", read ? "MRS" : "MSR", (uint64_t)bit);
		}
	space.hcr &= ~(HCR_NV | HCR_NV2);
	forget();
}

/* ---- outputs, as AT tells them ---- */
static void outputs(unsigned shift, unsigned level, bool stage2)
{
	const struct geometry *g;
	unsigned most = features.pa_bits < 48 ? features.pa_bits : 48;

	space_new(shift, 1, 1, true, true, false);
	g = stage2 ? &space.s2 : &space.s1;
	if (level < 3 && !block_allowed(g, level))
		return;
	if (stage2)
		map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	for (unsigned bit = shift_of(g, level); bit < most; bit++) {
		uint64_t offset =
			stage2 ? TARGET_IPA & (BIT(shift_of(g, level)) - 1) : TARGET & (BIT(shift_of(g, level)) - 1);

		if (stage2)
			map_s2(TARGET_IPA, level, BIT(bit), PTE_AF | S2_RW);
		else
			map_s1(TARGET, level, BIT(bit), PTE_AF);
		forget();
		space_load();
		expect(BIT(bit) | offset,
		       translated(stage2 ? AT_S12E1(false, false) : AT_S1E1(false, false), TARGET) & (PAR_F | PAR_PA),
		       "PAR_EL1", "D8.2, the output", "output bit %d of stage %d, leaf of level %d, %d KB granule",
		       (uint64_t)bit, (uint64_t)1 + stage2, (uint64_t)level, (uint64_t)1 << (shift - 10));
	}
}

/* What TTBR1_EL1 and tables of stage 1 name, as HPFAR_EL2 tells where stage 2 has nothing there. */
static void tables(unsigned shift)
{
	for (unsigned level = geometry(shift, 48, false, false).start; level <= 3; level++) {
		space_new(shift, 1, 1, true, true, false);
		for (unsigned bit = shift; bit < space.s2.size; bit++) {
			uint64_t ipa = BIT(bit) | (space.s2.size > 40 ? ELSEWHERE : BIT(36)), va = HIGH | TARGET;
			uint64_t index = (va & (BIT(48) - 1)) >> shift_of(&space.s1, level) & (BIT(shift - 3) - 1);
			struct answer a;

			if (level == space.s1.start)
				space.ttbr1 = ipa;
			else
				*descriptor_s1(va, level - 1) = table_descriptor(ipa);
			forget();
			a = touch(0, false, READ, va);
			CHECK_ESR(a, TO_EL2, ESR_EC | ESR_S1PTW | ESR_FSC_TYPE,
				  abort_class(READ, false) | ESR_S1PTW | TRANSLATION, "ESR_EL2.S1PTW",
				  "bit %d of what names the table of level %d, %d KB granule", (uint64_t)bit,
				  (uint64_t)level, (uint64_t)1 << (shift - 10));
			expect((ipa + 8 * index) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
			       "bit %d of what names the table of level %d, %d KB granule", (uint64_t)bit,
			       (uint64_t)level, (uint64_t)1 << (shift - 10));
		}
	}
}

/* TTBR0_EL1, as the program's own fetch tells. */
static void root(unsigned shift)
{
	space_new(shift, 1, 1, true, true, false);
	for (unsigned bit = shift; bit < space.s2.size; bit++) {
		uint64_t ipa = BIT(bit) | (space.s2.size > 40 ? ELSEWHERE : BIT(36));
		uint64_t index = (uint64_t)victim_read >> shift_of(&space.s1, space.s1.start);

		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | ipa;
		forget();
		expect((ipa + 8 * index) >> 12 << 4, touch(0, false, READ, TARGET).hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
		       "bit %d of TTBR0_EL1, %d KB granule", (uint64_t)bit, (uint64_t)1 << (shift - 10));
	}
}

/* ---- bits that are no part of a translation ---- */
static void ignored_bit(unsigned shift, bool stage2, unsigned level, unsigned bit)
{
	uint64_t ipa, *descriptor;
	bool table = level < 3;

	space_new(shift, 1, 1, true, true, false);
	ipa = stage2 ? TARGET_IPA : ipa_of(page_a);
	map_s1(TARGET, 3, ipa, PTE_AF);
	if (stage2)
		map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	descriptor = stage2 ? descriptor_s2(ipa, level) : descriptor_s1(TARGET, level);
	set(descriptor, *descriptor | BIT(bit));
	forget();
	for (enum access access = READ; access <= EXECUTE; access++) {
		struct answer a = touch(0, false, access, TARGET + 0x18);

		expect(DONE, a.came, "exception taken", "D8.3", "bit %d of a %s of stage %d, level %d, %s, %d KB granule",
		       (uint64_t)bit, table ? "table's descriptor" : "leaf", (uint64_t)1 + stage2, (uint64_t)level,
		       access_names[access], (uint64_t)1 << (shift - 10));
	}
	space_load();
	expect((uint64_t)page_a, translated(AT_S12E1(false, false), TARGET) & (PAR_F | PAR_PA), "PAR_EL1", "D8.3",
	       "bit %d of a %s of stage %d, level %d, %d KB granule", (uint64_t)bit,
	       table ? "table's descriptor" : "leaf", (uint64_t)1 + stage2, (uint64_t)level, (uint64_t)1 << (shift - 10));
}

static void ignored(unsigned shift)
{
	static const unsigned of_leaf[] = { 55, 56, 57, 58, 59, 60, 61, 62 }; /* software's, PBHA without HPDS2 */
	static const unsigned of_table[] = { 2, 3, 4, 5, 6, 7, 8, 9, 11, 53, 54, 55, 56, 57, 58 };

	for (unsigned stage2 = 0; stage2 < 2; stage2++)
		for (unsigned level = 1; level <= 3; level++)
			for (unsigned i = 0; i < (level == 3 ? LENGTH(of_leaf) : LENGTH(of_table)); i++)
				if (level >=
				    geometry(shift, features.pa_bits < 48 ? features.pa_bits : 48, stage2, false).start)
					ignored_bit(shift, stage2, level, level == 3 ? of_leaf[i] : of_table[i]);
	pages_fill();
}

/* Leaves side by side that may be kept as one (D8.7.1): each has its own output, and goes by an operation for its own address. */
static void contiguous(unsigned shift, bool stage2, unsigned level)
{
	unsigned count = shift == 12 ? 16 : shift == 14 ? (level == 3 ? 128 : 32) : 32;
	const struct geometry *g;
	uint64_t size, base, output = BIT(44);

	space_new(shift, 1, 1, true, true, false);
	g = stage2 ? &space.s2 : &space.s1;
	if ((level < 3 && !block_allowed(g, level)) || features.pa_bits < 48)
		return;
	size = BIT(shift_of(g, level));
	base = (stage2 ? BIT(43) : HIGH | BIT(45)) + 4 * count * size;
	for (unsigned i = 0; i < count; i++)
		if (stage2)
			map_s2(base + i * size, level, output + i * size, PTE_AF | S2_RW | PTE_CONTIGUOUS);
		else
			map_s1(base + i * size, level, output + i * size, PTE_AF | PTE_CONTIGUOUS);
	for (unsigned i = 0; i < count; i += i < count - 2 && i > 2 ? count / 8 : 1) {
		uint64_t va = stage2 ? TARGET : base + i * size + 0x1000 * (level < 3);

		if (stage2)
			map_s1(TARGET, 3, base + i * size, PTE_AF);
		forget();
		space_load();
		expect(output + i * size + (stage2 ? 0 : 0x1000 * (level < 3)),
		       translated(stage2 ? AT_S12E1(false, false) : AT_S1E1(false, false), va) & (PAR_F | PAR_PA),
		       "PAR_EL1", "D8.7.1", "leaf %d of %d with the contiguous hint, stage %d, level %d, %d KB granule",
		       (uint64_t)i, (uint64_t)count, (uint64_t)1 + stage2, (uint64_t)level, (uint64_t)1 << (shift - 10));
	}
}

/* ---- registers that EL2 writes for EL1: where its exceptions go, where its ERET goes, its stacks ---- */
static uint8_t vectors[4096] __attribute__((aligned(4096))); /* HVC #1 at each of 32 */

static void vector_base(bool high)
{
	for (unsigned i = 0; i < sizeof(vectors); i += 128)
		*(volatile uint32_t *)&vectors[i] = 0xd4000022u;
	*(volatile uint32_t *)victim_buffer = 0; /* UDF */
	__asm__ volatile("dc cvau, %0; dsb ish; ic ialluis; dsb ish; isb" ::"r"(victim_buffer) : "memory");
	for (unsigned bit = 11; bit < 48; bit++) {
		uint64_t at = BIT(bit) | ELSEWHERE | (high ? HIGH : 0), kept = MRS(vbar_el1);

		space_new(12, 1, 1, true, true, false);
		map_s1(at, 3, (uint64_t)vectors, PTE_AF);
		forget();
		MSR(vbar_el1, at);
		below_with(SPSR_MODE_EL1H_MASKED, victim_buffer, 0, 0);
		MSR(vbar_el1, kept);
		ISB();
		expect(at + 0x200, pes[0].elr - 4, "vector", "VBAR_EL1", "bit %d of VBAR_EL1, half %d", (uint64_t)bit,
		       (uint64_t)high);
	}
}

static void return_address(bool high)
{
	for (unsigned bit = 2; bit < 48; bit++) {
		uint64_t at = BIT(bit) | ELSEWHERE | (high ? HIGH : 0);

		space_new(12, 1, 1, true, true, false);
		MSR(elr_el1, at);
		MSR(spsr_el1, SPSR_MODE_EL1H_MASKED);
		below_instruction(0, false, 0xd69f03e0u, 0); /* ERET */
		expect(at, MRS(far_el1), "FAR_EL1", "C6.2, ERET", "ERET at EL1, bit %d of ELR_EL1, half %d",
		       (uint64_t)bit, (uint64_t)high);
		expect(at, MRS(elr_el1), "ELR_EL1", "D1.3, preferred return", "ERET at EL1, bit %d of ELR_EL1, half %d",
		       (uint64_t)bit, (uint64_t)high);
		below(0, false, (const void *)at, 0, 0); /* the same by EL2's own */
		expect(at, MRS(far_el1), "FAR_EL1", "C6.2, ERET", "ERET at EL2, bit %d of ELR_EL2, half %d",
		       (uint64_t)bit, (uint64_t)high);
	}
}

static void stacks(void)
{
	uint64_t kept0 = MRS(sp_el0), kept1 = MRS(sp_el1);

	space_new(12, 1, 1, true, true, false);
	*(volatile uint32_t *)victim_buffer = 0x910003e1; /* MOV X1, SP */
	SYNC_CODE(victim_buffer);
	for (unsigned bit = 0; bit < 64; bit++) {
		static const struct {
			const char *name;
			uint64_t mode;
			bool el0;
		} modes[] = { { "EL0", SPSR_MODE_EL0T_MASKED, true },
			      { "EL1 with SP_EL0", SPSR_MODE_EL1H_MASKED & ~1ull, true },
			      { "EL1", SPSR_MODE_EL1H_MASKED, false } };

		MSR(sp_el0, BIT(bit));
		MSR(sp_el1, ~BIT(bit));
		for (unsigned i = 0; i < LENGTH(modes); i++) {
			below_with(modes[i].mode, victim_buffer, 0, 0);
			expect(modes[i].el0 ? BIT(bit) : ~BIT(bit), pes[0].x[1], "SP", "SP_EL0, SP_EL1",
			       "SP of %s, bit %d", modes[i].name, (uint64_t)bit);
		}
	}
	MSR(sp_el0, kept0);
	MSR(sp_el1, kept1);
}

void check_bits(void)
{
	group("bits");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (unsigned high = 0; high < 2; high++) {
			fault_of_stage1(shift, high);
			fault_of_stage2(shift, high);
		}
		tables(shift);
		root(shift);
		ignored(shift);
		for (unsigned stage2 = 0; stage2 < 2; stage2++)
			for (unsigned level = 1; level <= 3; level++) {
				outputs(shift, level, stage2);
				contiguous(shift, stage2, level);
			}
	}
	for (unsigned high = 0; features.granule[0] && high < 2; high++) {
		vector_base(high);
		return_address(high);
	}
	if (features.granule[0])
		stacks();
	if (features.nv2 && features.granule[0])
		vncr();
	group_end();
}

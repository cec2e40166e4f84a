// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what beside a leaf's own permissions decides an access (DDI 0487 M.a.a, D8.4, D8.14):
 * attributes of tables by level, bit and half, and what switches them off; PSTATE.PAN, SCTLR_EL1.WXN, TCR_EL1.{EPD,E0PD},
 * HCR_EL2.DC, blocks at levels that have none, and descriptors under HCR_EL2.{NV,NV1}.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x123450000ull

static void fault1(struct answer a, enum access access, bool el0, uint64_t fault, const char *rule, const char *what, const char *which,
		   uint64_t n)
{
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(access, !el0) | fault, rule, "%s, %s, %d: %s at EL%d", what, which, n,
		  access_names[access], (uint64_t)!el0);
}

static void allowed(struct answer a, enum access access, bool el0, const char *rule, const char *what, const char *which, uint64_t n)
{
	expect(DONE, a.came, "exception taken", rule, "%s, %s, %d: %s at EL%d", what, which, n, access_names[access], (uint64_t)!el0);
}

static void ask(bool may, enum access access, bool el0, uint64_t va, uint64_t fault, const char *rule, const char *what,
		const char *which, uint64_t n)
{
	struct answer a = touch(0, el0, access, va);

	if (may)
		allowed(a, access, el0, rule, what, which, n);
	else
		fault1(a, access, el0, fault, rule, what, which, n);
}

/* ---- tables ---- */

static const struct attribute {
	const char *name;
	uint64_t bit;
} attributes[] = { { "PXNTable", PTE_TABLE_PXN }, { "UXNTable", PTE_TABLE_UXN }, { "APTable[0]", PTE_TABLE_NO_EL0 },
		   { "APTable[1]", PTE_TABLE_RO } };

static bool denies(uint64_t bit, enum access access, bool el0)
{
	if (bit == PTE_TABLE_PXN || bit == PTE_TABLE_UXN)
		return access == EXECUTE && el0 == (bit == PTE_TABLE_UXN);
	return access != EXECUTE && (bit == PTE_TABLE_RO ? access == WRITE : el0);
}

static void tables(unsigned shift, unsigned level, bool high, bool off)
{
	uint64_t va = high ? HIGH | TARGET : TARGET, *descriptor, plain;

	space_new(shift, 1, 1, true, true, false);
	space.tcr |= off ? TCR_HPD0 | TCR_HPD1 : 0;
	map_s2(TARGET_IPA & ~0xffffull, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	map_s1(va, 3, TARGET_IPA & ~0xffffull, PTE_AF);
	descriptor = descriptor_s1(va, level);
	plain = *descriptor;
	for (unsigned i = 0; i < LENGTH(attributes); i++)
		for (enum access access = READ; access <= EXECUTE; access++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				/* EL1 may not execute what EL0 may write, so the leaf is EL0's for data alone. */
				map_s1(va, 3, TARGET_IPA & ~0xffffull, PTE_AF | (access == EXECUTE ? 0 : PTE_S1_EL0));
				set(descriptor, plain | attributes[i].bit);
				forget();
				ask(off || !denies(attributes[i].bit, access, el0), access, el0, va, PERMISSION | 3,
				    off ? "TCR_EL1.HPD" : "D8.4, hierarchical permissions", attributes[i].name,
				    off ? "switched off, level" : "in the table of level", level);
			}
}

/* ---- PAN, WXN, EPD, E0PD ---- */

static void pan(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned user = 0; user < 2; user++)
		for (enum access access = READ; access <= EXECUTE; access++) {
			const void *code = access == READ ? victim_read : access == WRITE ? victim_write : victim_call;
			struct answer a;

			map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (user ? PTE_S1_EL0 | (access == EXECUTE ? PTE_S1_RO : 0) : 0));
			forget();
			a = below_with(SPSR_MODE_EL1H_MASKED | SPSR_PAN, code, A_VALUE, TARGET + (access == EXECUTE ? CODE_OFFSET : 0));
			if (user && access != EXECUTE)
				fault1(a, access, false, PERMISSION | 3, "PSTATE.PAN", "PAN 1", "page of EL0", user);
			else
				allowed(a, access, false, "PSTATE.PAN", "PAN 1", "page of EL0", user);
			ask(true, access, false, TARGET, 0, "PSTATE.PAN", "PAN 0", "page of EL0", user && access != EXECUTE);
		}
}

/* EPAN counts what EL0 may execute as EL0's. */
static void epan(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned on = 0; on < 2; on++)
		for (unsigned uxn = 0; uxn < 2; uxn++)
			for (enum access access = READ; access <= WRITE; access++) {
				space.sctlr = on ? SCTLR_EPAN : 0;
				space.pstate = SPSR_PAN;
				map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (uxn ? PTE_S1_UXN : 0));
				forget();
				ask(!on || uxn, access, false, TARGET, PERMISSION | 3, "SCTLR_EL1.EPAN", on ? "EPAN 1" : "EPAN 0", "UXN", uxn);
			}
	space.sctlr = space.pstate = 0;
}

/* LDTR and STTR at EL1 are EL0's accesses, but with NV and NV1 (D8.14). */
static void unprivileged(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned user = 0; user < 2; user++)
		for (unsigned write = 0; write < 2; write++)
			for (unsigned nv1 = 0; nv1 <= features.nv; nv1++) {
				struct answer a;

				space.hcr |= nv1 ? HCR_NV | HCR_NV1 : 0;
				map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (user ? PTE_S1_EL0 : 0));
				forget();
				a = below_instruction(0, false, write ? 0xf8000821u : 0xf8400821u, TARGET + 0x100); /* STTR, LDTR X1, [X1] */
				if (user || nv1)
					allowed(a, write, false, "LDTR, STTR", nv1 ? "unprivileged with NV1" : "unprivileged", "page of EL0", user);
				else
					fault1(a, write, false, PERMISSION | 3, "LDTR, STTR", "unprivileged", "page of EL0", user);
				space.hcr &= ~(HCR_NV | HCR_NV1);
			}
	for (unsigned write = 0; features.uao && write < 2; write++)
		for (unsigned uao = 0; uao < 2; uao++) {
			struct answer a;

			space.pstate = uao ? SPSR_UAO : 0;
			map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
			forget();
			a = below_instruction(0, false, write ? 0xf8000821u : 0xf8400821u, TARGET + 0x100);
			if (uao)
				allowed(a, write, false, "PSTATE.UAO", "unprivileged", "UAO", uao);
			else
				fault1(a, write, false, PERMISSION | 3, "PSTATE.UAO", "unprivileged", "UAO", uao);
			space.pstate = 0;
		}
	pages_fill();
}

static void wxn(void)
{
	space_new(12, 1, 1, true, true, false);
	code_read_only(&space.s1, space.low); /* it could not run otherwise */
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned on = 0; on < 2; on++)
		for (unsigned ro = 0; ro < 2; ro++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				space.sctlr = on ? SCTLR_WXN : 0;
				map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (ro ? PTE_S1_RO : 0) | (el0 ? PTE_S1_EL0 : 0));
				forget();
				ask(!on || ro, EXECUTE, el0, TARGET, PERMISSION | 3, "SCTLR_EL1.WXN", on ? "WXN 1" : "WXN 0", "AP[2]", ro);
			}
	space.sctlr = 0;
}

static void walks_off(void)
{
	struct answer a;

	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	map_s1(HIGH | TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	space.tcr |= TCR_EPD1;
	forget();
	for (unsigned el0 = 0; el0 < 2; el0++) {
		ask(true, READ, el0, TARGET, 0, "TCR_EL1.EPD1", "EPD1 1", "half", 0);
		ask(false, READ, el0, HIGH | TARGET, TRANSLATION, "TCR_EL1.EPD1", "EPD1 1", "half", 1);
	}
	/* The code and its vectors, which lie in the lower half, are used by way of the upper one. */
	map_s1(HIGH | BOARD_RAM, 1, BOARD_RAM, PTE_AF);
	space.tcr ^= TCR_EPD1 | TCR_EPD0;
	forget();
	MSR(vbar_el1, HIGH | (uint64_t)below_vectors);
	for (unsigned high = 0; high < 2; high++)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			a = below(0, el0, (const void *)(HIGH | (uint64_t)victim_read), 0, high ? HIGH | TARGET : TARGET);
			if (high)
				allowed(a, READ, el0, "TCR_EL1.EPD0", "EPD0 1", "half", 1);
			else
				fault1(a, READ, el0, TRANSLATION, "TCR_EL1.EPD0", "EPD0 1", "half", 0);
		}
	MSR(vbar_el1, below_vectors);
	space.tcr &= ~TCR_EPD0;
	if (!features.e0pd)
		return;
	space.tcr |= TCR_E0PD1;
	forget();
	ask(true, READ, false, HIGH | TARGET, 0, "TCR_EL1.E0PD1", "E0PD1 1", "half", 1);
	ask(false, READ, true, HIGH | TARGET, TRANSLATION, "TCR_EL1.E0PD1", "E0PD1 1", "half", 1);
	ask(true, READ, true, TARGET, 0, "TCR_EL1.E0PD1", "E0PD1 1", "half", 0);
}

/* ---- HCR_EL2.DC: stage 1 is off, whatever SCTLR_EL1.M says ---- */
static void default_cacheable(void)
{
	uint64_t va = 0x1234560000ull;

	space_new(12, 1, 1, true, true, false);
	map_s1(va, 3, ipa_of(page_b), PTE_AF | PTE_S1_EL0);
	map_s2(va, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned on = 0; on < 2; on++)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			space.hcr = (space.hcr & ~HCR_DC) | (on ? HCR_DC : 0);
			forget();
			CHECK_VALUE(touch(0, el0, READ, va), on ? A_VALUE : B_VALUE, "HCR_EL2.DC", "DC %d, SCTLR_EL1.M 1, EL%d", (uint64_t)on,
				    (uint64_t)!el0);
		}
	space.hcr &= ~HCR_DC;
	forget();
}

/* ---- a descriptor that says block where the granule has none: D8.3.1, it is invalid ---- */
static void no_blocks(unsigned shift, bool stage2)
{
	space_new(shift, 1, 1, true, true, false);
	for (unsigned level = stage2 ? space.s2.start : space.s1.start; level <= 3; level++) {
		const struct geometry *g;
		struct answer a;

		space_new(shift, 1, 1, true, true, false);
		g = stage2 ? &space.s2 : &space.s1;
		if (level < 3 && (block_allowed(g, level) || (shift == 16 && level == 1 && features.pa_bits > 48)))
			continue;
		map_s1(TARGET, 3, BIT(space.s2.size - 1), PTE_AF);
		map_s2(BIT(space.s2.size - 1), 3, (uint64_t)page_a, PTE_AF | S2_RW);
		if (stage2)
			*descriptor_s2(BIT(space.s2.size - 1), level) = leaf(g, level, (uint64_t)page_a, PTE_AF | S2_RW) & ~2ull;
		else
			*descriptor_s1(TARGET, level) = leaf(g, level, ipa_of(page_a), PTE_AF) & ~2ull;
		forget();
		a = touch(0, false, READ, TARGET);
		CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, ESR_EC | 0x3f, abort_class(READ, !stage2) | TRANSLATION | level, "D8.3.1",
			  "a block of stage %d at level %d, %d KB granule", (uint64_t)1 + stage2, (uint64_t)level, (uint64_t)1 << (shift - 10));
	}
}

/* ---- NV and NV1: bit 54 is PXN, bit 53 nothing, and nothing is EL0's (D8.14) ---- */
static void nested(void)
{
	space_new(12, 1, 1, true, true, false);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned on = 0; on < 2; on++) {
		space.hcr = (space.hcr & ~(HCR_NV | HCR_NV1)) | HCR_NV | (on ? HCR_NV1 : 0);
		for (unsigned bit = 53; bit <= 54; bit++) {
			map_s1(TARGET, 3, TARGET_IPA, PTE_AF | BIT(bit));
			forget();
			ask(bit == (on ? 53 : 54), EXECUTE, false, TARGET, PERMISSION | 3, "D8.14, descriptors", on ? "NV1 1" : "NV1 0", "bit", bit);
			ask(on || bit == 53, EXECUTE, true, TARGET, PERMISSION | 3, "D8.14, descriptors", on ? "NV1 1" : "NV1 0", "bit", bit);
		}
		map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
		forget();
		ask(!on, READ, true, TARGET, PERMISSION | 3, "D8.14, descriptors", on ? "NV1 1" : "NV1 0", "AP[1]", 1);
		ask(on, EXECUTE, false, TARGET, PERMISSION | 3, "D8.14, descriptors", on ? "NV1 1" : "NV1 0", "AP[1]", 1);
	}
	/* PSTATE.PAN is 0 then, which EPAN shows, since nothing is EL0's but to execute. */
	for (unsigned write = 0; features.pan3 && write < 2; write++) {
		struct answer a;

		space.sctlr = SCTLR_EPAN;
		map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
		forget();
		a = below_with(SPSR_MODE_EL1H_MASKED | SPSR_PAN, write ? victim_write : victim_read, A_VALUE, TARGET);
		allowed(a, write, false, "I_YMLJD", "NV1 1, EPAN 1", "PAN", 1);
		space.sctlr = 0;
	}
	space.hcr &= ~(HCR_NV | HCR_NV1);
	forget();
}

void check_attributes(void)
{
	group("attributes");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (unsigned high = 0; high < 2; high++) {
			unsigned start = geometry(shift, 48, false, false).start;

			for (unsigned level = start; level < 3; level++)
				for (unsigned off = 0; off <= features.hpds; off++)
					tables(shift, level, high, off);
		}
		no_blocks(shift, false);
		no_blocks(shift, true);
	}
	if (!features.granule[0]) {
		group_end();
		return;
	}
	if (features.pan)
		pan();
	if (features.pan3)
		epan();
	unprivileged();
	wxn();
	walks_off();
	default_cacheable();
	if (features.nv)
		nested();
	group_end();
}

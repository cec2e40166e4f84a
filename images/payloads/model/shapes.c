// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: regimes of other shapes than 48 bits with one granule (DDI 0487 M.a.a, D8.2): T0SZ and T1SZ,
 * TG0 and TG1, and the granule of stage 2, each apart from the others; first and last address of each half, and the one behind;
 * sizes of stage 2; outputs and IPAs of 52 bits; address tags by half.
 */
#include "model.h"

#define TARGET 0x923456780000ull

static uint64_t last_of(unsigned size)
{
	return BIT(size) - 0x10000;
}

/* One half with its own granule and size; the other one holds the program, or is as it was. */
static void half(unsigned shift2, bool high, unsigned shift, unsigned size)
{
	struct geometry g;
	uint64_t *root, base = high ? ~0ull << size : 0, inside[2], granule = (uint64_t)1 << (shift - 10);
	struct answer a;

	space_new(shift2, 1, 1, true, true, false);
	root = space_half(high, shift, size, &g);
	inside[0] = base + (high ? 0 : 0x200000000);
	inside[1] = base + last_of(size);
	for (unsigned i = 0; i < 2; i++)
		set(entry_of(&g, root, inside[i], 3), leaf(&g, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0));
	forget();
	for (unsigned i = 0; i < 2; i++)
		for (unsigned el0 = 0; el0 < 2; el0++)
			CHECK_VALUE(touch(0, el0, READ, inside[i]), A_VALUE, "TCR_EL1.{TxSZ,TGx}", "%s half of %d bits, %d KB granule, stage 2 of %d KB: %s page",
				    high ? "upper" : "lower", (uint64_t)size, granule, (uint64_t)1 << (shift2 - 10), i ? "last" : "first");
	if (size < 52) {
		a = touch(0, false, READ, inside[1] ^ BIT(size));
		CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(READ, true) | TRANSLATION, "TCR_EL1.TxSZ", "%s half of %d bits, %d KB granule: beyond",
			  high ? "upper" : "lower", (uint64_t)size, granule);
	}
	/* a hole: the level that it is missing at, which counts from the start that the size gives */
	for (unsigned level = g.start; level <= 3; level++) {
		uint64_t *descriptor = entry_of(&g, root, inside[1], level), kept = *descriptor;

		set(descriptor, 0);
		forget();
		a = touch(0, false, READ, inside[1]);
		CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(READ, true) | TRANSLATION | level, "D8.2, start level",
			  "%s half of %d bits, %d KB granule: nothing at level %d", high ? "upper" : "lower", (uint64_t)size, granule, (uint64_t)level);
		set(descriptor, kept);
	}
}

static void halves(void)
{
	static const unsigned sizes[] = { 48, 47, 42, 40, 39, 37, 36, 34, 30, 25, 24, 20, 17 };

	for (unsigned shift2 = 12; shift2 <= 16; shift2 += 2)
		for (unsigned shift = 12; shift <= 16; shift += 2) {
			if (!features.granule[granule_number(shift2)] || !features.granule[granule_number(shift)])
				continue;
			for (unsigned high = 0; high < 2; high++) {
				for (unsigned i = 0; i < LENGTH(sizes); i++)
					if ((high || sizes[i] >= 34) && (features.ttst || sizes[i] >= 25))
						half(shift2, high, shift, sizes[i]);
				if (shift == 16 && features.lva && features.pa_bits == 52)
					half(shift2, high, shift, 52);
			}
		}
}

/* Stage 2 of other sizes: its last page, and the one behind. */
static void stage2(unsigned shift, unsigned size)
{
	struct geometry g = geometry(shift, size, true, false);
	uint64_t granule = (uint64_t)1 << (shift - 10), last = last_of(size);
	struct answer a;

	space_new(shift, 1, 1, true, true, false);
	space_stage2(size, g.start);
	map_s1(TARGET, 3, last, PTE_AF);
	map_s2(last, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
	CHECK_VALUE(touch(0, false, READ, TARGET), A_VALUE, "VTCR_EL2.T0SZ", "stage 2 of %d bits, %d KB granule: last page", (uint64_t)size, granule);
	for (unsigned level = g.start; level <= 3; level++) {
		uint64_t *descriptor = descriptor_s2(last, level), kept = *descriptor;

		set(descriptor, 0);
		forget();
		a = touch(0, false, READ, TARGET);
		CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f, abort_class(READ, false) | TRANSLATION | level, "VTCR_EL2.SL0",
			  "stage 2 of %d bits, %d KB granule: nothing at level %d", (uint64_t)size, granule, (uint64_t)level);
		set(descriptor, kept);
	}
	if (size >= 48)
		return;
	map_s1(TARGET, 3, last ^ BIT(size), PTE_AF);
	forget();
	a = touch(0, false, READ, TARGET);
	CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f, abort_class(READ, false) | TRANSLATION, "VTCR_EL2.T0SZ", "stage 2 of %d bits, %d KB granule: beyond",
		  (uint64_t)size, granule);
	expect((last ^ BIT(size)) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA", "stage 2 of %d bits, %d KB granule: beyond", (uint64_t)size, granule);
}

static uint64_t translate(uint64_t va)
{
	space_load();
	return translated(AT_S1E1(false, false), va);
}

static void wide(unsigned shift)
{
	uint64_t granule = (uint64_t)1 << (shift - 10);

	space_new(shift, 1, 1, true, true, shift != 16);
	space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, 6);
	for (unsigned bit = 48; bit < 52; bit++) {
		uint64_t ipa = BIT(bit) | 0x123450000;
		uint64_t *descriptor = descriptor_s1(TARGET, 3);
		struct answer a;

		set(descriptor, leaf(&space.s1, 3, ipa & (BIT(48) - 1), PTE_AF | PTE_S1_EL0) | high_bits(shift, ipa));
		forget();
		expect(ipa, translate(TARGET) & (PAR_F | PAR_PA | PAR_PA_HIGH), "PAR_EL1", "D8.3.1, output bits 51:48",
		       "AT S1E1R, output bit %d, %d KB granule", (uint64_t)bit, granule);
		a = touch(0, false, READ, TARGET);
		CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f, abort_class(READ, false) | TRANSLATION, "VTCR_EL2.T0SZ", "an IPA with bit %d, %d KB granule",
			  (uint64_t)bit, granule);
		expect(ipa >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA", "an IPA with bit %d, %d KB granule", (uint64_t)bit, granule);
	}
}

/* TBI0 and TBI1 are of one half each. */
static void tags(void)
{
	for (unsigned which = 0; which < 4; which++) {
		space_new(12, 1, 1, true, true, false);
		space.tcr |= (which & 1 ? TCR_TBI0 : 0) | (which & 2 ? TCR_TBI1 : 0);
		for (unsigned high = 0; high < 2; high++)
			map_s1(high ? HIGH | TARGET : TARGET, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0);
		forget();
		for (unsigned high = 0; high < 2; high++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				uint64_t va = (high ? HIGH | TARGET : TARGET) ^ 0x3c * BIT(56);
				struct answer a = touch(0, el0, READ, va);

				if (el0 && which & (high ? 2 : 1)) {
					CHECK_VALUE(touch(0, true, EXECUTE, va), A_VALUE, "TCR_EL1.{TBI,TBID}", "a call to a tagged address of the %s half, TBID 0",
						    high ? "upper" : "lower");
					if (features.pauth) {
						space.tcr |= high ? TCR_TBID1 : TCR_TBID0;
						forget();
						CHECK_ESR(touch(0, true, EXECUTE, va), TO_EL1, ESR_EC | 0x3f, abort_class(EXECUTE, false) | TRANSLATION,
							  "TCR_EL1.TBID", "a call to a tagged address of the %s half, TBID 1", high ? "upper" : "lower");
						CHECK_VALUE(touch(0, true, READ, va), A_VALUE, "TCR_EL1.TBID", "a tagged address of the %s half, TBID 1",
							    high ? "upper" : "lower");
						space.tcr &= ~(TCR_TBID0 | TCR_TBID1);
						forget();
					}
				}

				if (which & (high ? 2 : 1))
					CHECK_VALUE(a, A_VALUE, "TCR_EL1.TBI", "TBI0 %d, TBI1 %d: a tagged address of the %s half", (uint64_t)(which & 1),
						    (uint64_t)(which >> 1), high ? "upper" : "lower");
				else
					CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(READ, !el0) | TRANSLATION, "TCR_EL1.TBI",
						  "TBI0 %d, TBI1 %d: a tagged address of the %s half", (uint64_t)(which & 1), (uint64_t)(which >> 1),
						  high ? "upper" : "lower");
			}
	}
}

void check_shapes(void)
{
	group("shapes");
	halves();
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned size = 32;
		     features.granule[granule_number(shift)] && size <= 48 && size <= features.pa_bits; size++)
			if (geometry(shift, size, true, false).start > 0 || features.pa_bits >= 44)
				stage2(shift, size);
	for (unsigned shift = 12; shift <= 16; shift += 2)
		if (wide_outputs(shift))
			wide(shift);
	if (features.granule[0])
		tags();
	shapes_limits();
	group_end();
}

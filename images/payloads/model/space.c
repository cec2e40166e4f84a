// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: one EL1&0 regime at a time, with 48 bits of input at both stages. */
#include "model.h"
#include "pa_size.h"

#define CODE(value) (0xd2800000u | (uint32_t)(value) << 5) /* MOV X0, #value */
#define RET 0xd65f03c0u
#define ALIAS BIT(33)
#define PAGE_BYTES 0x10000

struct space space;

/* The compiler calls it to make a struct of zeros. */
void *memset(void *where, int value, size_t size)
{
	for (uint8_t *at = where; size--; at++)
		*at = (uint8_t)value;
	return where;
}

uint8_t page_a[0x10000] __attribute__((aligned(0x10000))), page_b[0x10000] __attribute__((aligned(0x10000)));

static void fill(uint8_t *page, uint64_t value)
{
	for (unsigned at = 0; at < 0x10000; at += 0x1000) {
		for (unsigned i = 0; i < 0x1000; i += 8)
			*(uint64_t *)&page[at + i] = value;
		*(uint32_t *)&page[at + CODE_OFFSET] = CODE(value);
		*(uint32_t *)&page[at + CODE_OFFSET + 4] = RET;
	}
}

void pages_fill(void)
{
	fill(page_a, A_VALUE);
	fill(page_b, B_VALUE);
}

static uint64_t tg0(unsigned shift)
{
	return shift == 12 ? TCR_TG0_4K : shift == 14 ? TCR_TG0_16K : TCR_TG0_64K;
}

static uint64_t tg1(unsigned shift)
{
	return shift == 12 ? TCR_TG1_4K : shift == 14 ? TCR_TG1_16K : TCR_TG1_64K;
}

uint64_t ipa_of(const uint8_t *page)
{
	return (uint64_t)page + (space.s2_on ? ALIAS : 0);
}

static void map_aliases(void)
{
	for (uint64_t at = 0; at < PAGE_BYTES; at += BIT(space.s2.shift)) {
		map_s2(ipa_of(page_a) + at, 3, (uint64_t)page_a + at, PTE_AF | S2_RW);
		map_s2(ipa_of(page_b) + at, 3, (uint64_t)page_b + at, PTE_AF | S2_RW);
	}
}

/* For VTCR_EL2.PS and TCR_EL1.IPS: descriptors lead to 48 bits, and with DS to 52. */
static uint64_t physical_size(const struct geometry *g)
{
	unsigned most = g->ds ? 52 : 48;

	return (uint64_t)pa_code(features.pa_bits < most ? features.pa_bits : most);
}

static uint64_t vtcr_of(const struct geometry *g)
{
	/* SL0: the start level counted from the largest that the granule allows for it (Table D8-17). */
	unsigned sl0 = g->shift == 12 ? 2 - g->start : 3 - g->start;

	return PLACE(VTCR_T0SZ, 64 - g->size) | PLACE(VTCR_SL0, sl0) | PLACE(VTCR_IRGN0, 1) | PLACE(VTCR_ORGN0, 1) |
	       PLACE(VTCR_SH0, 3) | PLACE(VTCR_TG0, tg0(g->shift)) | PLACE(VTCR_PS, physical_size(g)) |
	       (features.vmid_bits == 16 ? VTCR_VS : 0) | VTCR_RES1 | (g->ds ? VTCR_DS : 0);
}

static uint64_t tcr_of(const struct geometry *g)
{
	return PLACE(TCR_T0SZ, 64 - g->size) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
	       PLACE(TCR_TG0, tg0(g->shift)) | PLACE(TCR_T1SZ, 64 - g->size) | PLACE(TCR_IRGN1, 1) |
	       PLACE(TCR_ORGN1, 1) | PLACE(TCR_SH1, 3) | PLACE(TCR_TG1, tg1(g->shift)) |
	       PLACE(TCR_IPS, physical_size(g)) | (features.asid_bits == 16 ? TCR_AS : 0) | (g->ds ? TCR_DS : 0);
}

void space_new(unsigned shift, unsigned vmid, unsigned asid, bool s1_on, bool s2_on, bool ds)
{
	unsigned ipa_bits = features.pa_bits < 48 ? features.pa_bits : 48;

	tables_reset();
	space = (struct space){ .s1 = geometry(shift, 48, false, ds), .s2 = geometry(shift, ipa_bits, true, ds) };
	space.s1_on = s1_on;
	space.mair = 0xff; /* attribute 0: Normal, write-back */
	space.s2_on = s2_on;
	space.hcr = HCR_RW | (s2_on ? HCR_VM : 0);
	if (s1_on) {
		space.low = root_new(&space.s1);
		space.high = root_new(&space.s1);
		map_ram(&space.s1, space.low, PTE_AF, false); /* EL1 reads and writes, EL1 and EL0 execute */
	}
	if (s2_on) {
		space.ipa = root_new(&space.s2);
		map_ram(&space.s2, space.ipa, PTE_AF | S2_RW, false);
		map_aliases();
	}
	space.tcr = tcr_of(&space.s1);
	space.vtcr = vtcr_of(&space.s2);
	space.ttbr0 = (uint64_t)space.low | PLACE(TTBR_ASID, asid);
	space.ttbr1 = (uint64_t)space.high;
	space.vttbr = (uint64_t)space.ipa | PLACE(VTTBR_VMID, vmid);
	DSB(ish);
	forget();
}

void space_stage2(unsigned size, unsigned start)
{
	space.s2.size = size;
	space.s2.start = start;
	space.ipa = root_new(&space.s2);
	map_ram(&space.s2, space.ipa, PTE_AF | S2_RW, false);
	if (BIT(size) > ALIAS)
		map_aliases();
	space.vtcr = vtcr_of(&space.s2);
	space.vttbr = (uint64_t)space.ipa | (space.vttbr & VTTBR_VMID);
	DSB(ish);
	forget();
}

uint64_t *space_half(bool high, unsigned shift, unsigned size, struct geometry *g)
{
	uint64_t *root, bytes;

	*g = geometry(shift, size, false, false);
	root = root_new(g);
	bytes = 8 * BIT(size - shift_of(g, g->start));
	if (bytes >= 64 && bytes <= BIT(10)) /* a small root stands where its own size lets it */
		root += 3 * bytes / 8;
	if (high) {
		space.tcr = (space.tcr & ~(TCR_T1SZ | TCR_TG1)) | PLACE(TCR_T1SZ, 64 - size) | PLACE(TCR_TG1, tg1(shift));
		space.ttbr1 = (uint64_t)root;
	} else {
		map_ram(g, root, PTE_AF, false);
		space.tcr = (space.tcr & ~(TCR_T0SZ | TCR_TG0)) | PLACE(TCR_T0SZ, 64 - size) | PLACE(TCR_TG0, tg0(shift));
		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | (uint64_t)root;
	}
	DSB(ish);
	return root;
}

/* Only what changes: a model may empty its TLB at a write, which would hide more than it has to. */
#define LOAD_REGISTER(name, value)                                                                           \
	do {                                                                                                 \
		uint64_t wanted_ = (value);                                                                  \
		if (MRS(name) != wanted_)                                                                    \
			MSR(name, wanted_);                                                                  \
	} while (0)

void space_load(void)
{
	LOAD_REGISTER(vtcr_el2, space.vtcr);
	LOAD_REGISTER(vttbr_el2, space.vttbr);
	LOAD_REGISTER(mair_el1, space.mair);
	LOAD_REGISTER(tcr_el1, space.tcr);
	LOAD_REGISTER(ttbr0_el1, space.ttbr0);
	LOAD_REGISTER(ttbr1_el1, space.ttbr1);
	/* RES1 bits, SPAN; M, C, I with stage 1 */
	LOAD_REGISTER(sctlr_el1, (space.sctlr | SCTLR_RES1 | (space.s1_on ? SCTLR_M | SCTLR_C | SCTLR_I : 0)) & ~space.sctlr_off);
	if (features.fgt)
		LOAD_REGISTER(s3_4_c1_c1_6, space.hfgitr); /* HFGITR_EL2 */
	LOAD_REGISTER(hcr_el2, space.hcr | (space.unwatched ? 0 : watch_hcr()));
	ISB();
}

uint64_t *descriptor_s1(uint64_t va, unsigned level)
{
	return entry_of(&space.s1, va & BIT(55) ? space.high : space.low, va, level);
}

uint64_t *descriptor_s2(uint64_t ipa, unsigned level)
{
	return entry_of(&space.s2, space.ipa, ipa, level);
}

uint64_t *map_s1(uint64_t va, unsigned level, uint64_t ipa, uint64_t attributes)
{
	uint64_t *descriptor = descriptor_s1(va, level);

	set(descriptor, leaf(&space.s1, level, ipa, attributes));
	return descriptor;
}

uint64_t *map_s2(uint64_t ipa, unsigned level, uint64_t pa, uint64_t attributes)
{
	uint64_t *descriptor = descriptor_s2(ipa, level);

	set(descriptor, leaf(&space.s2, level, pa, attributes));
	return descriptor;
}

/* ALLE1IS and ALLE2IS, each complete: cases do not see what others left. */
void forget(void)
{
	DSB(ish);
	__asm__ volatile("tlbi alle1is; tlbi alle2is" ::: "memory");
	DSB(ish);
	ISB();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: a value of its own in each register of the GIC (Arm IHI 0069, 12) that a machine is saved with, in
 * the distributor, in the redistributor and the CPU interface of each PE; and interrupts that are signalled and not taken.
 */
#include "live.h"

#define GICD 0x08000000ull /* QEMU's board virt */
#define GITS 0x08080000ull
#define GICR(pe) (0x080a0000ull + (pe) * 0x20000ull)
#define SGI_FRAME 0x10000
#define LPIS BIT(0) /* GICR_TYPER.PLPIS */
#define NMI BIT(9) /* GICD_TYPER.NMI */

static uint32_t read32(uint64_t at)
{
	return *(volatile uint32_t *)at;
}

static void write32(uint64_t at, uint64_t value)
{
	*(volatile uint32_t *)at = (uint32_t)value;
}

static uint64_t read64(uint64_t at)
{
	return *(volatile uint64_t *)at;
}

static void write64(uint64_t at, uint64_t value)
{
	*(volatile uint64_t *)at = value;
}

uint32_t gic_pending(uint64_t pe)
{
	return features.gic ? read32(GICR(pe) + SGI_FRAME + 0x200) : ~0u;
}

/* GICR_ICFGR1: what follows its line may not be edge-triggered, or it stays pending from one round to the next. */
#define EDGE(ppi) (3ull << 2 * ((ppi) - 16))
#define EDGES_OF_PPIS (EDGE(PPI_HYP) | EDGE(PPI_VIRTUAL) | EDGE(PPI_HYP_VIRTUAL) | EDGE(PPI_PHYSICAL) | EDGE(PPI_PMU))

/* ---- what is in memory ---- */
/* Arrays of the distributor, with `each` words for 32 interrupts; a word has the value of mix(). */
static const struct array {
	const char *name;
	unsigned offset, each;
	bool nmi;
} arrays[] = {
	{ "GICD_IGROUPR", 0x080, 1, false },	{ "GICD_ISENABLER", 0x100, 1, false },
	{ "GICD_ISPENDR", 0x200, 1, false },	{ "GICD_ISACTIVER", 0x300, 1, false },
	{ "GICD_IPRIORITYR", 0x400, 8, false }, { "GICD_ICFGR", 0xc00, 2, false },
	{ "GICD_INMIR", 0xf80, 1, true },
};
#define ENABLER 1
#define PENDR 2

static uint32_t mix(unsigned array, unsigned word)
{
	uint32_t value = (word + 1) * 0x9e3779b1u;

	if (array == PENDR) /* what is enabled is not pending */
		return ~mix(ENABLER, word) & 0x5a5a5a5a;
	return value ^ (array ? 0x0f0f1234u * array : 0);
}

static uint64_t of_pe(uint64_t pe, unsigned n)
{
	return (n + 1) * 0x2b3c5d07ull ^ pe * 0x11111111ull;
}

void gic_fill(void)
{
	unsigned words;

	if (!features.gic)
		return;
	write32(GICD, 0x13); /* ARE, both groups */
	words = (unsigned)BITS(read32(GICD + 4), 4, 0) + 1; /* GICD_TYPER.ITLinesNumber */
	for (unsigned a = 0; a < LENGTH(arrays); a++)
		for (unsigned w = arrays[a].each;
		     w < words * arrays[a].each && (!arrays[a].nmi || read32(GICD + 4) & NMI); w++)
			write32(GICD + arrays[a].offset + 4 * w, mix(a, w));
	for (unsigned n = 32; n < words * 32 && n < 1020; n++)
		write64(GICD + 0x6000 + 8 * n, n % 7 ? n % PES : BIT(31));
	for (uint64_t pe = 0; pe < PES; pe++) {
		uint64_t sgi = GICR(pe) + SGI_FRAME;

		write32(GICR(pe) + 0x14, 0); /* GICR_WAKER */
		write32(sgi + 0x80, (of_pe(pe, 0) | BIT(SGI_IRQ) | PPIS_OF_TIMERS) & ~BIT(SGI_FIQ)); /* GICR_IGROUPR0 */
		write32(sgi + 0x180, ~0u);
		write32(sgi + 0x100,
			BIT(SGI_IRQ) | BIT(SGI_FIQ) | (of_pe(pe, 1) & 0xf) | (pe == SLEEPER ? PPIS_OF_TIMERS : 0));
		write32(sgi + 0x200, (pe + 1) << 4); /* GICR_ISPENDR0: not enabled */
		write32(sgi + 0x300, (pe + 3) << 10);
		for (unsigned w = 0; w < 8; w++)
			write32(sgi + 0x400 + 4 * w, w == SGI_IRQ / 4 ? 0xa0a0a0a0
						     : w > 4	      ? 0x80808080 + pe * 0x08000808
								      : of_pe(pe, w + 2));
		write32(sgi + 0xc04, of_pe(pe, 11) & ~EDGES_OF_PPIS);
		if (read32(GICD + 4) & NMI)
			write32(sgi + 0xf80, of_pe(pe, 12) & ~(BIT(SGI_IRQ) | BIT(SGI_FIQ) | PPIS_OF_TIMERS));
		if (read64(GICR(pe) + 8) & LPIS) {
			write64(GICR(pe) + 0x70, 0x4a5000000ull + (pe << 12) + 0xd);
			write64(GICR(pe) + 0x78, 0x4b5000000ull + (pe << 16));
		}
	}
	if (read64(GICR(0) + 8) & LPIS) {
		write64(GITS + 0x80, 0x45a123000ull); /* GITS_CBASER, not valid */
		for (unsigned n = 0; n < 8; n++)
			write64(GITS + 0x100 + 8 * n, 0x46b000000ull + n * 0x10000); /* GITS_BASER<n> */
	}
	__asm__ volatile("dsb sy" ::: "memory");
}

#define RULE "IHI 0069, 12"
#define MEMORY 900
static uint64_t memory[MEMORY];
static unsigned place;

static void compare(bool first, const char *name, int64_t number, uint64_t pe, uint64_t value)
{
	unsigned at = place < MEMORY ? place++ : MEMORY - 1;

	if (first)
		memory[at] = value;
	else
		expect(pe, memory[at], value, "value", RULE, name, number);
	memory[at] = value;
}

static void look_memory(bool first)
{
	unsigned words = (unsigned)BITS(read32(GICD + 4), 4, 0) + 1;

	place = 0;
	compare(first, "GICD_CTLR", -1, DIRECTOR, read32(GICD));
	for (unsigned a = 0; a < LENGTH(arrays); a++)
		for (unsigned w = arrays[a].each;
		     w < words * arrays[a].each && (!arrays[a].nmi || read32(GICD + 4) & NMI); w++)
			compare(first, arrays[a].name, w, DIRECTOR, read32(GICD + arrays[a].offset + 4 * w));
	for (unsigned n = 32; n < words * 32 && n < 1020; n++)
		compare(first, "GICD_IROUTER", n, DIRECTOR, read64(GICD + 0x6000 + 8 * n));
	for (uint64_t pe = 0; pe < PES; pe++) {
		uint64_t sgi = GICR(pe) + SGI_FRAME;

		compare(first, "GICR_CTLR", -1, pe, read32(GICR(pe)));
		compare(first, "GICR_WAKER", -1, pe, read32(GICR(pe) + 0x14));
		compare(first, "GICR_IGROUPR0", -1, pe, read32(sgi + 0x80));
		compare(first, "GICR_ISENABLER0", -1, pe, read32(sgi + 0x100));
		compare(first, "GICR_ISPENDR0, SGIs", -1, pe, read32(sgi + 0x200) & 0xff);
		compare(first, "GICR_ISACTIVER0", -1, pe, read32(sgi + 0x300));
		for (unsigned w = 0; w < 8; w++)
			compare(first, "GICR_IPRIORITYR", w, pe, read32(sgi + 0x400 + 4 * w));
		compare(first, "GICR_ICFGR1", -1, pe, read32(sgi + 0xc04));
		if (read32(GICD + 4) & NMI)
			compare(first, "GICR_INMIR0", -1, pe, read32(sgi + 0xf80));
		if (read64(GICR(pe) + 8) & LPIS) {
			compare(first, "GICR_PROPBASER", -1, pe, read64(GICR(pe) + 0x70));
			compare(first, "GICR_PENDBASER", -1, pe, read64(GICR(pe) + 0x78));
		}
	}
	if (read64(GICR(0) + 8) & LPIS) {
		compare(first, "GITS_CTLR", -1, DIRECTOR, read32(GITS));
		compare(first, "GITS_CBASER", -1, DIRECTOR, read64(GITS + 0x80));
		for (unsigned n = 0; n < 8; n++)
			compare(first, "GITS_BASER", n, DIRECTOR, read64(GITS + 0x100 + 8 * n));
	}
}

/* ---- CPU interfaces ---- */
/*
 * Of each PE, with its number in it. Active are only priorities below 0xa0, of what is signalled, and of virtual ones below 0x90, so
 * that all of it preempts.
 */
#define INTERFACE(X)                                                                                          \
	X("ICC_PMR_EL1", s3_0_c4_c6_0, 0xf0 - 8 * pe)                                                         \
	X("ICC_BPR0_EL1", s3_0_c12_c8_3, 2 + pe % 2)                                                          \
	X("ICC_BPR1_EL1", s3_0_c12_c12_3, 3 + pe % 2)                                                         \
	X("ICC_CTLR_EL1", s3_0_c12_c12_4, (pe & 1) << 1)                                                      \
	X("ICC_AP0R0_EL1", s3_0_c12_c8_4, BIT(28 + pe))                                                       \
	X("ICC_AP1R0_EL1", s3_0_c12_c9_0, BIT(24 + pe))                                                       \
	X("ICC_IGRPEN0_EL1", s3_0_c12_c12_6, 1)                                                               \
	X("ICC_IGRPEN1_EL1", s3_0_c12_c12_7, 1)                                                               \
	X("ICH_VMCR_EL2", s3_4_c12_c11_7, 0xf8000003ull | (pe & 1) << 21 | 2 << 21 | 3 << 18 | (pe & 1) << 9) \
	X("ICH_AP0R0_EL2", s3_4_c12_c8_0, BIT(26 + pe))                                                       \
	X("ICH_AP1R0_EL2", s3_4_c12_c9_0, BIT(22 + pe))                                                       \
	X("ICH_LR0_EL2", s3_4_c12_c12_0, pe == DIRECTOR ? 0x5090000000000055 : 0x9020000000000100 + pe)       \
	X("ICH_LR1_EL2", s3_4_c12_c12_1, pe == FAST ? 0x4090000000000066 : 0x8038000000000200 + pe)           \
	X("ICH_LR2_EL2", s3_4_c12_c12_2, 0xb0c0012300000300 + pe)                                             \
	X("ICH_LR3_EL2", s3_4_c12_c12_3, 0x10f0000000000047 + pe)                                             \
	X("ICH_HCR_EL2", s3_4_c12_c11_0, 1 | (pe + 1) * BIT(27))

void gic_prepare(uint64_t pe)
{
	if (!features.gic)
		return;
	MSR(s3_4_c12_c9_5, 0xf); /* ICC_SRE_EL2 */
	ISB();
	MSR(s3_0_c12_c12_5, 7); /* ICC_SRE_EL1 */
	ISB();
#define X(name, encoding, value) MSR(encoding, value);
	INTERFACE(X)
#undef X
	ISB();
}

static uint64_t interface[PES][32];

void gic_look(uint64_t pe, bool first)
{
	unsigned at = 0;

	if (!features.gic)
		return;
#define X(name, encoding, value)                                                       \
	if (first)                                                                     \
		interface[pe][at] = MRS(encoding);                                     \
	else                                                                           \
		expect(pe, interface[pe][at], MRS(encoding), "value", RULE, name, -1); \
	at++;
	INTERFACE(X)
#undef X
	if (pe == DIRECTOR)
		look_memory(first);
}

/* ---- interrupts that are signalled ---- */
void gic_signal(uint64_t pe)
{
	if (features.gic && (pe == DIRECTOR || pe == FAST))
		write32(GICR(pe) + SGI_FRAME + 0x200, pe == FAST ? BIT(SGI_FIQ) : BIT(SGI_IRQ));
	__asm__ volatile("dsb sy; isb" ::: "memory");
}

#define ISR_A BIT(8)
#define ISR_I BIT(7)
#define ISR_F BIT(6)
#define MASK_A 4
#define MASK_I 2
#define MASK_F 1

/* Where an exception to EL1 went on; below_vectors has an HVC at each. */
static uint64_t vector(const struct pe *pe)
{
	extern const uint8_t below_vectors[];

	return pe->esr >> 32 ? pe->esr : (pe->elr - 4 - (uint64_t)below_vectors) & 0xfff;
}

static void virtual(struct pe *pe, uint64_t mask, uint64_t offset, const char *name)
{
	below(pe, live_nop, 15 & ~mask, 0);
	expect(pe->index, offset, vector(pe), "offset of EL1's vector", "D1.3", name, -1);
}

bool gic_watch(uint64_t pe)
{
	bool fast = pe == FAST;
	uint64_t isr = fast ? ISR_F : ISR_I, number = fast ? SGI_FIQ : SGI_IRQ, seen, highest;

	if (!features.gic || (!fast && pe != DIRECTOR))
		return true;
	seen = MRS(isr_el1) & (ISR_I | ISR_F);
	highest = fast ? MRS(s3_0_c12_c8_2) : MRS(s3_0_c12_c12_2);
	expect(pe, isr, seen, "ISR_EL1", "D24.2, ISR_EL1", "an interrupt that is not taken", -1);
	expect(pe, number, highest, "ICC_HPPIR<n>_EL1", RULE, "an interrupt that is not taken", -1);
	return seen == isr && highest == number;
}

/* First the physical one, which PSTATE below EL2 does not mask, then the virtual ones. */
void gic_taken(struct pe *pe)
{
	bool fast = pe->index == FAST;
	uint64_t isr = fast ? ISR_F : ISR_I;

	if (!features.gic || (!fast && pe->index != DIRECTOR))
		return;
	gic_watch(pe->index);
	expect(pe->index, fast ? TOOK_FIQ : TOOK_IRQ, below(pe, live_nop, 15, 0), "exception to EL2", "D1.3",
	       "an interrupt that is not taken", -1);
	write32(GICR(pe->index) + SGI_FRAME + 0x280, fast ? BIT(SGI_FIQ) : BIT(SGI_IRQ)); /* GICR_ICPENDR0 */
	__asm__ volatile("dsb sy; isb" ::: "memory");
	below(pe, live_isr, 15, 0);
	expect(pe->index, isr | (fast ? ISR_A : 0), pe->x[0] & (ISR_A | ISR_I | ISR_F), "ISR_EL1 at EL1",
	       "D24.2, ISR_EL1", "virtual interrupts that are not taken", -1);
	if (fast) {
		virtual(pe, MASK_F, 0x300, "a virtual FIQ of a list register");
		virtual(pe, MASK_A, 0x380, "a virtual SError of HCR_EL2.VSE");
	} else {
		virtual(pe, MASK_I, 0x280, "a virtual IRQ of a list register");
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: where physical interrupts, external aborts and debug exceptions go (DDI 0487 M.a.a, D1.3.6,
 * D2, HCR_EL2.{IMO,FMO,TEA,TGE}, MDCR_EL2.TDE), by the Exception level that they come from, its masks, and the controls. Of its
 * own GIC the program makes one SGI pending; what comes to EL2 is taken where the watch takes its timer (watch.c).
 */
#include "regimes.h"

#define NOP 0xd503201fu
#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define NOWHERE 0x60000000ull /* no memory on QEMU's board virt: RAM ends before */
#define GICD 0x08000000ull
#define SGI 3u
#define FRAME (BOARD_GICR + 0x10000)
#define REGISTER(offset) (*(volatile uint32_t *)(FRAME + (offset)))
#define GICR_IGROUPR0 0x80
#define GICR_ISENABLER0 0x100
#define GICR_ICENABLER0 0x180
#define GICR_ISPENDR0 0x200
#define GICR_ICPENDR0 0x280


enum route { NOT_TAKEN, AT_EL1, AT_EL2 };

/* As the watch does, where there is one. */
static void open_interrupts(void)
{
	*(volatile uint32_t *)GICD = 1u << 4 | 1u << 1 | 1u; /* ARE, both groups as far as they are there */
	*(volatile uint32_t *)(BOARD_GICR + 0x14) = 0; /* GICR_WAKER */
	MSR(s3_4_c12_c9_5, 0xf); /* ICC_SRE_EL2 */
	ISB();
	MSR(s3_0_c4_c6_0, 0xff); /* ICC_PMR_EL1 */
	MSR(s3_0_c12_c12_7, 1); /* ICC_IGRPEN1_EL1 */
	ISB();
}

static void pend(bool irq)
{
	uint32_t groups = REGISTER(GICR_IGROUPR0);

	REGISTER(GICR_IGROUPR0) = irq ? groups | 1u << SGI : groups & ~(1u << SGI);
	REGISTER(GICR_ISENABLER0) = 1u << SGI;
	REGISTER(GICR_ISPENDR0) = 1u << SGI;
	DSB(sy);
}

static void unpend(void)
{
	REGISTER(GICR_ICPENDR0) = 1u << SGI;
	REGISTER(GICR_ICENABLER0) = 1u << SGI;
	DSB(sy);
}

/* At EL1's vector, as the call from there tells; ~0 when EL1 was not entered. */
static uint64_t vector(void)
{
	return below_is_el1(&pes[0]) ? pes[0].elr - 4 - (uint64_t)below_vectors : ~0ull;
}

static void interrupt(bool irq, bool routed, bool tge, bool el0, bool masked)
{
	uint64_t bit = PLACE(SPSR_DAIF, irq ? 2 : 1), sync = el0 ? 0x400 : 0x200, pc = 0;
	enum route wanted = routed || tge ? AT_EL2 : masked ? NOT_TAKEN : AT_EL1, seen;

	space_new(12, 1, 1, true, true, false);
	space.unwatched = true;
	space.hcr |= (routed ? (irq ? HCR_IMO : HCR_FMO) : 0) | (tge ? HCR_TGE : 0);
	*(volatile uint32_t *)victim_buffer = NOP;
	SYNC_CODE(victim_buffer);
	MSR(s3_0_c12_c12_6, 1); /* ICC_IGRPEN0_EL1: group 0 are FIQs */
	pend(irq);
	below_with((el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED) & ~(masked ? 0 : bit), victim_buffer, 0, 0);
	unpend();
	MSR(s3_0_c12_c12_6, 0);
	seen = watch_took(0, &pc) ? AT_EL2 : vector() == sync + (irq ? 0x80 : 0x100) ? AT_EL1 : NOT_TAKEN;
	expect(wanted, seen, "where it is taken", "D1.3.6", "%s, routed to EL2 %d, TGE %d, at EL%d, masked %d",
	       irq ? "IRQ" : "FIQ", (uint64_t)routed, (uint64_t)tge, (uint64_t)!el0, (uint64_t)masked);
	if (wanted == AT_EL2)
		expect((uint64_t)victim_buffer, pc, "ELR_EL2", "D1.3, preferred return",
		       "%s, routed to EL2 %d, TGE %d, at EL%d, masked %d", irq ? "IRQ" : "FIQ", (uint64_t)routed,
		       (uint64_t)tge, (uint64_t)!el0, (uint64_t)masked);
	space.unwatched = false;
}

static void interrupts(void)
{
	for (unsigned n = 0; n < 32; n++) {
		bool tge = n & 4, el0 = n & 8;

		if (!tge || el0) /* EL1 is not there with TGE */
			interrupt(n & 1, n & 2, tge, el0, n & 16);
	}
}

/* EL0 of EL2&0, {E2H,TGE} = {1,1}: to EL2, and then PSTATE masks it. */
static void interrupt_of_host(bool irq, bool masked)
{
	uint64_t bit = PLACE(SPSR_DAIF, irq ? 2 : 1), pc = 0;
	struct pe *pe = &pes[0];
	bool taken;

	own_new(true, 12);
	*(volatile uint32_t *)victim_buffer = NOP;
	SYNC_CODE(victim_buffer);
	MSR(s3_0_c12_c12_6, 1); /* ICC_IGRPEN0_EL1 */
	pend(irq);
	own_on();
	pe->elr = (uint64_t)victim_buffer;
	pe->spsr = SPSR_MODE_EL0T_MASKED & ~(masked ? 0 : bit);
	watched_enter(0);
	own_off();
	unpend();
	MSR(s3_0_c12_c12_6, 0);
	taken = watch_took(0, &pc);
	expect(masked ? NOT_TAKEN : AT_EL2, taken ? AT_EL2 : NOT_TAKEN, "where it is taken", "D1.3.6",
	       "%s at EL0 of EL2&0, masked %d", irq ? "IRQ" : "FIQ", (uint64_t)masked);
	if (!masked)
		expect((uint64_t)victim_buffer, pc, "ELR_EL2", "D1.3, preferred return", "%s at EL0 of EL2&0",
		       irq ? "IRQ" : "FIQ");
}

/* An external abort on an access, or on the walk's table of level 3. */
static void external(bool tea, bool walk, bool write, bool el0)
{
	struct answer a;

	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
	if (walk)
		*descriptor_s1(TARGET, 2) = table_descriptor(TARGET_IPA);
	map_s2(TARGET_IPA, 3, NOWHERE, PTE_AF | S2_RW);
	space.hcr |= tea ? HCR_TEA : 0;
	forget();
	a = touch(0, el0, write, TARGET + 0x18);
	CHECK_ESR(a, tea ? TO_EL2 : TO_EL1, ESR_EC | 0x3f,
		  abort_class(READ, !tea && !el0) | PLACE(ESR_FSC, walk ? 0x14 | 3 : 0x10), "HCR_EL2.TEA",
		  "an external abort on %s, %s at EL%d, TEA %d", walk ? "a walk of stage 1" : "an access",
		  access_names[write], (uint64_t)!el0, (uint64_t)tea);
	expect(TARGET + 0x18, a.far, tea ? "FAR_EL2" : "FAR_EL1", "FAR_ELx",
	       "an external abort on %s, %s at EL%d, TEA %d", walk ? "a walk of stage 1" : "an access",
	       access_names[write], (uint64_t)!el0, (uint64_t)tea);
}

/* ---- debug exceptions of EL0: to EL1, with MDCR_EL2.TDE or HCR_EL2.TGE to EL2 ---- */
#define CR_ENABLED_AT_EL0 (BIT(0) | 2ull << 1) /* E, PMC or PAC */
#define WCR_LOADS_AND_STORES (3ull << 3 | 0xffull << 5) /* LSC, all of BAS */
#define BCR_WORD (15ull << 5) /* BAS */
enum kind { BREAKPOINT, STEP, WATCHPOINT, KINDS };

static void debug(enum kind kind, bool tde, bool tge, bool write)
{
	static const char *const names[] = { "a breakpoint", "a step", "a watchpoint" };
	static const uint64_t classes[] = { ESR_EC_BREAKPOINT, ESR_EC_STEP, ESR_EC_WATCHPOINT };
	uint64_t mdcr = MRS(mdcr_el2), mdscr = MRS(mdscr_el1),
		 spsr = SPSR_MODE_EL0T_MASKED | (kind == STEP ? SPSR_SS : 0);
	enum came to = tde || tge ? TO_EL2 : TO_EL1;
	uint64_t from, far = 0x2222220040ull; /* as IPA and VA, with TGE too */
	struct answer a;

	space_new(12, 1, 1, true, true, false);
	map_s1(far & ~0xfffull, 3, far & ~0xfffull, PTE_AF | PTE_S1_EL0);
	map_s2(far & ~0xfffull, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
	from = kind == WATCHPOINT ? (write ? (uint64_t)victim_write : (uint64_t)victim_read) : (uint64_t)victim_buffer;
	*(volatile uint32_t *)victim_buffer = NOP;
	SYNC_CODE(victim_buffer);
	MSR(oslar_el1, 0);
	MSR(dbgbvr0_el1, (uint64_t)victim_buffer);
	MSR(dbgwvr0_el1, far);
	MSR(dbgbcr0_el1, kind == BREAKPOINT ? CR_ENABLED_AT_EL0 | BCR_WORD : 0);
	MSR(dbgwcr0_el1, kind == WATCHPOINT ? CR_ENABLED_AT_EL0 | WCR_LOADS_AND_STORES : 0);
	MSR(mdcr_el2, mdcr | (tde ? MDCR_TDE : 0));
	MSR(mdscr_el1, kind == STEP ? MDSCR_SS : MDSCR_MDE);
	space.hcr |= tge ? HCR_TGE : 0;
	ISB();
	a = below_with(spsr, (const void *)from, A_VALUE, far);
	MSR(mdscr_el1, mdscr);
	MSR(dbgbcr0_el1, 0);
	MSR(dbgwcr0_el1, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
	CHECK_ESR(a, to, ESR_EC | ESR_IL | ESR_FSC | ESR_WNR | (kind == STEP ? ESR_ISV : 0),
		  PLACE(ESR_EC, classes[kind]) | ESR_IL | ESR_FSC_DEBUG | (write ? ESR_WNR : 0) |
			  (kind == STEP ? ESR_ISV : 0),
		  "D2.8, MDCR_EL2.TDE", "%s at EL0, TDE %d, TGE %d, %s", names[kind], (uint64_t)tde, (uint64_t)tge,
		  access_names[write]);
	expect(from + (kind == STEP ? 4 : 0), a.elr, to == TO_EL2 ? "ELR_EL2" : "ELR_EL1", "D1.3, preferred return",
	       "%s at EL0, TDE %d, TGE %d, %s", names[kind], (uint64_t)tde, (uint64_t)tge, access_names[write]);
	if (kind == WATCHPOINT)
		expect(far, a.far, to == TO_EL2 ? "FAR_EL2" : "FAR_EL1", "FAR_ELx", "%s at EL0, TDE %d, TGE %d, %s",
		       names[kind], (uint64_t)tde, (uint64_t)tge, access_names[write]);
}

static void debugs(void)
{
	for (enum kind kind = BREAKPOINT; kind < KINDS; kind++)
		for (unsigned n = 0; n < (kind == WATCHPOINT ? 8u : 4u); n++)
			debug(kind, n & 1, n & 2, n & 4);
}

void check_routes(void)
{
	if (!BOARD_GICR || !features.gic) {
		skip("routes", "no interrupt controller that the program knows");
		return;
	}
	group("routes");
	open_interrupts();
	interrupts();
	for (unsigned n = 0; features.vhe && features.granule[0] && n < 4; n++)
		interrupt_of_host(n & 1, n & 2);
	if (features.granule[0])
		debugs();
	for (unsigned n = 0; features.ras && features.granule[0] && n < 16; n++)
		external(n & 1, n & 2, n & 4, n & 8);
	group_end();
}

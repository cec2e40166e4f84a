// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the counter and the timers as EL1 and EL0 see them (DDI 0487 M.a.a, D12): CNTVOFF_EL2 and CNTPOFF_EL2,
 * conditions by offset, CVAL and TVAL, what IMASK hides, the interrupt of each, and EL1's own traps.
 */
#include "model.h"

#define READ(op1, crn, crm, op2) ACCESS(3, op1, crn, crm, op2, 1)
#define WRITE(op1, crn, crm, op2) ACCESS(3, op1, crn, crm, op2, 0)
#define GICR_PENDING(frame) (*(volatile uint32_t *)((frame) + 0x10200))
#define ENABLE 1ull
#define IMASK 2ull
#define ISTATUS 4ull
#define SOON 100000ull

static uint64_t now(void)
{
	ISB();
	return MRS(cntpct_el0);
}

static bool within(uint64_t low, uint64_t value, uint64_t high)
{
	return value - low <= high - low;
}

static void offsets(void)
{
	static const uint64_t all[] = { 0, 1, 0x123456789abcdefull, ~0ull << 20 };
	static const char *const names[] = { "CNTPCT_EL0", "CNTVCT_EL0", "CNTPCTSS_EL0", "CNTVCTSS_EL0" };
	uint64_t cnthctl = MRS(cnthctl_el2), cntkctl = MRS(cntkctl_el1);

	MSR(cnthctl_el2, cnthctl | CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
	MSR(cntkctl_el1, 0x303);
	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned which = 0; which < (features.ecv ? 4u : 2u); which++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				static const unsigned op2[] = { 1, 2, 5, 6 };
				uint64_t offset = which & 1 ? all[i] : 0, before, after;
				struct answer a;

				MSR(cntvoff_el2, all[i]);
				before = now();
				a = below_instruction(0, el0, READ(3u, 14, 0, op2[which]), 0);
				after = now();
				expect(DONE, a.came, "exception taken", "D12, counters", "MRS %s at EL%d", names[which], (uint64_t)!el0);
				expect(1, within(before - offset, a.x0, after - offset), "between two of EL2's counts", "CNTVOFF_EL2", "MRS %s at EL%d, CNTVOFF_EL2 %x",
				       names[which], (uint64_t)!el0, all[i]);
			}
	MSR(cntvoff_el2, 0);
	MSR(cnthctl_el2, cnthctl);
	MSR(cntkctl_el1, cntkctl);
}

/* CNTV_CTL_EL0 and CNTP_CTL_EL0 as EL1 reads them. */
static uint64_t control(unsigned crm)
{
	return below_instruction(0, false, READ(3u, 14, crm, 1), 0).x0;
}

static void write(unsigned crm, unsigned op2, uint64_t value)
{
	below_instruction(0, false, WRITE(3u, 14, crm, op2), value);
}

static void conditions(bool virtual, uint64_t offset)
{
	const char *name = virtual ? "CNTV" : "CNTP";
	unsigned crm = virtual ? 3 : 2, ppi = virtual ? 27 : 30;
	uint64_t count, low, high, cval;

	MSR(cntvoff_el2, offset);
	count = now() - (virtual ? offset : 0);
	write(crm, 2, count + 10 * SOON * SOON);
	write(crm, 1, ENABLE);
	expect(ENABLE, control(crm), "control register", "D12, timers", "%s, CVAL in the future, CNTVOFF_EL2 %x", name, offset);
	if (BOARD_GICR && features.gic)
		expect(0, BITS(GICR_PENDING(BOARD_GICR), ppi, ppi), "pending at the GIC", "D12, timers", "%s, CVAL in the future, CNTVOFF_EL2 %x", name, offset);
	write(crm, 2, count - 1);
	expect(ENABLE | ISTATUS, control(crm), "control register", "D12, timers", "%s, CVAL in the past, CNTVOFF_EL2 %x", name, offset);
	if (BOARD_GICR && features.gic)
		expect(1, BITS(GICR_PENDING(BOARD_GICR), ppi, ppi), "pending at the GIC", "D12, timers", "%s, CVAL in the past, CNTVOFF_EL2 %x", name, offset);
	write(crm, 1, ENABLE | IMASK);
	expect(ENABLE | IMASK | ISTATUS, control(crm), "control register", "D12, timers", "%s, masked, CNTVOFF_EL2 %x", name, offset);
	if (BOARD_GICR && features.gic)
		expect(0, BITS(GICR_PENDING(BOARD_GICR), ppi, ppi), "pending at the GIC", "D12, timers", "%s, masked, CNTVOFF_EL2 %x", name, offset);
	low = now() - (virtual ? offset : 0);
	write(crm, 0, (uint64_t)-5000 & 0xffffffff); /* TVAL: signed, 32 bits */
	high = now() - (virtual ? offset : 0);
	cval = below_instruction(0, false, READ(3u, 14, crm, 2), 0).x0;
	expect(1, within(low - 5000, cval, high - 5000), "CVAL is TVAL from now on", "D12, timers", "%s, TVAL -5000, CNTVOFF_EL2 %x", name, offset);
	low = now() - (virtual ? offset : 0);
	write(crm, 0, 0x7fffffff);
	high = now() - (virtual ? offset : 0);
	cval = below_instruction(0, false, READ(3u, 14, crm, 2), 0).x0;
	expect(1, within(low + 0x7fffffff, cval, high + 0x7fffffff), "CVAL is TVAL from now on", "D12, timers", "%s, TVAL 0x7fffffff, CNTVOFF_EL2 %x", name, offset);
	low = now() - (virtual ? offset : 0);
	count = below_instruction(0, false, READ(3u, 14, crm, 0), 0).x0;
	high = now() - (virtual ? offset : 0);
	expect(1, within((cval - high) & 0xffffffff, count, (cval - low) & 0xffffffff), "TVAL is CVAL from now on", "D12, timers", "MRS %s_TVAL_EL0, CNTVOFF_EL2 %x",
	       name, offset);
	write(crm, 1, 0);
	MSR(cntvoff_el2, 0);
}

/* The condition comes while nobody looks, where the count is negative, too. */
static void comes(bool virtual, uint64_t offset)
{
	unsigned crm = virtual ? 3 : 2, ppi = virtual ? 27 : 30;
	uint64_t at = now() + MRS(cntfrq_el0) / 100000;

	MSR(cntvoff_el2, offset);
	write(crm, 2, at - (virtual ? offset : 0));
	write(crm, 1, ENABLE);
	while (now() - at > BIT(63) || now() - at < MRS(cntfrq_el0) / 100000)
		YIELD();
	if (BOARD_GICR && features.gic)
		expect(1, BITS(GICR_PENDING(BOARD_GICR), ppi, ppi), "pending at the GIC", "D12, timers",
		       "%s after ten microseconds, CNTVOFF_EL2 %x", virtual ? "CNTV" : "CNTP", offset);
	expect(ENABLE | ISTATUS, control(crm), "control register", "D12, timers",
	       "%s after ten microseconds, CNTVOFF_EL2 %x", virtual ? "CNTV" : "CNTP", offset);
	write(crm, 1, 0);
	MSR(cntvoff_el2, 0);
}

/* EL2 itself, E2H 0: CNTVOFF_EL2 counts for CNTVCT_EL0 here, too. */
static void own(void)
{
	uint64_t before, seen, after;

	MSR(cntvoff_el2, 0x5a5a5a5a5a);
	before = now();
	seen = MRS(cntvct_el0);
	after = now();
	expect(1, within(before - 0x5a5a5a5a5a, seen, after - 0x5a5a5a5a5a), "between two of EL2's counts", "CNTVOFF_EL2", "MRS CNTVCT_EL0 at EL2, E2H 0");
	if (features.vhe) {
		MSR(hcr_el2, HCR_RW | HCR_E2H | HCR_TGE);
		ISB();
		before = now();
		seen = MRS(cntvct_el0);
		after = now();
		MSR(hcr_el2, HCR_RW);
		ISB();
		expect(1, within(before, seen, after), "between two of EL2's counts", "CNTVOFF_EL2", "MRS CNTVCT_EL0 at EL2, E2H 1");
		MSR(s3_4_c14_c3_2, before); /* CNTHV_CVAL_EL2 */
		MSR(s3_4_c14_c3_1, ENABLE);
		ISB();
		expect(ENABLE | ISTATUS, MRS(s3_4_c14_c3_1), "CNTHV_CTL_EL2", "D12, timers", "CNTHV, CVAL in the past");
		if (BOARD_GICR && features.gic)
			expect(1, BITS(GICR_PENDING(BOARD_GICR), 28, 28), "pending at the GIC", "D12, timers", "CNTHV, CVAL in the past");
		MSR(s3_4_c14_c3_1, 0);
	}
	MSR(cntvoff_el2, 0);
}

/* CNTKCTL_EL1 and CNTHCTL_EL2 for EL0, and CNTHCTL_EL2 for what EL1 writes. */
static void traps(void)
{
	static const struct {
		const char *name;
		unsigned crm, op2;
		uint64_t allows; /* bit of CNTKCTL_EL1 */
		bool physical;
	} all[] = { { "CNTPCT_EL0", 0, 1, 1, true },	 { "CNTVCT_EL0", 0, 2, 2, false },  { "CNTV_CTL_EL0", 3, 1, BIT(8), false },
		    { "CNTV_CVAL_EL0", 3, 2, BIT(8), false }, { "CNTV_TVAL_EL0", 3, 0, BIT(8), false }, { "CNTP_CTL_EL0", 2, 1, BIT(9), true },
		    { "CNTP_CVAL_EL0", 2, 2, BIT(9), true },  { "CNTP_TVAL_EL0", 2, 0, BIT(9), true } };
	uint64_t cnthctl = MRS(cnthctl_el2), cntkctl = MRS(cntkctl_el1);

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned may1 = 0; may1 < 2; may1++)
			for (unsigned may2 = 0; may2 < 2; may2++) {
				enum came wanted = !may1 ? TO_EL1 : !may2 && all[i].physical ? TO_EL2 : DONE;
				uint64_t mine = all[i].crm == 0 ? CNTHCTL_EL1PCTEN : CNTHCTL_EL1PCEN;

				MSR(cntkctl_el1, may1 ? all[i].allows : 0x303 & ~all[i].allows & ~(all[i].crm ? 0 : 3ull));
				MSR(cnthctl_el2, may2 ? mine : (CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN) & ~mine);
				ISB();
				expect(wanted, below_instruction(0, true, READ(3u, 14, all[i].crm, all[i].op2), 0).came, "where it goes", "CNTKCTL_EL1, CNTHCTL_EL2",
				       "MRS %s at EL0, allowed by EL1 %d, by EL2 %d", all[i].name, (uint64_t)may1, (uint64_t)may2);
				if (all[i].crm)
					expect(all[i].physical && !may2 ? TO_EL2 : DONE, below_instruction(0, false, WRITE(3u, 14, all[i].crm, all[i].op2), 0).came,
					       "where it goes", "CNTHCTL_EL2", "MSR %s at EL1, allowed by EL2 %d", all[i].name, (uint64_t)may2);
			}
	MSR(cntkctl_el1, cntkctl);
	MSR(cnthctl_el2, cnthctl);
	ISB();
}

void check_timers(void)
{
	uint64_t cnthctl = MRS(cnthctl_el2);

	group("timers");
	space_new(12, 1, 1, true, true, false);
	space_load();
	offsets();
	MSR(cnthctl_el2, cnthctl | CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
	ISB();
	for (unsigned virtual = 0; virtual < 2; virtual++) {
		conditions(virtual, 0);
		conditions(virtual, -0x123456789aull); /* the virtual count is ahead */
		comes(virtual, 0);
		comes(virtual, -0x123456789aull);
		comes(virtual, 0x123456789aull);
	}
	MSR(cnthctl_el2, cnthctl);
	ISB();
	own();
	traps();
	group_end();
}

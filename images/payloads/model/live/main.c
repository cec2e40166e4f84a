// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, four PEs: a machine that is saved while everything is under way, and then has to go on as if
 * nothing had happened. Each round arms breakpoints, watchpoints, timers and an overflow of the cycle counter, has interrupts
 * that are signalled and not taken, physical and virtual, a PE that is off and one in WFIT; waits, so that the machine is saved
 * meanwhile; and then looks whether all of it comes about. The registers by themselves are the business of ../state.
 *
 *     wait                                          everything is armed; and at the end of the round
 *     fail|restored|CASE|WHAT|REQUIRED|SEEN|RULE    as the questions tell it, and behind the last one of a round
 *     bad                                           or
 *     01                                            when there is none
 */
#include "live.h"

#include "below.h"
#include "board.h"
#include "console.h"
#include "psci.h"

struct features features;
static uint64_t frequency;
static volatile uint64_t round_number, prepared[PES], done[PES], wakes;

/* ---- what is not as it must be ---- */
#define MOST 24
static struct {
	const char *what, *rule, *name;
	int64_t number;
	uint64_t required, seen;
} failures[PES][MOST];
static volatile unsigned failed[PES];

void expect(uint64_t pe, uint64_t required, uint64_t seen, const char *what, const char *rule, const char *name,
	    int64_t number)
{
	unsigned n = failed[pe];

	if (required == seen || n == MOST)
		return;
	failures[pe][n].what = what;
	failures[pe][n].rule = rule;
	failures[pe][n].name = name;
	failures[pe][n].number = number;
	failures[pe][n].required = required;
	failures[pe][n].seen = seen;
	failed[pe] = n + 1;
}

static bool tell(void)
{
	bool any = false;

	for (uint64_t pe = 0; pe < PES; pe++) {
		for (unsigned n = 0; n < failed[pe]; n++) {
			any = true;
			print("fail|restored|");
			print(failures[pe][n].name);
			if (failures[pe][n].number >= 0) {
				print_char(' ');
				print_number((uint64_t)failures[pe][n].number, 10);
			}
			print(", PE ");
			print_number(pe, 10);
			print_char('|');
			print(failures[pe][n].what);
			print_char('|');
			print_number(failures[pe][n].required, 16);
			print_char('|');
			print_number(failures[pe][n].seen, 16);
			print_char('|');
			print(failures[pe][n].rule);
			print_char('\n');
		}
		failed[pe] = 0;
	}
	return any;
}

/* ---- time ---- */
static uint64_t now(void)
{
	ISB();
	return MRS(cntpct_el0);
}

static bool await(volatile uint64_t *place, uint64_t value)
{
	uint64_t end = now() + frequency / 5;

	while (*place != value) {
		if (now() > end)
			return false;
		YIELD();
	}
	return true;
}

/* ---- below EL2 ---- */
uint64_t below(struct pe *pe, const void *at, uint64_t masks, uint64_t x1)
{
	pe->elr = (uint64_t)at;
	pe->spsr = 5 | PLACE(SPSR_DAIF, masks);
	pe->x[1] = x1;
	pe_enter(pe);
	return pe->esr;
}

/* ---- timers ---- */
static const struct timer {
	const char *name;
	unsigned ppi;
} timers[] = { { "CNTP", PPI_PHYSICAL }, { "CNTV", PPI_VIRTUAL }, { "CNTHP", PPI_HYP }, { "CNTHV", PPI_HYP_VIRTUAL } };

static void timers_set(uint64_t at, uint64_t control)
{
	MSR(cntp_cval_el0, at);
	MSR(cntv_cval_el0, at);
	MSR(cnthp_cval_el2, at);
	MSR(cntp_ctl_el0, control);
	MSR(cntv_ctl_el0, control);
	MSR(cnthp_ctl_el2, control);
	if (features.vhe) {
		MSR(s3_4_c14_c3_2, at); /* CNTHV_CVAL_EL2 */
		MSR(s3_4_c14_c3_1, control);
	}
	ISB();
}

static uint32_t await_pending(uint64_t pe, uint32_t wanted, uint64_t time)
{
	uint64_t end = now() + time;
	uint32_t seen;

	while (((seen = gic_pending(pe)) & wanted) != wanted && now() < end)
		YIELD();
	return seen;
}

/*
 * Each timer's interrupt is pending; some time after its condition, for a model that has its own thread for that. Those of EL2 have
 * the same value, and need no time of their own.
 */
static void timers_look(uint64_t pe)
{
	unsigned count = LENGTH(timers) - !features.vhe;
	uint32_t seen;

	await_pending(pe, 1u << PPI_PHYSICAL | 1u << PPI_VIRTUAL, frequency / 10);
	seen = await_pending(pe, 1u << PPI_HYP | (features.vhe ? 1u << PPI_HYP_VIRTUAL : 0), frequency / 500);
	for (unsigned n = 0; n < count; n++)
		expect(pe, 1, seen >> timers[n].ppi & 1, "its interrupt in GICR_ISPENDR0",
		       "D12, CompareValue view of a timer", timers[n].name, -1);
}

/* ---- debug ---- */
static uint64_t watched[16] __attribute__((aligned(64)));

#define NUMBERS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static void debug_arm(void)
{
	MSR(oslar_el1, 0);
	MSR(mdcr_el2, MRS(mdcr_el2) | MDCR_TDE);
	MSR(mdscr_el1, BIT(15)); /* MDE */
#define X(n)                                                                              \
	if (n < features.breakpoints) {                                                   \
		MSR(dbgbvr##n##_el1, (uint64_t)live_targets + n * TARGET_SIZE);           \
		MSR(dbgbcr##n##_el1, 0x1e7); /* BAS, EL1 and EL0, E */                    \
	}                                                                                 \
	if (n < features.watchpoints) {                                                   \
		MSR(dbgwvr##n##_el1, (uint64_t)&watched[n]);                              \
		MSR(dbgwcr##n##_el1, 0x1fff); /* BAS, loads and stores, EL1 and EL0, E */ \
	}
	NUMBERS(X)
#undef X
	ISB();
}

static void debug_look(struct pe *pe)
{
	for (unsigned n = 0; n < features.breakpoints; n++)
		expect(pe->index, PLACE(ESR_EC, ESR_EC_BREAKPOINT) | ESR_IL | ESR_FSC_DEBUG,
		       below(pe, live_targets + n * TARGET_SIZE, 15, 0), "ESR", "D2.8", "breakpoint", n);
	for (unsigned n = 0; n < features.watchpoints; n++) {
		expect(pe->index, PLACE(ESR_EC, ESR_EC_WATCHPOINT),
		       below(pe, live_load, 15, (uint64_t)&watched[n]) & ESR_EC, "ESR.EC", "D2.10", "watchpoint", n);
		expect(pe->index, (uint64_t)&watched[n], pe->far, "FAR_EL2", "D2.10", "watchpoint", n);
	}
}

/* ---- the cycle counter: it overflows while this waits ---- */
#define CYCLES BIT(31)
#define CYCLES_BEGIN -100000000ull

static void cycles_arm(void)
{
	MSR(pmintenset_el1, CYCLES);
	MSR(pmccfiltr_el0, BIT(27)); /* NSH: EL2's, too */
	MSR(pmcntenset_el0, CYCLES);
	MSR(pmccntr_el0, CYCLES_BEGIN);
	MSR(pmovsclr_el0, CYCLES);
	MSR(pmcr_el0, 0x41); /* LC, E */
	ISB();
}

/* The interrupt comes first: a look at the counter may make a model notice the overflow. */
static void cycles_look(uint64_t pe)
{
	uint32_t pending = await_pending(pe, 1u << PPI_PMU, frequency / 10);
	uint64_t after = MRS(pmccntr_el0);

	expect(pe, 1, after - CYCLES_BEGIN < BIT(63), "PMCCNTR_EL0 is not less than before", "D13, PMCCNTR_EL0",
	       "the cycle counter", -1);
	if (after > BIT(63))
		return; /* slow: it has not come to its overflow */
	expect(pe, CYCLES, MRS(pmovsclr_el0) & CYCLES, "PMOVSSET_EL0.C", "D13, PMOVSSET_EL0", "the cycle counter", -1);
	expect(pe, 1, pending >> PPI_PMU & 1, "its interrupt in GICR_ISPENDR0", "D13, PMINTENSET_EL1",
	       "an overflow of the cycle counter", -1);
}

static void cycles_stop(void)
{
	MSR(pmcr_el0, 0x40);
	MSR(pmovsclr_el0, CYCLES);
	ISB();
}

/* ---- a PE that is off ---- */
static void off_look(uint64_t wakes_before)
{
	expect(OFF, 1, (uint64_t)psci_affinity(OFF), "AFFINITY_INFO", "PSCI 1.1, AFFINITY_INFO", "a PE that is off", -1);
	expect(OFF, wakes_before, wakes, "times that it has run", "PSCI 1.1, CPU_OFF", "a PE that is off", -1);
	expect(OFF, 0, (uint64_t)psci_start(OFF), "CPU_ON", "PSCI 1.1, CPU_ON", "a PE that is off", -1);
	expect(OFF, 1, await(&wakes, wakes_before + 1), "it runs", "PSCI 1.1, CPU_ON", "a PE that was off", -1);
	for (uint64_t end = now() + frequency / 10; psci_affinity(OFF) != 1 && now() < end;)
		YIELD();
}

/* ---- a round ---- */
static void find_features(void)
{
	uint64_t dfr0 = MRS(id_aa64dfr0_el1), pfr0 = MRS(id_aa64pfr0_el1), pmu = BITS(dfr0, 11, 8);

	features.gic = BITS(pfr0, 27, 24);
	features.ras = BITS(pfr0, 31, 28);
	features.vhe = BITS(MRS(id_aa64mmfr1_el1), 11, 8);
	features.pmu = pmu && pmu != 15;
	features.wfxt = BITS(MRS(s3_0_c0_c6_2), 3, 0) == 2;
	features.breakpoints = (unsigned)BITS(dfr0, 15, 12) + 1;
	features.watchpoints = (unsigned)BITS(dfr0, 23, 20) + 1;
}

static void prepare(struct pe *pe)
{
	MSR(vbar_el2, live_vectors);
	below_prepare();
	MSR(sctlr_el1, SCTLR_RES1);
	MSR(cntvoff_el2, 0);
	MSR(tpidr_el2, pe);
	ISB();
	gic_prepare(pe->index);
}

static void wait_until(uint64_t time)
{
	register uint64_t x0 __asm__("x0") = time;

	__asm__ volatile(".inst 0xd5031020" ::"r"(x0) : "memory"); /* WFIT X0 */
}

/* The time ends the wait, long before the timers would; and then they do. */
static void sleep(uint64_t pe, uint64_t until)
{
	if (features.wfxt) {
		while (now() < until)
			wait_until(until);
		expect(pe, 1, now() - until < frequency / 4, "it ends at its time", "D1.6, LocalTimeoutEvent()", "WFIT",
		       -1);
		until = now() + frequency / 100;
		timers_set(until, 1);
	}
	while (now() < until)
		__asm__ volatile("wfi" ::: "memory");
}

static void turn(struct pe *pe, uint64_t wakes_before)
{
	uint64_t index = pe->index, until;
	bool signalled = true;
	bool counts = index == DIRECTOR && features.pmu;

	MSR(hcr_el2, HCR_RW | HCR_IMO | HCR_FMO | HCR_AMO | (index == FAST ? HCR_VSE : 0));
	gic_signal(index);
	if (index == DIRECTOR) {
		debug_arm();
		if (counts)
			cycles_arm();
	}
	until = now() + frequency / 8; /* long for whoever is to save it meanwhile, on a busy host, too */
	timers_set(index == SLEEPER && features.wfxt ? until + frequency / 2 : until, 1);
	prepared[index] = round_number;
	if (index == DIRECTOR) {
		for (uint64_t n = 0; n < PES; n++)
			if (n != OFF)
				await(&prepared[n], round_number);
		print("wait\n");
	}
	if (index == SLEEPER)
		sleep(index, until);
	while (now() < until) {
		signalled = signalled && gic_watch(index);
		for (unsigned n = 0; n < 10000; n++)
			__asm__ volatile("" ::: "memory");
	}
	if (counts)
		cycles_look(index);
	timers_look(index);
	timers_set(0, 0);
	if (counts)
		cycles_stop();
	gic_look(index, false);
	gic_taken(pe);
	if (index == DIRECTOR) {
		debug_look(pe);
		off_look(wakes_before);
	}
}

void pe_main(uint64_t index)
{
	struct pe *pe = &pes[index];

	if (index == OFF) {
		wakes++;
		psci_leave();
	}
	frequency = MRS(cntfrq_el0);
	if (!index) {
		find_features();
		gic_fill();
		for (uint64_t n = 1; n < PES; n++)
			psci_start(n);
	}
	if (index == DIRECTOR)
		await(&wakes, 1);
	prepare(pe);
	gic_look(index, true);
	for (;;) {
		uint64_t before = wakes;

		if (index != DIRECTOR) {
			while (done[index] == round_number)
				YIELD();
			turn(pe, before);
			done[index] = round_number;
			continue;
		}
		round_number++;
		turn(pe, before);
		for (uint64_t n = 0; n < PES; n++)
			if (n != OFF && n != DIRECTOR)
				expect(n, 1, await(&done[n], round_number), "it is through with its round", "D1",
				       "a PE that is on", -1);
		print(tell() ? "bad\n" : "01\n");
	}
}

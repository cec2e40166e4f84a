// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1 gives L2 beside translations and interrupts. serror: a virtual SError that HCR_EL2.VSE makes pending, by L2's masks:
 * taken with the syndrome of VSESR_EL2, pending, or deferred by ESB (Arm ARM DDI 0487 M.a.a, D1.3.4, D24.2.62, D24.2 VSESR_EL2).
 * timer-status: ISTATUS of L2's timers, which vEL2 sees by CNTVOFF_EL2 as L2 does (D12.2.4). counter-offset: CNTPOFF_EL2, which
 * L1 has only if ID_AA64MMFR0_EL1.ECV says so. counters: PMCR_EL0.N of L2 is MDCR_EL2.HPMN (D24.5 PMCR_EL0), and
 * the counters from that on trap, by their own names and where PMSELR_EL0 selects them (D24.5 PMEVCNTR<n>_EL0, PMXEVCNTR_EL0).
 */
#include "families/families.h"
#include "families/registers.h"

#define NOP 0xd503201fu
#define WORD REGISTER_WORD
#define VSESR_WRITE WORD(4, 5, 2, 3, 0)
#define VDISR(read) WORD(4, 12, 1, 1, read)
#define DISR(read) WORD(0, 12, 1, 1, read)
#define ISR_READ WORD(0, 12, 1, 0, 1)
#define PENDING_SERROR (1u << 8) /* of ISR_EL1 (D24.2) */
#define SYNDROME_BITS 25
#define ANY_SYNDROME 0x15a3c96u

enum { TAKEN, TAKEN_FROM_EL0, PENDS, DEFERRED, SERRORS };
static const char *const serror_words[SERRORS] = { "taken", "taken-from-el0", "pends", "deferred" };

static uint32_t syndrome_number(unsigned n)
{
	return n < SYNDROME_BITS ? 1u << n : ANY_SYNDROME;
}

/* Context 1 is L2 as it is without one. --self-test: nothing is executed. */
static void build_serror(struct litmus *l)
{
	bool el0 = l->variant == TAKEN_FROM_EL0, masked = l->variant >= PENDS;
	unsigned first = masked ? SYNDROME_BITS - 3 : 0;

	for (unsigned ctx = 0; ctx < 2; ctx++) {
		add_context(l, ctx, ctx ? VMID_OTHER : VMID, 0, false, true);
		l->vm->shared->context[ctx].hcr |= HCR_AMO | (ctx ? 0 : HCR_VSE);
	}
	for (unsigned n = first; n <= SYNDROME_BITS; n++) {
		uint32_t syndrome = syndrome_number(n);

		register_set(l, SYS_AT_EL2, VSESR_WRITE, syndrome);
		masked_next(l, masked ? MASK_A : 0, masked ? 0 : MASK_A);
		if (!masked) {
			register_set(l, el0 ? SYS_AT_EL0 : SYS_AT_EL1, NOP, 0);
			last_probe(l)->role = ROLE_RAISES;
			last_probe(l)->now = PLACE(ESR_EC, ESR_EC_SERROR) | syndrome;
		} else if (l->variant == PENDS) {
			register_is(l, SYS_AT_EL1, ISR_READ, PENDING_SERROR, PENDING_SERROR);
		} else {
			register_set(l, SYS_AT_EL1, ESB, 0);
			register_is(l, SYS_AT_EL2, VDISR(true), ~0ull, DISR_A | syndrome);
			last_step(l)->ctx = 1;
			register_is(l, SYS_AT_EL1, DISR(true), ~0ull, DISR_A | syndrome);
			last_step(l)->ctx = 1;
			register_set(l, SYS_AT_EL1, DISR(false), 0);
			last_step(l)->ctx = 1;
			register_is(l, SYS_AT_EL2, VDISR(true), ~0ull, 0);
			last_step(l)->ctx = 1;
		}
		masked_next(l, 0, MASK_A);
		register_set(l, SYS_AT_EL1, NOP, 0); /* and nothing is left of it */
		last_step(l)->ctx = 1;
	}
}

#define CNTVOFF_WRITE WORD(4, 14, 0, 3, 0)
#define CNTPOFF_WRITE WORD(4, 14, 0, 6, 0)
#define CNTPCT_READ WORD(3, 14, 0, 1, 1)
#define TIMER(op1, physical, op2, read) WORD(op1, 14, (physical) ? 2 : 3, op2, read)
enum { TIMER_CTL = 1, TIMER_CVAL };
#define TOP_BITS (15ull << 60)

/* A counter is below 2^56 here, for years. */
static void add_controls(struct litmus *l, uint64_t more)
{
	l->vm->shared->context[0].controls =
		(struct controls){ .set = 1,
				   .cptr = l->config.e2h0 ? 0 : CPTR_E2H_FPEN,
				   .cnthctl = (l->config.e2h0 ? CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN
							      : CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN) |
					      more };
}

/* struct litmus.variant: of the physical timer. */
static void build_timer_status(struct litmus *l)
{
	static const struct {
		uint64_t offset, compare;
		bool virtual_, physical; /* whether the condition is met */
	} of[] = {
		{ 0, 1ull << 62, false, false },	 { 0, 0, true, true },
		{ 1ull << 60, 1ull << 62, true, false }, { 1ull << 60, ~0ull, false, false },
		{ 3ull << 62, 1ull << 61, true, false }, { 3ull << 62, 1ull << 63, false, false },
		{ 1ull << 63, 1ull << 62, true, false }, { 0, 1ull << 62, false, false },
	};
	bool physical = l->variant;
	unsigned vel2 = l->config.e2h0 ? 3 : 5;

	add_context(l, 0, VMID, 0, false, true);
	add_controls(l, 0);
	for (unsigned i = 0; i < sizeof(of) / sizeof(*of); i++) {
		uint64_t on = CNT_CTL_ENABLE | CNT_CTL_IMASK;
		uint64_t met = on | ((physical ? of[i].physical : of[i].virtual_) ? CNT_CTL_ISTATUS : 0);
		bool by_l2 = i % 2;
		enum sys_at where = by_l2 ? SYS_AT_EL1 : SYS_AT_EL2;
		unsigned name = by_l2 ? 3 : vel2;

		register_set(l, SYS_AT_EL2, CNTVOFF_WRITE, of[i].offset);
		register_set(l, where, TIMER(name, physical, TIMER_CVAL, false), of[i].compare);
		register_set(l, where, TIMER(name, physical, TIMER_CTL, false), on);
		register_is(l, SYS_AT_EL2, TIMER(vel2, physical, TIMER_CTL, true), ~0ull, met);
		register_is(l, SYS_AT_EL1, TIMER(3, physical, TIMER_CTL, true), ~0ull, met);
		register_is(l, SYS_AT_EL2, TIMER(vel2, physical, TIMER_CTL, true), ~0ull, met);
		register_is(l, SYS_AT_EL2, TIMER(vel2, physical, TIMER_CVAL, true), ~0ull, of[i].compare);
	}
	register_set(l, SYS_AT_EL2, TIMER(vel2, physical, TIMER_CTL, false), 0);
	register_set(l, SYS_AT_EL2, CNTVOFF_WRITE, 0);
}

/* Without it the bit of CNTHCTL_EL2 is RES0, and the register is not touched. */
static void build_counter_offset(struct litmus *l)
{
	bool has = FIELD(l->vm->shared->id_mmfr0, MMFR0_ECV) >= MMFR0_ECV_CNTPOFF;

	add_context(l, 0, VMID, 0, false, true);
	add_controls(l, CNTHCTL_ECV);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t offset = (uint64_t)i << 60;

		if (has)
			register_set(l, SYS_AT_EL2, CNTPOFF_WRITE, offset);
		register_is(l, SYS_AT_EL1, CNTPCT_READ, TOP_BITS, has && i ? -offset & TOP_BITS : 0);
	}
	if (has)
		register_set(l, SYS_AT_EL2, CNTPOFF_WRITE, 0);
}

#define N_SHIFT 11 /* PMCR_EL0.N (D24.5) */
#define N_MASK (31u << N_SHIFT)
#define COUNTERS 3 /* that the smallest PMU with some for L2 and some for L1 may give L2 */

/* Three contexts with as many counters each, in turn. */
static void build_counters(struct litmus *l)
{
	for (unsigned n = 0; n < COUNTERS; n++) {
		add_context(l, n, VMID, 0, false, true);
		if (n)
			last_step(l)->a = 1; /* the first one's stage 2 */
		l->vm->shared->context[n].controls =
			(struct controls){ .set = 1,
					   .cptr = CPTR_E2H_FPEN,
					   .mdcr = PLACE(MDCR_HPMN, n + 1),
					   .cnthctl = CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN };
	}
	for (unsigned i = 0; i < 2 * COUNTERS; i++) {
		unsigned n = i < COUNTERS ? i : 2 * COUNTERS - 1 - i;

		register_is(l, SYS_AT_EL1, WORD(3, 9, 12, 0, 1), N_MASK, (uint64_t)(n + 1) << N_SHIFT);
		last_step(l)->ctx = (uint8_t)n;
	}
}

static void reads_counter(struct litmus *l, uint32_t word, bool trapped)
{
	add_sys(l, SYS_AT_EL1, word, 0, STEP_UNDER_TEST | STEP_WORD, trapped ? ROLE_TRAP : ROLE_DONE,
		trapped ? syndrome_of_word(word) : 0);
}

/* struct litmus.variant: how many of the counters L2 has. --self-test: none of the instructions is executed. */
static void build_counters_trap(struct litmus *l)
{
	unsigned has = (unsigned)l->variant;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].controls = (struct controls){ .set = 1,
								.cptr = CPTR_E2H_FPEN,
								.mdcr = PLACE(MDCR_HPMN, has),
								.cnthctl = CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN };
	for (unsigned n = 0; n <= COUNTERS; n++) {
		bool trapped = n >= has;

		reads_counter(l, WORD(3, 14, 8, n, 1), trapped);
		reads_counter(l, WORD(3, 14, 12, n, 1), trapped);
		register_set(l, SYS_AT_EL1, WORD(3, 9, 12, 5, 0), n); /* PMSELR */
		reads_counter(l, WORD(3, 9, 13, 2, 1), trapped);
		reads_counter(l, WORD(3, 9, 13, 1, 1), trapped);
	}
}

void cases_beside(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0" };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++) {
		const char *of = nvhe ? "nvhe-" : "";

		l.config.e2h0 = nvhe;
		l.build = build_serror;
		for (l.variant = 0; l.variant < SERRORS; l.variant++) {
			l.el0 = l.variant == TAKEN_FROM_EL0;
			list_add(list, &l, "%sserror/%s", of, serror_words[l.variant]);
		}
		l.el0 = false;
		l.needs_ecv = true; /* KVM sees what vEL2 does to L2's timers at its next exit only without it (NV2) */
		l.build = build_timer_status;
		for (l.variant = 0; l.variant < 2; l.variant++)
			list_add(list, &l, "%stimer-status/%s", of, l.variant ? "physical" : "virtual");
		l.needs_ecv = false;
	}
	l.config.e2h0 = false;
	l.variant = 0;
	l.build = build_counter_offset;
	list_add(list, &l, "counter-offset/cntpct");
	l.config.counters = l.needs_pmu = true;
	l.build = build_counters;
	list_add(list, &l, "counters/some");
	l.build = build_counters_trap;
	for (l.variant = 1; l.variant <= COUNTERS; l.variant++)
		list_add(list, &l, "counters/trap%d", l.variant);
}

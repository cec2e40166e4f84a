// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the counters and timers under each of EL0's masters (DDI 0487 M.a.a, D12): who lets EL0 have them, CNTKCTL_EL1
 * or, of EL2&0, CNTHCTL_EL2; whether CNTVOFF_EL2 counts; and that WFIT and WFET end with CNTVCT_EL0 as it is there.
 */
#include "lower.h"

#define READ(crm, op2) ACCESS(3, 3u, 14, crm, op2, 1)
#define WFET 0xd5031001u /* X1 */
#define WFIT 0xd5031021u
#define EVERY 0x303u /* EL0PCTEN, EL0VCTEN, EL0VTEN, EL0PTEN: of either register, whose forms are the same with E2H 1 */

static const struct name {
	const char *name;
	unsigned crm, op2, bits; /* any of which allows it */
} names[] = { { "CNTFRQ_EL0", 0, 0, 3 },	 { "CNTPCT_EL0", 0, 1, 1 },	   { "CNTVCT_EL0", 0, 2, 2 },
	      { "CNTP_TVAL_EL0", 2, 0, BIT(9) }, { "CNTP_CTL_EL0", 2, 1, BIT(9) }, { "CNTP_CVAL_EL0", 2, 2, BIT(9) },
	      { "CNTV_TVAL_EL0", 3, 0, BIT(8) }, { "CNTV_CTL_EL0", 3, 1, BIT(8) }, { "CNTV_CVAL_EL0", 3, 2, BIT(8) } };

/* With one bit alone, all but one, none, or all of them; where EL2 decides EL1's register says the contrary. */
static void allowed(const struct name *n, enum host host, uint64_t bits)
{
	uint64_t cnthctl = MRS(cnthctl_el2), cntkctl = MRS(cntkctl_el1), open = CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN;
	uint32_t word = READ(n->crm, n->op2);
	struct answer a;

	MSR(cntkctl_el1, host == OF_HOST ? EVERY & ~bits : bits);
	MSR(cnthctl_el2, host == OF_HOST ? bits : open);
	ISB();
	a = lower_run(lower_hcr(host), SPSR_MODE_EL0T_MASKED, word, 0);
	MSR(cnthctl_el2, cnthctl);
	MSR(cntkctl_el1, cntkctl);
	ISB();
	if (n->bits & bits)
		expect(DONE, a.came, "exception taken", "D12, CNTKCTL_EL1, CNTHCTL_EL2",
		       "MRS %s at EL0 of %s, control %x", n->name, lower_regimes[host], bits);
	else
		CHECK_ESR(a, host == OF_EL1 ? TO_EL1 : TO_EL2, 0xffffffffull, trap_syndrome(word),
			  "D12, CNTKCTL_EL1, CNTHCTL_EL2", "MRS %s at EL0 of %s, control %x", n->name,
			  lower_regimes[host], bits);
}

static uint64_t now(void)
{
	ISB();
	return MRS(cntpct_el0);
}

/* CNTVCT_EL0 is CNTPCT_EL0 less CNTVOFF_EL2, but for EL0 of EL2&0. ``guest``: {E2H,TGE} = {1,0}. */
static void offsets(enum host host, bool guest, bool el0, uint64_t offset)
{
	uint64_t cntkctl = MRS(cntkctl_el1), cnthctl = MRS(cnthctl_el2), taken = host == OF_HOST ? 0 : offset, before,
		 after;
	struct answer a;

	MSR(cntkctl_el1, EVERY);
	MSR(cnthctl_el2, EVERY);
	MSR(cntvoff_el2, offset);
	before = now();
	a = lower_run(lower_hcr(host) | (guest ? HCR_E2H : 0), lower_mode(el0), READ(0, 2), 0);
	after = now();
	MSR(cntvoff_el2, 0);
	MSR(cnthctl_el2, cnthctl);
	MSR(cntkctl_el1, cntkctl);
	ISB();
	expect(1, a.came == DONE && a.x0 - (before - taken) <= after - before, "between two of EL2's counts",
	       "D12, CNTVOFF_EL2", "MRS CNTVCT_EL0 at EL%d of %s, E2H %d, CNTVOFF_EL2 %x", (uint64_t)!el0,
	       lower_regimes[host], (uint64_t)(guest || host == OF_HOST), offset);
}

/*
 * The time is CNTVCT_EL0's; a PE that waits for less is right, too. The interrupt of EL2's watch goes to EL1, where it is masked, so that it
 * ends a wait that nothing else ends; with TGE it goes to EL2.
 */
static void ends(enum host host, bool el0, bool event, uint64_t offset)
{
	uint64_t sctlr = MRS(sctlr_el2), at = now() + MRS(cntfrq_el0) / 200000, after;
	struct answer a;

	space.unwatched = host == OF_EL1;
	space.sctlr = SCTLR_NTWI | SCTLR_NTWE;
	MSR(sctlr_el2, sctlr | SCTLR_NTWI | SCTLR_NTWE);
	MSR(cntvoff_el2, offset);
	a = lower_run(lower_hcr(host), lower_mode(el0), event ? WFET : WFIT, at - (host == OF_HOST ? 0 : offset));
	after = now();
	MSR(cntvoff_el2, 0);
	MSR(sctlr_el2, sctlr);
	ISB();
	space.sctlr = 0;
	space.unwatched = false;
	expect(DONE, a.came, "exception taken", "D1.6, LocalTimeoutEvent()",
	       "%s at EL%d of %s for five microseconds, CNTVOFF_EL2 %x", event ? "WFET" : "WFIT", (uint64_t)!el0,
	       lower_regimes[host], offset);
	if (watch_limit())
		expect(1, after - at > BIT(63) || after - at < watch_limit() / 2, "whether it ends by itself",
		       "D1.6, LocalTimeoutEvent()", "%s at EL%d of %s for five microseconds, CNTVOFF_EL2 %x",
		       event ? "WFET" : "WFIT", (uint64_t)!el0, lower_regimes[host], offset);
}

void lower_time(void)
{
	static const uint64_t bits[] = { 0,	     1,		 2,	     BIT(8),	      BIT(9),
					 EVERY & ~1, EVERY & ~2, EVERY & ~3, EVERY & ~BIT(8), EVERY & ~BIT(9),
					 EVERY };
	const uint64_t voffs[] = { 0, now() / 2, -0x123456789abcull }; /* the virtual count is behind, or ahead */

	for (enum host host = 0; host < HOSTS; host++) {
		if (host == OF_HOST && !features.vhe)
			break;
		for (unsigned i = 0; i < LENGTH(names); i++)
			for (unsigned b = 0; b < LENGTH(bits); b++)
				allowed(&names[i], host, bits[b]);
		for (unsigned el0 = host != OF_EL1; el0 < 2; el0++)
			for (unsigned i = 0; i < LENGTH(voffs); i++) {
				bool waits = BITS(MRS(s3_0_c0_c6_2), 3, 0) == 2 && !(host == OF_TGE && i == 2);

				for (unsigned guest = 0; guest <= (host == OF_EL1 && features.vhe); guest++)
					offsets(host, guest, el0, voffs[i]);
				for (unsigned event = 0; waits && event < 2; event++)
					ends(host, el0, event, voffs[i]);
			}
	}
}

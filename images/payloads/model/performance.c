// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the performance monitors as EL2 shares them with EL1 and EL0 (DDI 0487 M.a.a, D13): whether a counter counts ×
 * whose it is (MDCR_EL2.HPMN) × EL × its enables, its filter and what prohibits it; where it overflows; what EL0 may have by
 * PMUSERENR_EL0; the registers that PMSELR_EL0 selects, and those that set and clear bits. Events are software's own increments.
 */
#include "model.h"

#define PM(crn, crm, op2, read) ACCESS(3, 3u, crn, crm, op2, read)
#define SWINC PM(9, 12, 4, 0)
#define P BIT(31) /* of PMEVTYPER<n>_EL0 and PMCCFILTR_EL0 */
#define U BIT(30)
#define NSH BIT(27)
#define CYCLES BIT(31)
#define PMCR_E BIT(0)
#define PMCR_DP BIT(5)
#define PMCR_LC BIT(6)
#define PMCR_LP BIT(7)
#define HPME BIT(7) /* of MDCR_EL2 */
#define HPMD BIT(17)
#define HCCD BIT(23)
#define HLP BIT(26)

static unsigned number, version; /* of counters; ID_AA64DFR0_EL1.PMUVer */
static uint64_t kept;

static uint64_t get(uint32_t word)
{
	return at_el2(0, word, 0).x0;
}

static void put(uint32_t word, uint64_t value)
{
	at_el2(0, word, value);
}

/* PMEVCNTR<n>_EL0 and PMEVTYPER<n>_EL0. */
static uint32_t counter(unsigned n, bool read)
{
	return PM(14, 8 + (n >> 3), n & 7, read);
}

static uint32_t type(unsigned n, bool read)
{
	return PM(14, 12 + (n >> 3), n & 7, read);
}

static void stop(void)
{
	MSR(mdcr_el2, kept);
	MSR(pmcr_el0, PMCR_LC);
	MSR(pmcntenclr_el0, ~0ull);
	MSR(pmovsclr_el0, ~0ull);
	MSR(pmuserenr_el0, 0);
	ISB();
}

/* One increment by what ``el`` writes. */
static void increment(unsigned el, unsigned n)
{
	if (el == 2)
		put(SWINC, BIT(n));
	else
		below_instruction(0, !el, SWINC, BIT(n));
}

struct counting {
	unsigned n, el;
	bool own; /* EL2's: HPMN is not above it */
	bool enabled, pmcr, hpme, hpmd;
	uint64_t filter;
};

static uint64_t mdcr_of(const struct counting *c)
{
	return (kept & ~(HPME | HPMD | 0x1full)) | (c->hpme ? HPME : 0) | (c->hpmd ? HPMD : 0) |
	       (c->own ? c->n : c->n + 1);
}

static bool passes(uint64_t filter, unsigned el)
{
	return el == 2 ? filter & NSH : !(filter & (el ? P : U));
}

static void counts(const struct counting *c)
{
	bool wanted = c->enabled && (c->own ? c->hpme : c->pmcr) && passes(c->filter, c->el) &&
		      !(c->el == 2 && c->hpmd && !c->own);

	put(type(c->n, false), c->filter);
	put(counter(c->n, false), 7);
	MSR(pmcntenset_el0, c->enabled ? BIT(c->n) : 0);
	MSR(pmuserenr_el0, 1);
	MSR(mdcr_el2, mdcr_of(c));
	MSR(pmcr_el0, PMCR_LC | (c->pmcr ? PMCR_E : 0));
	ISB();
	increment(c->el, c->n);
	stop();
	expect(7 + wanted, get(counter(c->n, true)) & 0xffffffff, "PMEVCNTR<n>_EL0", "D13, CountPMUEvents()",
	       "counter %d of EL%d, an increment by EL%d, its bit of PMCNTENSET_EL0 %d, PMCR_EL0.E %d, HPME %d, HPMD %d, filter %x",
	       (uint64_t)c->n, (uint64_t)(c->own ? 2 : 1), (uint64_t)c->el, (uint64_t)c->enabled, (uint64_t)c->pmcr,
	       (uint64_t)c->hpme, (uint64_t)c->hpmd, c->filter);
}

/* What EL1 and EL0 do to EL2's counters is not asked: they have none of those registers then. */
static void counting(unsigned n)
{
	static const uint64_t open[] = { 0, 0, NSH };

	for (unsigned own = 0; own <= !!n; own++)
		for (unsigned el = own ? 2 : 0; el < 3; el++) {
			struct counting c = { .n = n, .el = el, .own = own, .enabled = true };

			for (unsigned i = 0; i < 8; i++) {
				c.pmcr = i & 1;
				c.hpme = i & 2;
				c.hpmd = i & 4;
				c.filter = open[el];
				if (!c.hpmd || version >= 4)
					counts(&c);
			}
			c.pmcr = c.hpme = true;
			c.hpmd = false;
			for (unsigned i = 0; i < 8; i++) {
				c.filter = (i & 1 ? P : 0) | (i & 2 ? U : 0) | (i & 4 ? NSH : 0);
				counts(&c);
			}
			c.filter = open[el];
			c.enabled = false;
			counts(&c);
		}
}

/* 32 bits or 64, by PMCR_EL0.LP or, of EL2's, MDCR_EL2.HLP; the upper half goes on either way. */
static void overflow(unsigned n, bool own, bool lp, bool hlp, bool upper)
{
	uint64_t from = upper ? ~0ull : 0xffffffffull, flags, value;
	bool wide = version >= 6 && (own ? hlp : lp);

	put(type(n, false), NSH);
	put(counter(n, false), from);
	MSR(pmcntenset_el0, BIT(n));
	MSR(mdcr_el2, (kept & ~0x1full) | HPME | (hlp && version >= 6 ? HLP : 0) | (own ? n : n + 1));
	MSR(pmcr_el0, PMCR_LC | PMCR_E | (lp && version >= 6 ? PMCR_LP : 0));
	ISB();
	increment(2, n);
	flags = MRS(pmovsset_el0) & BIT(n);
	value = get(counter(n, true));
	stop();
	expect(!wide || upper ? BIT(n) : 0, flags, "PMOVSSET_EL0", "D13, PMCR_EL0.LP, MDCR_EL2.HLP",
	       "counter %d of EL%d behind %x, LP %d, HLP %d", (uint64_t)n, (uint64_t)(own ? 2 : 1), from, (uint64_t)lp,
	       (uint64_t)hlp);
	expect(version >= 6 ? from + 1 : 0, value, "PMEVCNTR<n>_EL0", "D13, PMCR_EL0.LP, MDCR_EL2.HLP",
	       "counter %d of EL%d behind %x, LP %d, HLP %d", (uint64_t)n, (uint64_t)(own ? 2 : 1), from, (uint64_t)lp,
	       (uint64_t)hlp);
}

/* The cycle counter by who is there: it has gone on, or not. */
static void cycles(unsigned el, uint64_t filter, bool on, bool enabled, bool hpmd, bool dp, bool hccd)
{
	/* what EL0 does comes back by way of EL1 */
	bool here = passes(filter, el) || (!el && passes(filter, 1));
	bool wanted = on && enabled && here && !(el == 2 && ((hpmd && dp) || hccd));
	uint64_t before, after;

	MSR(pmccfiltr_el0, filter);
	MSR(pmcntenset_el0, enabled ? CYCLES : 0);
	MSR(mdcr_el2, kept | (hpmd ? HPMD : 0) | (hccd ? HCCD : 0));
	MSR(pmcr_el0, PMCR_LC | (on ? PMCR_E : 0) | (dp ? PMCR_DP : 0));
	ISB();
	before = MRS(pmccntr_el0);
	if (el == 2) {
		for (unsigned i = 0; i < 100; i++)
			ISB();
	} else
		below_instruction(0, !el, 0xd503201fu, 0); /* NOP */
	after = MRS(pmccntr_el0);
	stop();
	expect(wanted, after != before, "whether PMCCNTR_EL0 goes on", "D13, CountPMUEvents()",
	       "the cycle counter at EL%d, filter %x, PMCR_EL0.E %d, its bit of PMCNTENSET_EL0 %d, HPMD %d, DP %d, HCCD %d",
	       (uint64_t)el, filter, (uint64_t)on, (uint64_t)enabled, (uint64_t)hpmd, (uint64_t)dp, (uint64_t)hccd);
}

/* At EL1 and EL0 EL2 does not count, so that what counts is theirs. */
static void all_cycles(void)
{
	for (unsigned el = 0; el < 3; el++) {
		for (unsigned i = 0; i < 4; i++) {
			uint64_t filter = (i & 1 ? P : 0) | (i & 2 ? U : 0);

			cycles(el, filter, true, true, false, false, false);
			if (el == 2)
				cycles(el, filter | NSH, true, true, false, false, false);
		}
		for (unsigned i = 0; i < 3; i++)
			cycles(el, el == 2 ? NSH : 0, i & 1, i & 2, false, false, false);
		for (unsigned i = 1; i < 8; i++)
			if ((!(i & 3) || version >= 4) && (!(i & 4) || version >= 6))
				cycles(el, el == 2 ? NSH : 0, true, true, i & 1, i & 2, i & 4);
	}
}

/* ---- PMUSERENR_EL0 ---- */
#define EN 1
#define SW 2
#define CR 4
#define ER 8

static void users(void)
{
	static const struct user {
		const char *name;
		unsigned crn, crm, op2;
		unsigned read, write; /* bits that allow it; 0: nobody may */
	} all[] = { { "PMCR_EL0", 9, 12, 0, EN, EN },		{ "PMCNTENSET_EL0", 9, 12, 1, EN, EN },
		    { "PMCNTENCLR_EL0", 9, 12, 2, EN, EN },	{ "PMOVSCLR_EL0", 9, 12, 3, EN, EN },
		    { "PMSWINC_EL0", 9, 12, 4, 0, EN | SW },	{ "PMSELR_EL0", 9, 12, 5, EN | ER, EN | ER },
		    { "PMCEID0_EL0", 9, 12, 6, EN, 0 },		{ "PMCCNTR_EL0", 9, 13, 0, EN | CR, EN },
		    { "PMXEVTYPER_EL0", 9, 13, 1, EN, EN },	{ "PMXEVCNTR_EL0", 9, 13, 2, EN | ER, EN },
		    { "PMOVSSET_EL0", 9, 14, 3, EN, EN },	{ "PMEVCNTR0_EL0", 14, 8, 0, EN | ER, EN },
		    { "PMEVCNTR1_EL0", 14, 8, 1, EN | ER, EN }, { "PMEVTYPER0_EL0", 14, 12, 0, EN, EN },
		    { "PMCCFILTR_EL0", 14, 15, 7, EN, EN },	{ "PMUSERENR_EL0", 9, 14, 0, EN | SW | CR | ER | 16, 0 } };

	MSR(pmselr_el0, 0);
	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned read = 0; read < 2; read++)
			for (unsigned bits = 0; bits < 16; bits++) {
				unsigned by = read ? all[i].read : all[i].write;
				uint32_t word = PM(all[i].crn, all[i].crm, all[i].op2, read);
				struct answer a;

				if (!by)
					continue;
				MSR(pmuserenr_el0, bits);
				ISB();
				a = below_instruction(0, true, word, 0);
				stop();
				if (by & (bits | 16))
					expect(DONE, a.came, "exception taken", "PMUSERENR_EL0.{ER,CR,SW,EN}",
					       "%s %s at EL0, PMUSERENR_EL0 %x", read ? "MRS" : "MSR", all[i].name,
					       (uint64_t)bits);
				else
					CHECK_ESR(a, TO_EL1, 0xffffffffull, trap_syndrome(word),
						  "PMUSERENR_EL0.{ER,CR,SW,EN}", "%s %s at EL0, PMUSERENR_EL0 %x",
						  read ? "MRS" : "MSR", all[i].name, (uint64_t)bits);
			}
}

/* ---- PMSELR_EL0 ---- */
static void selected(void)
{
	static const uint64_t values[] = { P | 0x11, U | 0x8, NSH | 0x11 };

	for (unsigned n = 0; n <= number; n++) {
		bool last = n == number;
		uint64_t mask = P | U | NSH | (last ? 0 : 0xffff);
		uint32_t word = last ? PM(14, 15, 7, true) : type(n, true); /* PMCCFILTR_EL0 */

		MSR(pmselr_el0, last ? 31 : n);
		ISB();
		for (unsigned i = 0; i < LENGTH(values); i++) {
			put(PM(9, 13, 1, false), values[i]);
			expect(values[i] & mask, get(word) & mask, last ? "PMCCFILTR_EL0" : "PMEVTYPER<n>_EL0",
			       "PMSELR_EL0.SEL", "MSR PMXEVTYPER_EL0 of %x with SEL %d", values[i],
			       (uint64_t)(last ? 31 : n));
			put(word & ~(1u << 21), values[(i + 1) % LENGTH(values)]);
			expect(values[(i + 1) % LENGTH(values)] & mask, get(PM(9, 13, 1, true)) & mask, "PMXEVTYPER_EL0",
			       "PMSELR_EL0.SEL", "MRS PMXEVTYPER_EL0 with SEL %d", (uint64_t)(last ? 31 : n));
		}
		if (last)
			break;
		for (unsigned other = 0; other < number; other++)
			put(counter(other, false), 0x100 + other);
		put(PM(9, 13, 2, false), 0x5a5a5a5a);
		for (unsigned other = 0; other < number; other++)
			expect(other == n ? 0x5a5a5a5a : 0x100 + other, get(counter(other, true)), "PMEVCNTR<n>_EL0",
			       "PMSELR_EL0.SEL", "MSR PMXEVCNTR_EL0 with SEL %d: counter %d", (uint64_t)n,
			       (uint64_t)other);
		put(counter(n, false), 0x777);
		expect(0x777, get(PM(9, 13, 2, true)), "PMXEVCNTR_EL0", "PMSELR_EL0.SEL",
		       "MRS PMXEVCNTR_EL0 with SEL %d", (uint64_t)n);
	}
}

/* ---- bits that are set and cleared one by one ---- */
static void sets(void)
{
	static const struct pair {
		const char *set, *clear;
		uint32_t by_set, by_clear; /* MRS X1 */
	} all[] = { { "PMCNTENSET_EL0", "PMCNTENCLR_EL0", PM(9, 12, 1, 1), PM(9, 12, 2, 1) },
		    { "PMINTENSET_EL1", "PMINTENCLR_EL1", ACCESS(3, 0u, 9, 14, 1, 1), ACCESS(3, 0u, 9, 14, 2, 1) },
		    { "PMOVSSET_EL0", "PMOVSCLR_EL0", PM(9, 14, 3, 1), PM(9, 12, 3, 1) } };
	uint64_t every = (BIT(number) - 1) | CYCLES;

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			const struct pair *p = &all[i];

			if (!(every & BIT(bit)))
				continue;
			put(p->by_clear & ~(1u << 21), ~0ull);
			put(p->by_set & ~(1u << 21), BIT(bit));
			expect(BIT(bit), get(p->by_set) & 0xffffffff, "value", "D13", "%s, bit %d set", p->set,
			       (uint64_t)bit);
			expect(BIT(bit), get(p->by_clear) & 0xffffffff, "value", "D13", "%s, bit %d set", p->clear,
			       (uint64_t)bit);
			put(p->by_set & ~(1u << 21), every);
			put(p->by_clear & ~(1u << 21), BIT(bit));
			expect(every & ~BIT(bit), get(p->by_set) & 0xffffffff, "value", "D13", "%s, bit %d cleared",
			       p->set, (uint64_t)bit);
			put(p->by_clear & ~(1u << 21), ~0ull);
		}
}

void check_performance(void)
{
	uint64_t cnt = MRS(pmcr_el0);

	if (!features.pmu) {
		skip("performance", "no FEAT_PMUv3");
		return;
	}
	group("performance");
	space_new(12, 1, 1, true, true, false);
	space_load();
	number = (unsigned)BITS(cnt, 15, 11);
	version = (unsigned)BITS(MRS(id_aa64dfr0_el1), 11, 8);
	kept = MRS(mdcr_el2);
	stop();
	for (unsigned n = 0; n < number; n++) {
		counting(n);
		for (unsigned i = 0; i < 16; i++)
			if (n || !(i & 1))
				overflow(n, i & 1, i & 2, i & 4, i & 8);
	}
	all_cycles();
	users();
	selected();
	sets();
	MSR(pmcr_el0, cnt & 0xff & ~PMCR_E);
	stop();
	group_end();
}

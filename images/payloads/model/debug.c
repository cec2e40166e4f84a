// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: debug exceptions below EL2 (DDI 0487 M.a.a, D2): breakpoints, watchpoints and steps × EL0, EL1 ×
 * which of both they are for × MDSCR_EL1.KDE, PSTATE.D, MDCR_EL2.TDE, the OS Lock; loads and stores, bytes, and linked contexts.
 */
#include "model.h"

#define FAR 0x2222220040ull
#define NOP 0xd503201fu
#define MDE BIT(15)
#define KDE BIT(13)
#define SS BIT(0)
#define BYTES(n) ((uint64_t)(n) << 5)
#define LOADS (1ull << 3)
#define STORES (2ull << 3)
#define FOR(pac) (BIT(0) | (uint64_t)(pac) << 1) /* E; PMC or PAC: 1 EL1, 2 EL0, 3 both */
#define LINKED(n) (BIT(20) | (uint64_t)(n) << 16)
enum kind { BREAKPOINT, STEP, WATCHPOINT, KINDS };

struct debug_case {
	enum kind kind;
	bool el0, write, tde, locked, masked, kde;
	uint64_t control; /* of the breakpoint or watchpoint */
	unsigned offset; /* of the access in the eight bytes that are watched; of one byte where it is not 0 */
};

static struct answer go(const struct debug_case *c)
{
	static const uint32_t bytes[] = { 0x39400020, 0x39000020 }; /* LDRB W0, [X1]; STRB W0, [X1] */
	uint64_t mdcr = MRS(mdcr_el2), mdscr = MRS(mdscr_el1), spsr;
	const void *at = victim_buffer;
	struct answer a;

	if (c->kind == WATCHPOINT && !c->offset)
		at = c->write ? victim_write : victim_read;
	*(volatile uint32_t *)victim_buffer = c->kind == WATCHPOINT ? bytes[c->write] : NOP;
	SYNC_CODE(victim_buffer);
	MSR(dbgbvr0_el1, (uint64_t)victim_buffer);
	MSR(dbgwvr0_el1, FAR);
	MSR(dbgbcr0_el1, c->kind == BREAKPOINT ? c->control : 0);
	MSR(dbgwcr0_el1, c->kind == WATCHPOINT ? c->control : 0);
	MSR(mdcr_el2, mdcr | (c->tde ? MDCR_TDE : 0));
	MSR(mdscr_el1, (c->kind == STEP ? SS : MDE) | (c->kde ? KDE : 0));
	MSR(oslar_el1, c->locked);
	ISB();
	spsr = (c->el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED) & ~PLACE(SPSR_DAIF, 8);
	spsr |= (c->masked ? PLACE(SPSR_DAIF, 8) : 0) | (c->kind == STEP ? SPSR_SS : 0);
	a = below_with(spsr, at, A_VALUE, FAR + c->offset);
	MSR(oslar_el1, 0);
	MSR(mdscr_el1, mdscr);
	MSR(dbgbcr0_el1, 0);
	MSR(dbgwcr0_el1, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
	return a;
}

static void check(const struct debug_case *c, bool wanted, const char *rule)
{
	static const char *const names[] = { "a breakpoint", "a step", "a watchpoint" };
	static const uint64_t classes[] = { ESR_EC_BREAKPOINT, ESR_EC_STEP, ESR_EC_WATCHPOINT };
	struct answer a = go(c);
	enum came to = c->tde ? TO_EL2 : TO_EL1;
	uint64_t same = !c->tde && !c->el0;

	if (wanted)
		CHECK_ESR(a, to, ESR_EC | ESR_IL | ESR_FSC | ESR_WNR,
			  PLACE(ESR_EC, classes[c->kind] + same) | ESR_IL | ESR_FSC_DEBUG | (c->write ? ESR_WNR : 0),
			  rule, "%s at EL%d, control %x, TDE %d, KDE %d, D %d, OS Lock %d, %s at offset %d",
			  names[c->kind], (uint64_t)!c->el0, c->control, (uint64_t)c->tde, (uint64_t)c->kde,
			  (uint64_t)c->masked, (uint64_t)c->locked, access_names[c->write], (uint64_t)c->offset);
	else
		expect(DONE, a.came, "exception taken", rule,
		       "%s at EL%d, control %x, TDE %d, KDE %d, D %d, OS Lock %d, %s at offset %d", names[c->kind],
		       (uint64_t)!c->el0, c->control, (uint64_t)c->tde, (uint64_t)c->kde, (uint64_t)c->masked,
		       (uint64_t)c->locked, access_names[c->write], (uint64_t)c->offset);
}

/* Whom they are for, and what keeps them off. From EL1 to EL1 they need KDE and PSTATE.D 0. */
static void routes(enum kind kind)
{
	for (unsigned n = 0; n < 32; n++)
		for (unsigned pac = kind == STEP ? 3 : 1; pac < 4; pac++) {
			struct debug_case c = {
				.kind = kind, .el0 = n & 1, .tde = n & 2, .kde = n & 4, .masked = n & 8, .locked = n & 16
			};
			bool here = pac & (c.el0 ? 2 : 1);

			c.control = FOR(pac) | (kind == WATCHPOINT ? LOADS | STORES | BYTES(0xff) : BYTES(15));
			c.write = kind == WATCHPOINT && pac == 3;
			check(&c, here && !c.locked && (c.tde || c.el0 || (c.kde && !c.masked)),
			      "D2, AArch64.GenerateDebugExceptionsFrom()");
		}
}

/* Loads and stores, and each byte of eight. */
static void accesses(void)
{
	for (unsigned n = 0; n < 8; n++) {
		struct debug_case c = {
			.kind = WATCHPOINT, .el0 = n & 1, .write = n & 2, .tde = true, .control = FOR(3) | BYTES(0xff)
		};

		c.control |= n & 4 ? LOADS : STORES;
		check(&c, !(n & 4) == c.write, "DBGWCR<n>_EL1.LSC");
	}
	for (unsigned offset = 1; offset < 8; offset++)
		for (unsigned n = 0; n < 4; n++) {
			struct debug_case c = {
				.kind = WATCHPOINT, .el0 = n & 1, .write = offset & 1, .tde = true, .offset = offset
			};

			c.control = FOR(3) | LOADS | STORES | BYTES(n & 2 ? BIT(offset) : 0xff & ~BIT(offset));
			check(&c, n & 2, "DBGWCR<n>_EL1.BAS");
		}
}

/*
 * Linked to a breakpoint of a context, the last one, which is for that value alone: of CONTEXTIDR_EL1 (type 3 below a host with
 * HCR_EL2.E2H 0, and 7), or of CONTEXTIDR_EL2 (type 13).
 */
static void links(void)
{
	static const unsigned types[] = { 3, 7, 13 };
	uint64_t dfr0 = MRS(id_aa64dfr0_el1);
	unsigned last = BITS(dfr0, 15, 12);

	for (unsigned n = 0; n < 16 * LENGTH(types); n++) {
		struct debug_case c = { .kind = n & 1 ? WATCHPOINT : BREAKPOINT, .el0 = n & 2, .tde = true };
		bool same = n & 4, on = n & 8, of_el2 = types[n / 16] == 13;

		if (n >= 16 && !features.vhe)
			break;
		c.control = FOR(3) | LINKED(last) | (n & 1 ? LOADS | STORES | BYTES(0xff) : BYTES(15));
		/* MSR DBGBVR<last>_EL1, X1: CONTEXTIDR_EL2's value is in the upper half */
		at_el2(0, 0xd5100081u | last << 8, of_el2 ? 0x1234567812345678 : 0x12345678);
		at_el2(0, 0xd51000a1u | last << 8,
		       on ? (uint64_t)types[n / 16] << 20 | FOR(3) | BYTES(15) : 0); /* DBGBCR<last>_EL1: linked context */
		MSR(contextidr_el1, same != of_el2 ? 0x12345678 : 0x12345679);
		if (features.vhe)
			MSR(s3_4_c13_c0_1, same == of_el2 ? 0x12345678 : 0x12345679); /* CONTEXTIDR_EL2 */
		ISB();
		check(&c, same && on,
		      types[n / 16] == 3 ? "DBGBCR<n>_EL1.BT, LBN"
		      : of_el2		 ? "DBGBCR<n>_EL1.BT 13"
					 : "DBGBCR<n>_EL1.BT 7");
		at_el2(0, 0xd51000a1u | last << 8, 0);
	}
	MSR(contextidr_el1, 0);
	if (features.vhe)
		MSR(s3_4_c13_c0_1, 0);
}

/* Of a link to CONTEXTIDR_EL2 the upper half counts, and the lower one, which is RES0, does not. */
static void link_halves(void)
{
	uint64_t dfr0 = MRS(id_aa64dfr0_el1);
	unsigned last = BITS(dfr0, 15, 12);

	for (unsigned n = 0; n < 8; n++) {
		struct debug_case c = { .kind = n & 1 ? WATCHPOINT : BREAKPOINT, .el0 = n & 2, .tde = true };
		bool upper = n & 4;
		struct answer a;

		c.control = FOR(3) | LINKED(last) | (n & 1 ? LOADS | STORES | BYTES(0xff) : BYTES(15));
		at_el2(0, 0xd5100081u | last << 8, upper ? 0x12345678ull << 32 : 0x12345678);
		at_el2(0, 0xd51000a1u | last << 8, 13u << 20 | FOR(3) | BYTES(15));
		MSR(s3_4_c13_c0_1, 0x12345678); /* CONTEXTIDR_EL2 */
		ISB();
		a = go(&c);
		at_el2(0, 0xd51000a1u | last << 8, 0);
		if (upper)
			CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, n & 1 ? ESR_EC_WATCHPOINT : ESR_EC_BREAKPOINT),
				  "DBGBVR<n>_EL1.ContextID2", "a %s at EL%d, BT 13, the context in the upper half",
				  n & 1 ? "watchpoint" : "breakpoint", (uint64_t)!c.el0);
		else
			expect(DONE, a.came, "exception taken", "DBGBVR<n>_EL1.ContextID2",
			       "a %s at EL%d, BT 13, the context in the lower half",
			       n & 1 ? "watchpoint" : "breakpoint", (uint64_t)!c.el0);
	}
	MSR(s3_4_c13_c0_1, 0);
}

/* Where they go back to, and what a watchpoint tells in FAR: the address that was accessed. */
static void places(void)
{
	for (unsigned n = 0; n < 12; n++) {
		struct debug_case c = { .kind = n / 4, .el0 = n & 1, .write = n / 4 == WATCHPOINT && n & 2, .tde = true };
		struct answer a;
		uint64_t at = (uint64_t)victim_buffer;

		c.control = FOR(3) | (c.kind == WATCHPOINT ? LOADS | STORES | BYTES(0xff) : BYTES(15));
		c.offset = c.kind == WATCHPOINT ? 5 : 0;
		a = go(&c);
		expect(c.kind == STEP ? at + 4 : at, a.elr, "ELR_EL2", "D2, preferred return address",
		       "kind %d of debug exception at EL%d", (uint64_t)c.kind, (uint64_t)!c.el0);
		if (c.kind == WATCHPOINT)
			expect(FAR + 5, a.far, "FAR_EL2", "D2.10, FAR of a watchpoint",
			       "a watchpoint at EL%d, %s of its sixth byte", (uint64_t)!c.el0, access_names[c.write]);
	}
}

/* ISS.{ISV,EX} of a step: whether it was taken behind an instruction, and behind a load exclusive. */
static void stepped(void)
{
	static const struct {
		const char *name;
		uint32_t word;
		uint64_t iss;
	} all[] = { { "NOP", NOP, BIT(24) },
		    { "LDXR", 0xc85f7c20, BIT(24) | BIT(6) },
		    { "LDAXR", 0xc85ffc20, BIT(24) | BIT(6) },
		    { "LDR", 0xf9400020, BIT(24) } };

	for (unsigned n = 0; n < 4 * LENGTH(all); n++) {
		bool el0 = n & 1, done = n & 2;
		uint64_t mdcr = MRS(mdcr_el2), spsr = el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED;
		struct answer a;

		*(volatile uint32_t *)victim_buffer = all[n / 4].word;
		SYNC_CODE(victim_buffer);
		MSR(mdcr_el2, mdcr | MDCR_TDE);
		MSR(mdscr_el1, SS);
		ISB();
		a = below_with(spsr | (done ? 0 : SPSR_SS), victim_buffer, 0, FAR);
		MSR(mdscr_el1, 0);
		MSR(mdcr_el2, mdcr);
		ISB();
		CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL | ESR_FSC | BIT(24) | BIT(6),
			  PLACE(ESR_EC, ESR_EC_STEP) | ESR_IL | ESR_FSC_DEBUG | (done ? 0 : all[n / 4].iss),
			  "D2.11, ISS of a step", "a step %s %s at EL%d", done ? "before" : "over", all[n / 4].name,
			  (uint64_t)!el0);
	}
}

/* Each breakpoint and watchpoint by itself, and each bit of the breakpoint's address in either half. */
static void numbered(void)
{
	uint64_t dfr0 = MRS(id_aa64dfr0_el1), mdcr = MRS(mdcr_el2);
	unsigned breakpoints = BITS(dfr0, 15, 12) + 1, watchpoints = BITS(dfr0, 23, 20) + 1;

	*(volatile uint32_t *)victim_buffer = NOP;
	SYNC_CODE(victim_buffer);
	MSR(mdcr_el2, mdcr | MDCR_TDE);
	MSR(mdscr_el1, MDE);
	for (unsigned n = 0; n < breakpoints + watchpoints; n++) {
		bool data = n >= breakpoints;
		unsigned number = data ? n - breakpoints : n;
		uint32_t value = 0xd5100081u | number << 8 | (data ? 2u << 5 : 0), control = value + (1u << 5);

		for (unsigned other = 0; other < 2; other++) {
			struct answer a;

			at_el2(0, value, (data ? FAR : (uint64_t)victim_buffer) + (other ? 8 : 0));
			at_el2(0, control, FOR(3) | (data ? LOADS | STORES | BYTES(0xff) : BYTES(15)));
			a = below_with(SPSR_MODE_EL1H_MASKED, data ? victim_read : victim_buffer, 0, FAR);
			if (other)
				expect(DONE, a.came, "exception taken", "DBGBVR<n>_EL1", "%s %d, eight bytes behind",
				       data ? "watchpoint" : "breakpoint", (uint64_t)number);
			else
				CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, data ? ESR_EC_WATCHPOINT : ESR_EC_BREAKPOINT),
					  "DBGBVR<n>_EL1", "%s %d", data ? "watchpoint" : "breakpoint", (uint64_t)number);
			at_el2(0, control, 0);
		}
	}
	for (unsigned bit = 12; bit < 48; bit++) {
		uint64_t va = (bit & 1 ? HIGH : 0) | BIT(bit) | (bit < 31 ? BIT(40) : 0), at = va & ~0xfffull;

		map_s1(at, 3, (uint64_t)page_a, PTE_AF);
		*(volatile uint32_t *)page_a = 0xd4000001; /* SVC #0 */
		SYNC_CODE(page_a);
		MSR(dbgbcr0_el1, FOR(3) | BYTES(15));
		for (unsigned same = 0; same < 2; same++) {
			struct answer a;

			MSR(dbgbvr0_el1, same ? at : at ^ BIT(bit));
			ISB();
			a = below_with(SPSR_MODE_EL1H_MASKED, (const void *)at, 0, 0);
			if (same)
				CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_BREAKPOINT), "DBGBVR<n>_EL1",
					  "a breakpoint at a bit, %d, half %d", (uint64_t)bit, (uint64_t)(bit & 1));
			else
				expect(DONE, a.came, "exception taken", "DBGBVR<n>_EL1",
				       "a breakpoint where bit %d is another, half %d", (uint64_t)bit,
				       (uint64_t)(bit & 1));
		}
		MSR(dbgbcr0_el1, 0);
		*descriptor_s1(at, 3) = 0;
	}
	MSR(mdscr_el1, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
	forget();
}

/* DBGWCR<n>_EL1.MASK: aligned ranges, the first and the last byte and those beside them. */
static void ranges_watched(void)
{
	uint64_t mdcr = MRS(mdcr_el2), base = FAR & ~0xfffull;

	*(volatile uint32_t *)victim_buffer = 0x39400020; /* LDRB W0, [X1] */
	SYNC_CODE(victim_buffer);
	MSR(mdcr_el2, mdcr | MDCR_TDE);
	MSR(mdscr_el1, MDE);
	for (unsigned mask = 3; mask < 12; mask++) /* with what lies around it */
		for (unsigned n = 0; n < 4; n++) {
			uint64_t from = base + BIT(mask), size = BIT(mask);
			uint64_t at = n == 0 ? from : n == 1 ? from + size - 1 : n == 2 ? from - 1 : from + size;
			struct answer a;

			if (at >= base + 4096)
				continue;
			MSR(dbgwvr0_el1, from);
			MSR(dbgwcr0_el1, FOR(3) | LOADS | BYTES(0xff) | (uint64_t)mask << 24);
			ISB();
			a = below_with(SPSR_MODE_EL1H_MASKED, victim_buffer, 0, at);
			if (n < 2)
				CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_WATCHPOINT), "DBGWCR<n>_EL1.MASK",
					  "MASK %d, its %s byte", (uint64_t)mask, n ? "last" : "first");
			else
				expect(DONE, a.came, "exception taken", "DBGWCR<n>_EL1.MASK", "MASK %d, a byte %s it",
				       (uint64_t)mask, n == 2 ? "before" : "behind");
		}
	for (unsigned mask = 12; mask < 32; mask++)
		for (unsigned n = 0; n < 3; n++) { /* in it; in the next one; in one that differs in a high bit */
			uint64_t at = FAR & ~(BIT(mask) - 1);
			struct answer a;

			MSR(dbgwvr0_el1, n == 0 ? at : at ^ (n == 1 ? BIT(mask) : BIT(40)));
			MSR(dbgwcr0_el1, FOR(3) | LOADS | BYTES(0xff) | (uint64_t)mask << 24);
			ISB();
			a = below_with(SPSR_MODE_EL1H_MASKED, victim_buffer, 0, FAR);
			if (!n)
				CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_WATCHPOINT), "DBGWCR<n>_EL1.MASK",
					  "MASK %d, a byte in it", (uint64_t)mask);
			else
				expect(DONE, a.came, "exception taken", "DBGWCR<n>_EL1.MASK",
				       "MASK %d, a byte of another range, %s", (uint64_t)mask,
				       n == 1 ? "the next" : "far away");
		}
	MSR(dbgwcr0_el1, 0);
	MSR(mdscr_el1, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
}

/*
 * With HCR_EL2.E2H 1 a linked context is CONTEXTIDR_EL2's at EL0 of EL2&0, and CONTEXTIDR_EL1's in a guest. The instruction has no
 * translation of its own at EL0 then, and the page is where its address says.
 */
static void links_of_host(void)
{
	uint64_t dfr0 = MRS(id_aa64dfr0_el1);
	unsigned last = BITS(dfr0, 15, 12);

	for (unsigned n = 0; n < 32; n++) {
		bool host = n & 1, el0 = host || n & 2, data = n & 4, mine = n & 8, other = n & 16;
		uint64_t mdcr = MRS(mdcr_el2), first = mine ? 0x12345678 : 0x12345679,
			 second = other ? 0x12345678 : 0x1234567a;
		uint64_t at = host ? (uint64_t)page_b : FAR,
			 classes = PLACE(ESR_EC, data ? ESR_EC_WATCHPOINT : ESR_EC_BREAKPOINT);
		struct answer a;

		if (host && n & 2)
			continue;
		*(volatile uint32_t *)victim_buffer = data ? 0x39400020 : NOP; /* LDRB W0, [X1] */
		SYNC_CODE(victim_buffer);
		at_el2(0, 0xd5100081u | last << 8, 0x12345678);
		at_el2(0, 0xd51000a1u | last << 8, 3u << 20 | FOR(3) | BYTES(15));
		MSR(contextidr_el1, host ? second : first);
		MSR(s3_4_c13_c0_1, host ? first : second); /* CONTEXTIDR_EL2 */
		MSR(dbgbvr0_el1, (uint64_t)victim_buffer);
		MSR(dbgwvr0_el1, at);
		MSR(dbgbcr0_el1, data ? 0 : FOR(3) | LINKED(last) | BYTES(15));
		MSR(dbgwcr0_el1, data ? FOR(3) | LINKED(last) | LOADS | BYTES(0xff) : 0);
		MSR(mdcr_el2, mdcr | MDCR_TDE);
		MSR(mdscr_el1, MDE);
		ISB();
		space.hcr |= host ? HCR_TGE : 0;
		below_vhe = true;
		a = below_with(el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED, victim_buffer, 0, at);
		below_vhe = false;
		space.hcr &= ~HCR_TGE;
		MSR(mdscr_el1, 0);
		MSR(dbgbcr0_el1, 0);
		MSR(dbgwcr0_el1, 0);
		MSR(mdcr_el2, mdcr);
		ISB();
		at_el2(0, 0xd51000a1u | last << 8, 0);
		if (host && (a.esr & ESR_EC) == PLACE(ESR_EC, ESR_EC_SVC))
			a.came = DONE;
		if (mine)
			CHECK_ESR(a, TO_EL2, ESR_EC, classes, "DBGBCR<n>_EL1.BT 3, IsInHost()",
				  "a %s at EL%d of %s, its context, the other register's %d",
				  data ? "watchpoint" : "breakpoint", (uint64_t)!el0,
				  host ? "a host" : "a host's guest", (uint64_t)other);
		else
			expect(DONE, a.came, "exception taken", "DBGBCR<n>_EL1.BT 3, IsInHost()",
			       "a %s at EL%d of %s, another context, the other register's %d",
			       data ? "watchpoint" : "breakpoint", (uint64_t)!el0, host ? "a host" : "a host's guest",
			       (uint64_t)other);
	}
	MSR(contextidr_el1, 0);
	MSR(s3_4_c13_c0_1, 0);
}

/* Unprivileged accesses of EL1 are EL0's. */
static void unprivileged(bool stage2)
{
	static const struct {
		const char *name;
		uint32_t word;
	} all[] = { { "LDTR", 0xf8400820 }, { "STTR", 0xf8000820 } };
	uint64_t mdcr = MRS(mdcr_el2);

	space_new(12, 1, 1, true, stage2, false);
	map_s1(FAR & ~0xfffull, 3, stage2 ? FAR & ~0xfffull : (uint64_t)page_a, PTE_AF | PTE_S1_EL0);
	if (stage2)
		map_s2(FAR & ~0xfffull, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
	MSR(mdcr_el2, mdcr | MDCR_TDE);
	MSR(mdscr_el1, MDE);
	MSR(dbgwvr0_el1, FAR);
	for (unsigned n = 0; n < 2 * LENGTH(all); n++) {
		unsigned pac = 1 + n / 2;
		struct answer a;

		*(volatile uint32_t *)victim_buffer = all[n & 1].word;
		SYNC_CODE(victim_buffer);
		MSR(dbgwcr0_el1, FOR(pac) | LOADS | STORES | BYTES(0xff));
		ISB();
		a = below_with(SPSR_MODE_EL1H_MASKED, victim_buffer, 0, FAR);
		if (pac == 2)
			CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_WATCHPOINT), "D2.10, unprivileged accesses",
				  "%s at EL1, PAC %d, stage 2 %d", all[n & 1].name, (uint64_t)pac, (uint64_t)stage2);
		else
			expect(DONE, a.came, "exception taken", "D2.10, unprivileged accesses",
			       "%s at EL1, PAC %d, stage 2 %d", all[n & 1].name, (uint64_t)pac, (uint64_t)stage2);
	}
	MSR(dbgwcr0_el1, 0);
	MSR(mdscr_el1, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
}

void check_debug(void)
{
	if (!features.granule[0]) {
		skip("debug", "no 4 KB granule");
		return;
	}
	group("debug");
	space_new(12, 1, 1, true, true, false);
	map_s1(FAR & ~0xfffull, 3, FAR & ~0xfffull, PTE_AF | PTE_S1_EL0);
	map_s2(FAR & ~0xfffull, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	forget();
	for (enum kind kind = BREAKPOINT; kind < KINDS; kind++)
		routes(kind);
	accesses();
	links();
	if (features.vhe) {
		link_halves();
		links_of_host();
	}
	places();
	stepped();
	numbered();
	pages_fill();
	ranges_watched();
	unprivileged(false);
	unprivileged(true);
	pages_fill();
	group_end();
}

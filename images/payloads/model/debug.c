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

/* Linked to a breakpoint of a context, the last one: it is for CONTEXTIDR_EL1 of that value alone. */
static void links(void)
{
	uint64_t dfr0 = MRS(id_aa64dfr0_el1);
	unsigned last = BITS(dfr0, 15, 12);

	for (unsigned n = 0; n < 16; n++) {
		struct debug_case c = { .kind = n & 1 ? WATCHPOINT : BREAKPOINT, .el0 = n & 2, .tde = true };
		bool same = n & 4, on = n & 8;

		c.control = FOR(3) | LINKED(last) | (n & 1 ? LOADS | STORES | BYTES(0xff) : BYTES(15));
		at_el2(0, 0xd5100081u | last << 8, 0x12345678); /* MSR DBGBVR<last>_EL1, X1 */
		at_el2(0, 0xd51000a1u | last << 8,
		       on ? 3ull << 20 | FOR(3) | BYTES(15) : 0); /* DBGBCR<last>_EL1: linked context */
		MSR(contextidr_el1, same ? 0x12345678 : 0x12345679);
		ISB();
		check(&c, same && on, "DBGBCR<n>_EL1.BT, LBN");
		at_el2(0, 0xd51000a1u | last << 8, 0);
	}
	MSR(contextidr_el1, 0);
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
	pages_fill();
	group_end();
}

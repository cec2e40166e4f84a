// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT for L2's regime and for vEL2's own, and PAR_EL1: each operation for a page in every state that either stage can
 * have, before L2 has used it and afterwards, and after an operation that takes a translation away. A TLB may answer (Arm ARM
 * DDI 0487 M.a.a, R_NPZWX), so each step waits until the architecture allows one answer alone. C5.4, D24.2 PAR_EL1.
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"
#include "host/features.h"

enum state_of_page {
	READ_WRITE,
	USER,
	READ_ONLY,
	USER_READ_ONLY,
	ACCESS_FLAG,
	INVALID,
	TABLE_READ_ONLY,
	TABLE_NO_USER,
	TABLE_BOTH,
	S2_INVALID,
	S2_READ_ONLY,
	S2_WRITE_ONLY,
	S2_ACCESS_FLAG,
	WALK_INVALID,
	WALK_WRITE_ONLY,
	WALK_ACCESS_FLAG,
	STATES
};
static const char *const state_words[STATES] = {
	"read-write",	   "user",	    "read-only",       "user-read-only",   "access-flag",  "invalid",
	"table-read-only", "table-no-user", "table-both",      "s2-invalid",	   "s2-read-only", "s2-write-only",
	"s2-access-flag",  "walk-invalid",  "walk-write-only", "walk-access-flag",
};

/* At level 3. */
#define FAILED(kind) AT_FAILED(kind, 3)

static uint64_t permitted(enum state_of_page state, enum at_operation op)
{
	bool user = state == USER || state == USER_READ_ONLY || state == TABLE_READ_ONLY || state >= S2_INVALID;
	bool writable = state != READ_ONLY && state != USER_READ_ONLY && state != TABLE_READ_ONLY && state != TABLE_BOTH;

	return (at_is_el0(op) && !user) || (at_is_write(op) && !writable) ? FAILED(AT_PERMISSION) : 0;
}

static uint64_t stage2(enum state_of_page state, enum at_operation op, uint64_t page)
{
	switch (state) {
	case S2_INVALID:
		return FAILED(AT_TRANSLATION) | PAR_S;
	case S2_ACCESS_FLAG:
		return FAILED(AT_ACCESS_FLAG) | PAR_S;
	case S2_READ_ONLY:
		return at_is_write(op) ? FAILED(AT_PERMISSION) | PAR_S : page;
	case S2_WRITE_ONLY:
		return at_is_write(op) ? page : FAILED(AT_PERMISSION) | PAR_S;
	default:
		return page;
	}
}

/* What PAR_EL1 says of a page with that IPA and PA. */
static uint64_t par_of(enum state_of_page state, enum at_operation op, uint64_t ipa, uint64_t page)
{
	switch (state) {
	case WALK_INVALID:
		return FAILED(AT_TRANSLATION) | PAR_S | PAR_PTW;
	case WALK_ACCESS_FLAG:
		return FAILED(AT_ACCESS_FLAG) | PAR_S | PAR_PTW;
	case WALK_WRITE_ONLY:
		return FAILED(AT_PERMISSION) | PAR_S | PAR_PTW;
	case INVALID:
		return FAILED(AT_TRANSLATION);
	case ACCESS_FLAG:
		return FAILED(AT_ACCESS_FLAG);
	default:
		break;
	}
	if (permitted(state, op))
		return permitted(state, op);
	return at_is_both(op) ? stage2(state, op, page) : ipa;
}

static uint64_t stage1_bits(enum state_of_page state)
{
	bool user = state == USER || state == USER_READ_ONLY || state >= TABLE_READ_ONLY;

	return PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | (user ? PTE_S1_EL0 : 0) |
	       (state == READ_ONLY || state == USER_READ_ONLY ? PTE_S1_RO : 0);
}

static void set_state(struct litmus *l, const struct known *k, enum state_of_page state)
{
	uint64_t descriptor = leaf_s1(k->ipa & ~((1ull << l->shift) - 1), 3, stage1_bits(state));

	if (state == ACCESS_FLAG)
		add_poke(l, TABLE_PA, descriptor & ~PTE_AF);
	if (state == INVALID)
		add_poke(l, TABLE_PA, 0);
	if (state == S2_INVALID || state == S2_ACCESS_FLAG)
		known_stage2(l, k->ipa, state == S2_INVALID ? 0 : PAGE_PA, PTE_S2_R | PTE_S2_W, PTE_AF);
	if (state == S2_READ_ONLY || state == S2_WRITE_ONLY)
		known_stage2(l, k->ipa, PAGE_PA, state == S2_READ_ONLY ? PTE_S2_R : PTE_S2_W, 0);
	if (state == WALK_INVALID || state == WALK_ACCESS_FLAG)
		known_stage2(l, k->table, state == WALK_INVALID ? 0 : TABLE_PA, PTE_S2_R | PTE_S2_W, PTE_AF);
	if (state == WALK_WRITE_ONLY)
		known_stage2(l, k->table, TABLE_PA, PTE_S2_W, 0);
}

static void ask_all(struct litmus *l, const struct known *k, enum state_of_page state, uint64_t ipa, uint64_t page)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, k->va, par_of(state, op, ipa, page));
}

/* The range form where L1 has it: one page either way. */
static unsigned forget_page(const struct litmus *l)
{
	unsigned range = op_named("ripas2e1is");

	return vm_lacks(l->vm, &operations[range]) ? op_named("ipas2e1is") : range;
}

static uint64_t table_bits(enum state_of_page state)
{
	return state == TABLE_READ_ONLY ? PTE_TABLE_RO
	       : state == TABLE_NO_USER ? PTE_TABLE_NO_EL0
	       : state == TABLE_BOTH	? PTE_TABLE_RO | PTE_TABLE_NO_EL0
					: 0;
}

/* l->hint: L2 has used the page, so that L0 has a shadow of it, and of the table. */
static void build_at(struct litmus *l)
{
	enum state_of_page state = (enum state_of_page)l->variant;
	uint64_t page = 1ull << l->shift;
	struct known k = known_page(l, stage1_bits(state), l->scale ? 0 : table_bits(state));

	if (l->scale) { /* in a table above the last instead */
		add_write(l, STEP_S1, 0, k.va, table_bits(state), l->scale);
		last_step(l)->flags = STEP_MERGE;
	}
	if (l->hint) {
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
		known_forget(l, op_named("ipas2e1is"), state >= WALK_INVALID ? k.table : k.ipa, 0);
	}
	set_state(l, &k, l->vm->shared->skip ? (state == INVALID ? ACCESS_FLAG : INVALID) : state);
	ask_all(l, &k, state, k.ipa, PAGE_PA);
	if (state > TABLE_BOTH || state == INVALID || state == ACCESS_FLAG) {
		known_end(l, &k);
		return;
	}
	/* L2's table is replaced: its descriptor has the other page. */
	known_stage2(l, k.table, 0, 0, 0);
	known_forget(l, op_named("ipas2e1is"), k.table, 0);
	ask_all(l, &k, WALK_INVALID, 0, 0);
	known_stage2(l, k.table, TABLE_NEXT_PA, PTE_S2_R | PTE_S2_W, 0);
	ask_all(l, &k, state, k.ipa + page, PAGE_NEXT_PA);
	/* And the other page goes. */
	known_stage2(l, k.ipa + page, 0, 0, 0);
	known_forget(l, forget_page(l), k.ipa + page, 0);
	for (enum at_operation op = AT_S12E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, k.va, permitted(state, op) ? permitted(state, op) : stage2(S2_INVALID, op, 0));
	known_stage2(l, k.ipa + page, PAGE_PA, PTE_S2_R | PTE_S2_W, 0);
	ask_all(l, &k, state, k.ipa + page, PAGE_PA);
	known_end(l, &k);
}

/* vEL2's own translation: AT S1E2R and S1E2W, and with {E2H,TGE} = {1,1} the forms of EL1, which are for EL2&0 then. */
static void build_own(struct litmus *l)
{
	enum state_of_page state = (enum state_of_page)l->variant, seen = state;
	uint64_t at = place_va(l, E2_TEST_VA, input_bits(l->shift)), usual = l->config.e2h0 ? PTE_S1_EL0 | PTE_S1_UXN : 0;
	uint64_t bits = l->config.e2h0 ? (state == READ_ONLY ? PTE_S1_RO : 0) : stage1_bits(state);
	uint64_t descriptor = leaf_s1(DATA_PA, 3, bits | usual);

	add_context(l, 0, VMID, 0, false, true);
	if (!l->config.e2h0)
		l->vm->shared->context[0].hcr |= HCR_TGE;
	if (l->vm->shared->skip)
		descriptor = state == INVALID ? descriptor : 0;
	else if (state == INVALID || state == ACCESS_FLAG)
		descriptor = state == INVALID ? 0 : descriptor & ~PTE_AF;
	add_write(l, STEP_E2, 0, at, descriptor, 3);
	for (unsigned i = 0; i < 2; i++) {
		for (enum at_operation op = AT_S1E2R; op <= AT_S1E2W; op++)
			add_at(l, 0, op, at, par_of(seen, op, i ? DATA_PA + leaf_size(l) : DATA_PA, 0));
		for (enum at_operation op = AT_S1E1R; !l->config.e2h0 && op <= AT_S1E0W; op++)
			add_at(l, 0, op, at, par_of(seen, op, i ? DATA_PA + leaf_size(l) : DATA_PA, 0));
		/* EL2&0 has one stage, and HCR_EL2.VM makes no second of AT S12E1R. */
		for (enum at_operation op = AT_S12E1R; !l->config.e2h0 && op < AT_TEXT; op++)
			add_at(l, 0, op, at,
			       par_of(seen, (enum at_operation)(op - AT_S12E1R), i ? DATA_PA + leaf_size(l) : DATA_PA, 0));
		add_write(l, STEP_E2, 0, at, 0, 3);
		add_tlbi(l, 0, op_named("vae2is"), operand_address(true, at, E2_ASID, 0), 0);
		for (enum at_operation op = AT_S1E2R; !i && op <= AT_S1E2W; op++)
			add_at(l, 0, op, at, FAILED(AT_TRANSLATION));
		if (!i && !l->vm->shared->skip)
			add_write(l, STEP_E2, 0, at, leaf_s1(DATA_PA + leaf_size(l), 3, stage1_bits(USER) | usual), 3);
		seen = USER;
	}
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

void cases_at(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION, .config = { .cpus = 1, .spare = 2 }, .build = build_at, .regime = "el1&0",
			    .level = 3, .any_stage2 = true, .own = true };

	for (l.shift = 12; l.shift <= 16; l.shift += 2) {
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.variant = 0; l.variant < STATES; l.variant++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					list_add(list, &l, "at-l2/%s/%s%s/%s", granule_word(l.shift), state_words[l.variant],
						 place_words[l.place], l.hint ? "used" : "fresh");
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++) /* permissions of tables above the last */
			for (l.variant = TABLE_READ_ONLY; l.variant <= TABLE_BOTH; l.variant++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					for (l.scale = start_level(l.shift); l.scale < 2; l.scale++)
						list_add(list, &l, "at-l2/%s/%s-level%u%s/%s", granule_word(l.shift),
							 state_words[l.variant], l.scale, place_words[l.place],
							 l.hint ? "used" : "fresh");
		l.scale = 0;
	}
	l.config.e2h0 = true; /* an L1 without VHE asks: each state with one granule */
	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.variant = 0; l.variant < STATES; l.variant++)
			for (l.hint = 0; l.hint < 2; l.hint++) {
				l.shift = 12 + 2 * ((unsigned)(l.variant + l.place) % 3);
				list_add(list, &l, "nvhe-at-l2/%s/%s%s/%s", granule_word(l.shift),
					 state_words[l.variant], place_words[l.place], l.hint ? "used" : "fresh");
			}
	l.build = build_own;
	l.hint = 0;
	l.vel2 = true;
	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.place = PLACE_LOW; l.place < (nvhe ? PLACE_HIGH : PLACES); l.place++)
				for (l.variant = 0; l.variant <= INVALID; l.variant++) {
					if (nvhe && (l.variant == USER || l.variant == USER_READ_ONLY))
						continue; /* there is no EL0 */
					l.config.e2h0 = nvhe;
					l.regime = nvhe ? "el2" : "el2&0";
					list_add(list, &l, "at-el2/%s/%s/%s%s", nvhe ? "nvhe" : "vhe", granule_word(l.shift),
						 state_words[l.variant], place_words[l.place]);
				}
}

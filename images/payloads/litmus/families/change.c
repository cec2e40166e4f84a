// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other changes of a stage-2 leaf than its end: permissions taken away, a block split into a table, a table
 * collapsed into a block, and one VMID with two tables.
 */
#include "families/families.h"
#include "families/two_tables.h"
#include "host/program.h"

#define WRITTEN 0x77

static void invalidate(struct litmus *l, uint64_t operand)
{
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

static void attempt(struct litmus *l, enum access access, uint64_t at, enum role role, uint64_t old)
{
	add_access(l, 0, access, at, false, role, old, 0);
	last_step(l)->b = WRITTEN;
	last_probe(l)->fault = FAULT_PERMISSION;
}

/* No break-before-make: less permission for the same output needs none (Arm ARM R_WHZWS). */
static void build_permission(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, ipa, 0, l->hint ? l->level : 0);
	bool execute = l->variant;
	enum access access = execute ? ACCESS_EXECUTE : ACCESS_WRITE;
	uint64_t all = PTE_S2_R | PTE_S2_W, less = execute ? all | PTE_S2_XN : PTE_S2_R;
	uint64_t old = execute ? CODE_RESULT : 0;
	uint64_t at = ipa + leaf_size(l) - (1ull << l->shift), pa = DATA_PA + (at - ipa);

	add_context(l, 0, VMID, 0, false, true);
	add_code(l, pa, CODE);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, l->level, all), l->level);
	attempt(l, access, at, ROLE_BEFORE, old);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(DATA_PA, l->level, less), l->level);
	attempt(l, access, at, ROLE_STALE, old);
	invalidate(l, operand);
	attempt(l, access, at, stage2_obliged(l, operand, ipa, l->level) ? ROLE_GONE : ROLE_FREE, old);
	/* What is still allowed goes on: reading. */
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, execute ? CODE : WRITTEN);
	add_cleanup(l, 0, ipa, l->level, 1);
}

/* First, middle and last child of a block. */
static uint64_t child(const struct litmus *l, unsigned i)
{
	uint64_t size = 1ull << level_shift(l->shift, l->level + 1);

	return i == 0 ? 0 : i == 1 ? leaf_size(l) / 2 : leaf_size(l) - size;
}

/* L2 reads the three children of the block at `ipa`, whose memory is at `pa` now. */
static void read_children(struct litmus *l, uint64_t ipa, uint64_t pa, enum role role)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t value = value_at(pa + child(l, i));

		add_access(l, 0, ACCESS_READ, ipa + child(l, i), false, role, role == ROLE_AFTER ? 0 : value,
			   role == ROLE_AFTER ? value : 0);
	}
	add_together(l, 3);
}

static void put_values(struct litmus *l, uint64_t pa)
{
	for (unsigned i = 0; i < 3; i++)
		add_poke(l, pa + child(l, i), value_at(pa + child(l, i)));
}

static void build_split(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, ipa, 0, l->hint ? l->level : 0);
	uint64_t pa = DATA_PA, next = DATA_PA + leaf_size(l), all = PTE_S2_R | PTE_S2_W;
	bool must = stage2_obliged(l, operand, ipa, l->level);

	add_context(l, 0, VMID, 0, false, true);
	put_values(l, pa);
	put_values(l, next);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(pa, l->level, all), l->level);
	read_children(l, ipa, pa, ROLE_BEFORE);
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	read_children(l, ipa, pa, ROLE_STALE);
	invalidate(l, operand);
	for (unsigned i = 0; i < 3; i++) {
		add_access(l, 0, ACCESS_READ, ipa + child(l, i), false, must ? ROLE_GONE : ROLE_FREE,
			   value_at(pa + child(l, i)), 0);
		add_write(l, STEP_S2, 0, ipa + child(l, i), leaf_s2(next + child(l, i), l->level + 1, all), l->level + 1);
		if (must)
			add_access(l, 0, ACCESS_READ, ipa + child(l, i), false, ROLE_AFTER, 0, value_at(next + child(l, i)));
	}
	add_cleanup(l, 0, ipa, l->level, 1);
	for (unsigned i = 0; i < 3; i++)
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, ipa + child(l, i), 0, 0), 0);
}

/* Each child is an entry of its own: an operation by address is for one of them. */
static void build_collapse(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, ipa, 0, 0);
	uint64_t pa = DATA_PA, next = DATA_PA + leaf_size(l), all = PTE_S2_R | PTE_S2_W;

	add_context(l, 0, VMID, 0, false, true);
	put_values(l, pa);
	put_values(l, next);
	for (unsigned i = 0; i < 3; i++)
		add_write(l, STEP_S2, 0, ipa + child(l, i), leaf_s2(pa + child(l, i), l->level + 1, all), l->level + 1);
	read_children(l, ipa, pa, ROLE_BEFORE);
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	read_children(l, ipa, pa, ROLE_STALE);
	invalidate(l, operand);
	for (unsigned i = 0; i < 3; i++) {
		bool must = stage2_obliged(l, operand, ipa + child(l, i), l->level + 1);

		add_access(l, 0, ACCESS_READ, ipa + child(l, i), false, must ? ROLE_GONE : ROLE_FREE,
			   value_at(pa + child(l, i)), 0);
	}
	/* Before the block may be made, all of the children have to go. */
	for (unsigned i = 0; i < 3; i++)
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, ipa + child(l, i), 0, 0), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(next, l->level, all), l->level);
	read_children(l, ipa, next, ROLE_AFTER);
	add_cleanup(l, 0, ipa, l->level, 1);
}

static void build_two_tables(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1);

	for (unsigned ctx = 0; ctx < 2; ctx++) {
		add_context(l, ctx, VMID, 0, false, true);
		two_tables_map(l, ctx, ipa);
	}
	two_tables_invalidate(l, ipa, operand_whole(l, ipa, 0, l->hint ? l->level : 0));
	add_cleanup(l, 0, ipa, l->level, 1);
}

static void add_changes(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];
	const char *granule = granule_word(l.shift);

	for (l.hint = 0; l.hint < 2; l.hint++) {
		const char *hint = l.hint ? "ttl" : "no-ttl";

		l.build = build_permission;
		for (l.variant = 0; l.variant < 2; l.variant++)
			list_add(list, &l, "%s/%s/%s/%s/%s", l.variant ? "s2-execute" : "s2-write", op->name, granule,
				 size_word(leaf_size(&l)), hint);
		l.build = build_two_tables;
		if (l.shift == 12)
			list_add(list, &l, "s2-two-tables/%s/%s/%s/%s", op->name, granule, size_word(leaf_size(&l)), hint);
		l.build = build_split;
		if (l.level < 3)
			list_add(list, &l, "s2-split/%s/%s/%s/%s", op->name, granule, size_word(leaf_size(&l)), hint);
	}
	l.hint = 0;
	l.build = build_collapse;
	/* The last-level forms leave the descriptor of the table itself. */
	if (l.level < 3 && !op->last_level)
		list_add(list, &l, "s2-collapse/%s/%s/%s", op->name, granule, size_word(leaf_size(&l)));
}

void cases_change(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		if (operations[op].family != ipas2e1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2)
			for (unsigned level = start_level(shift); level <= 3; level++)
				add_changes(list, (struct litmus){ .op = op,
								   .config = { .cpus = 1, .spare = 2 },
								   .regime = "el1&0-stage2",
								   .shift = shift,
								   .level = level });
	}
}

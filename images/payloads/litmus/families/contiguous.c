// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves of stage 2 that the contiguous bit makes a group of (Arm ARM DDI 0487 M.a.a, D8.7.1): 16 with 4K pages, 32 or 128 with
 * 16K, 32 with 64K. L2 uses the first, one in the middle and the last one, each at its last page; L1 takes all of them away, and
 * the operation is for one. Groups are as large as the memory that L1 has for them.
 */
#include "families/families.h"
#include "host/program.h"

#define LOOKS 3

static unsigned member(const struct litmus *l, unsigned look)
{
	unsigned n = contiguous(l->shift, l->level);

	return look == 0 ? 0 : look == 1 ? n / 2 + 1 : n - 1;
}

static void write_group(struct litmus *l, uint64_t ipa, uint64_t descriptor)
{
	add_write(l, STEP_S2, 0, ipa, descriptor, l->level);
	last_step(l)->d = contiguous(l->shift, l->level);
}

/* struct litmus.position: which of them the operation is for. */
static void build_contiguous(struct litmus *l)
{
	unsigned n = contiguous(l->shift, l->level);
	uint64_t size = leaf_size(l), group = n * size, page = 1ull << l->shift, last = size - page;
	uint64_t ipa = fresh_ipa(l->shift, l->level, n), all = PTE_S2_R | PTE_S2_W;
	uint64_t operand = operand_whole(l, ipa + member(l, (unsigned)l->position) * size, 0, l->hint ? l->level : 0);
	uint64_t at[LOOKS], old[LOOKS], now[LOOKS];

	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t offset = member(l, i) * size + last;

		at[i] = ipa + offset;
		old[i] = value_at(DATA_PA + offset);
		now[i] = value_at(DATA_PA + group + offset);
		add_poke(l, DATA_PA + offset, old[i]);
		add_poke(l, DATA_PA + group + offset, now[i]);
	}
	write_group(l, ipa, leaf_s2(DATA_PA, l->level, all) | PTE_CONTIGUOUS);
	for (unsigned i = 0; i < LOOKS; i++)
		add_access(l, 0, ACCESS_READ, at[i], false, ROLE_BEFORE, old[i], 0);
	write_group(l, ipa, 0);
	for (unsigned i = 0; i < LOOKS; i++)
		add_access(l, 0, ACCESS_READ, at[i], false, ROLE_STALE, old[i], 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	for (unsigned i = 0; i < LOOKS; i++) {
		bool must = stage2_obliged(l, operand, ipa + member(l, i) * size, l->level);

		add_access(l, 0, ACCESS_READ, at[i], false, must ? ROLE_GONE : ROLE_FREE, old[i], 0);
	}
	for (unsigned i = 0; i < LOOKS; i++)
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, at[i], 0, 0), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	write_group(l, ipa, leaf_s2(DATA_PA + group, l->level, all) | PTE_CONTIGUOUS);
	for (unsigned i = 0; i < LOOKS; i++)
		add_access(l, 0, ACCESS_READ, at[i], false, ROLE_AFTER, old[i], now[i]);
	write_group(l, ipa, 0);
	for (unsigned i = 0; i < LOOKS; i++)
		add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, at[i], 0, 0), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

void cases_contiguous(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		struct litmus l = {
			.op = op, .config = { .cpus = 1, .spare = 2 }, .build = build_contiguous, .regime = "el1&0-stage2"
		};

		if (operations[op].family != ipas2e1)
			continue;
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.level = 2; l.level <= 3; l.level++)
				for (l.position = 0; l.position < LOOKS; l.position++)
					for (l.hint = 0; l.hint < 2; l.hint++)
						if (2 * contiguous(l.shift, l.level) * leaf_size(&l) <= DATA_SIZE)
							list_add(list, &l, "s2-contiguous/%s/%s/%s-%s/%s",
								 operations[op].name, granule_word(l.shift),
								 size_word(leaf_size(&l)),
								 l.position == 0   ? "first"
								 : l.position == 1 ? "middle"
										   : "last",
								 l.hint ? "ttl" : "no-ttl");
	}
}

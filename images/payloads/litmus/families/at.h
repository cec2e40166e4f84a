/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms of AT, and PAR_EL1 where one fails (Arm ARM DDI 0487 M.a.a, C5.4, D24.2 PAR_EL1). families/at*.c. */
#ifndef NVH_LITMUS_FAMILIES_AT_H
#define NVH_LITMUS_FAMILIES_AT_H

#include "host/program.h"

/* The kind of fault of PAR_EL1.FST, and FST with its level. */
enum at_fault { AT_ADDRESS_SIZE, AT_TRANSLATION, AT_ACCESS_FLAG, AT_PERMISSION };
#define AT_FAILED(kind, level) (PAR_F | PLACE(PAR_FST, (kind) << 2 | (level)))

static inline bool at_is_write(enum at_operation op)
{
	return op & 1;
}

static inline bool at_is_el0(enum at_operation op)
{
	return op == AT_S1E0R || op == AT_S1E0W || op == AT_S12E0R || op == AT_S12E0W;
}

/*
 * L0's shadow of the first 2 MiB of the pool goes, where L2's tables are, so that L0 walks them in software. The hint is no leaf's of
 * L1, and obliges to nothing: where an L0 keeps its shadow, its MMU answers.
 */
static inline void at_forget_tables(struct litmus *l)
{
	add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, POOL_PA, 0, ttl_for(12, 2)), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

/* It goes on to stage 2. */
static inline bool at_is_both(enum at_operation op)
{
	return op >= AT_S12E1R && op < AT_TEXT;
}

/* Each form for EL1&0: PAR_EL1 of those that end with stage 1, and of the others. */
static inline void at_ask(struct litmus *l, uint64_t va, uint64_t stage1, uint64_t both)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, va, at_is_both(op) ? both : stage1);
}

/* Where a walk leads: an address, and its memory as ATTR and SH of PAR_EL1 say it. */
struct at_memory {
	uint64_t at;
	unsigned attr, sh;
};

static inline void at_finds(struct litmus *l, unsigned ctx, enum at_operation op, uint64_t va, struct at_memory m)
{
	add_at(l, ctx, op, va, m.at);
	last_probe(l)->old |= PAR_ATTR | PAR_SH;
	last_probe(l)->now |= PLACE(PAR_ATTR, m.attr) | PLACE(PAR_SH, m.sh);
}

/* at_ask() for forms that succeed, with the memory. */
static inline void at_ask_memory(struct litmus *l, unsigned ctx, uint64_t va, struct at_memory stage1,
				 struct at_memory both)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		at_finds(l, ctx, op, va, at_is_both(op) ? both : stage1);
}

#endif

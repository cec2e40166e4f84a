// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1's stage-2 tables can be wrong in, at each level: L2's access is a fault of that kind and level, told to L1 (Arm
 * ARM DDI 0487 M.a.a, D8.15: R_VZZSZ, R_CVSBH, R_BFHQH). s2-fault: a descriptor, with two faults, too, of which an Address size
 * fault comes before an Access flag fault, and that before a Permission fault (D8.15.5).
 * s2-fault-base and -input: VTTBR_EL2 and VTCR_EL2. s2-xnx: XN[1:0] by the EL that executes (FEAT_XNX).
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"
#include "pa_size.h"

#define TABLE_PA (DATA_PA + 0x1000000)
#define TOO_FAR (1ull << 40) /* above VTCR_EL2.PS */
#define PS_40_BITS 2
#define PS_LEAST 1 /* 36 bits: all memory of a case is below */
#define PS_MOST 4
#define OFFSET 0x128 /* in the page */

/* Of a descriptor: its own address or its table's is too large, no memory is there, it is reserved, a block is too high; or none. */
enum {
	LEAF_SIZE,
	TABLE_SIZE,
	TABLE_GONE,
	RESERVED,
	BLOCK_HIGH,
	INVALID,
	FORBIDDEN,
	NO_FLAG,
	/* Two at once, of which the first is told. */
	SIZE_NO_FLAG,
	SIZE_FORBIDDEN,
	FLAG_FORBIDDEN,
	DESCRIPTORS
};
static const char *const descriptor_words[DESCRIPTORS] = { "leaf-size",
							   "table-size",
							   "table-gone",
							   "reserved",
							   "block-high",
							   "invalid",
							   "permission",
							   "access-flag",
							   "leaf-size-and-access-flag",
							   "leaf-size-and-permission",
							   "access-flag-and-permission" };
/* Of the registers: the address of the first table, no memory there, T0SZ below and above what there is. */
enum { BASE_SIZE, BASE_GONE, INPUT_LARGE, INPUT_SMALL, BASES };
static const char *const base_words[BASES] = { "base-size", "base-gone", "input-large", "input-small" };

static const enum access accesses[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };
static const char *const access_words[] = { "read", "write", "execute" };

/* The first level at which there may be a block, and the first of 48 bits. */
static unsigned first_block(unsigned shift)
{
	return shift == 12 ? 1 : 2;
}

static unsigned first_level(unsigned shift)
{
	return shift == 12 ? 0 : 1;
}

static void expect_fault(struct litmus *l, enum fault fault, uint64_t type, unsigned level, uint64_t at)
{
	static const uint64_t classes[] = { ESR_EC_DABT_LOW, ESR_EC_DABT_LOW, ESR_EC_IABT_LOW };
	struct probe *p = last_probe(l);
	bool write = accesses[l->position] == ACCESS_WRITE;

	p->at = at;
	p->fault = fault;
	p->esr_mask = ESR_EC | ESR_S1PTW | ESR_WNR | ESR_FSC;
	p->esr = PLACE(ESR_EC, classes[l->position]) | (write ? ESR_WNR : 0) | PLACE(ESR_FSC_TYPE, type) | level;
	if (accesses[l->position] == ACCESS_EXECUTE || fault == FAULT_EXTERNAL_WALK)
		return;
	/* LDR or STR of 64 bits: a valid syndrome (D24.2.46, ISV) */
	p->esr_mask |= ESR_ISV | ESR_SAS | ESR_SSE | ESR_SRT | ESR_SF | ESR_AR;
	p->esr |= ESR_ISV | PLACE(ESR_SAS, 3) | PLACE(ESR_SRT, access_register(p->step, write)) | ESR_SF;
}

/* struct litmus.scale: VTCR_EL2.PS, where it is not the usual. */
static unsigned ps_of(const struct litmus *l)
{
	return l->scale ? l->scale : PS_40_BITS;
}

static uint64_t too_far(const struct litmus *l)
{
	return 1ull << pa_sizes[ps_of(l)];
}

static uint64_t wrong_descriptor(const struct litmus *l)
{
	uint64_t leaf = leaf_s2(DATA_PA, l->level, PTE_S2_R | PTE_S2_W);
	static const uint64_t without[] = { PTE_S2_R, PTE_S2_W, 0 };
	uint64_t forbidden = (leaf & ~without[l->position]) | (accesses[l->position] == ACCESS_EXECUTE ? PTE_S2_XN : 0);

	switch (l->variant) {
	case LEAF_SIZE:
		return leaf | too_far(l);
	case TABLE_SIZE:
		return table_descriptor(TABLE_PA | too_far(l));
	case TABLE_GONE:
		return table_descriptor(NO_MEMORY_PA);
	case INVALID:
		return 0;
	case FORBIDDEN:
		return forbidden;
	case NO_FLAG:
		return leaf & ~PTE_AF;
	case SIZE_NO_FLAG:
		return (leaf & ~PTE_AF) | too_far(l);
	case SIZE_FORBIDDEN:
		return forbidden | too_far(l);
	case FLAG_FORBIDDEN:
		return forbidden & ~PTE_AF;
	default: /* bits [1:0] = 0b01, which is a block elsewhere */
		return leaf & ~PTE_TABLE;
	}
}

static void expect_wrong(struct litmus *l, uint64_t at)
{
	switch (l->variant) {
	case LEAF_SIZE:
	case SIZE_NO_FLAG:
	case SIZE_FORBIDDEN:
	case TABLE_SIZE:
		expect_fault(l, FAULT_ADDRESS_SIZE, ESR_FSC_TYPE_ADDRESS_SIZE, l->level, at);
		break;
	case TABLE_GONE: /* the level of the descriptor that cannot be read */
		expect_fault(l, FAULT_EXTERNAL_WALK, ESR_FSC_TYPE_EXTERNAL_WALK, l->level + 1, at);
		break;
	case FORBIDDEN:
		expect_fault(l, FAULT_PERMISSION, ESR_FSC_TYPE_PERMISSION, l->level, at);
		break;
	case NO_FLAG:
	case FLAG_FORBIDDEN:
		expect_fault(l, FAULT_ACCESS_FLAG, ESR_FSC_TYPE_ACCESS_FLAG, l->level, at);
		break;
	default:
		expect_fault(l, FAULT_TRANSLATION, ESR_FSC_TYPE_TRANSLATION, l->level, at);
		break;
	}
}

static void context_of(struct litmus *l, unsigned ctx)
{
	struct context *c = &l->vm->shared->context[ctx];

	add_context(l, ctx, VMID, 0, false, true);
	context_wide(l, ctx, 48);
	c->vtcr = (c->vtcr & ~VTCR_PS) | PLACE(VTCR_PS, ps_of(l));
}

/* From a page that L2 uses to the wrong descriptor at l->level, and from there to another page. */
static void build_descriptor(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1) | FAR_IPA, page = 1ull << l->shift, all = PTE_S2_R | PTE_S2_W;
	uint64_t old = value_at(DATA_PA), now = value_at(DATA_PA + page);

	context_of(l, 0);
	add_poke(l, DATA_PA, old);
	add_poke(l, DATA_PA + OFFSET, old);
	add_poke(l, DATA_PA + page, now);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, 3, all), 3);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, at, wrong_descriptor(l), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_STALE, old, 0);
	add_tlbi(l, 0, l->op, operand_address(false, at, 0, 0), STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	/* FAR_EL2 has the bits in the page, too. */
	add_access(l, 0, accesses[l->position], at + OFFSET, false, ROLE_GONE, l->position ? 0 : old, 0);
	expect_wrong(l, at);
	last_probe(l)->far = at + OFFSET;
	add_cleanup(l, 0, at, l->level, 1);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA + page, 3, all), 3);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, old, now);
	add_cleanup(l, 0, at, first_level(l->shift), 1);
}

#define FLAG_TABLE_OFFSET 0x10000

/* VTCR_EL2.HA, and a table of one page for `at` in L0's event memory. Returns where `descriptor` is. */
static uint64_t flag_table(struct litmus *l, uint64_t at, uint64_t descriptor)
{
	uint64_t table = EVENT_PA + FLAG_TABLE_OFFSET;

	add_host(l, EVENT_SET_UP, FLAG_TABLE_OFFSET);
	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].vtcr |= VTCR_HA;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_poke(l, table, descriptor);
	add_write(l, STEP_S2, 0, at, table_descriptor(table), 2);
	return table;
}

/* The descriptor whose flag is 0 is in memory that L1 may not write: the update is an External abort. */
static void build_flag(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 2, 1), offset = FLAG_TABLE_OFFSET;
	uint64_t descriptor = leaf_s2(DATA_PA, 3, PTE_S2_R | PTE_S2_W);
	uint64_t table = flag_table(l, at, descriptor & ~PTE_AF);

	if (!l->vm->shared->skip)
		add_host(l, EVENT_READ_ONLY, offset);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_GONE, value_at(DATA_PA), 0);
	expect_fault(l, FAULT_EXTERNAL_WALK, ESR_FSC_TYPE_EXTERNAL_WALK, 3, at);
	add_read(l, table, ROLE_AFTER, 0, descriptor & ~PTE_AF);
	add_host(l, EVENT_SET_UP, offset);
	add_cleanup(l, 0, at, 2, 1);
}

/* VTCR_EL2.HA: the descriptor in which L0 sets the flag is in L0's dirty log, once. */
static void build_flag_logged(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 2, 1), offset = FLAG_TABLE_OFFSET;
	uint64_t descriptor = leaf_s2(DATA_PA, 3, PTE_S2_R | PTE_S2_W);
	uint64_t table = flag_table(l, at, l->vm->shared->skip ? descriptor : descriptor & ~PTE_AF);

	add_host(l, EVENT_DIRTY_ON, offset);
	expect_host(l, EVENT_DIRTY_READ, offset, 1);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(DATA_PA));
	expect_host(l, EVENT_DIRTY_READ, offset, 2);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(DATA_PA));
	expect_host(l, EVENT_DIRTY_READ, offset, 1);
	add_read(l, table, ROLE_AFTER, 0, descriptor);
	add_host(l, EVENT_SET_UP, offset);
	add_cleanup(l, 0, at, 2, 1);
}

/* L2's first fetch is what faults. Of an input size that there is not, a PE may make one that there is (R_YXNYW). */
static void build_base(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1);
	struct context *c = &l->vm->shared->context[1];

	context_of(l, 0);
	context_of(l, 1);
	last_step(l)->a = 1;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, 3, PTE_S2_R | PTE_S2_W), 3);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	if (l->variant == BASE_SIZE && !l->vm->shared->skip)
		c->vttbr |= TOO_FAR;
	if (l->variant == BASE_GONE && !l->vm->shared->skip)
		c->vttbr |= NO_MEMORY_PA;
	if (l->variant == INPUT_LARGE || l->variant == INPUT_SMALL)
		c->vtcr = (c->vtcr & ~VTCR_T0SZ) | PLACE(VTCR_T0SZ, l->variant == INPUT_LARGE ? 8 : 48);
	add_access(l, 1, ACCESS_READ, at, false, ROLE_GONE, 0, value_at(DATA_PA));
	l->position = 2; /* a fetch */
	if (l->variant == BASE_SIZE)
		expect_fault(l, FAULT_ADDRESS_SIZE, ESR_FSC_TYPE_ADDRESS_SIZE, 0, 0);
	else if (l->variant == BASE_GONE)
		expect_fault(l, FAULT_EXTERNAL_WALK, ESR_FSC_TYPE_EXTERNAL_WALK, first_level(l->shift), 0);
	else
		expect_fault(l, FAULT_TRANSLATION, ESR_FSC_TYPE_TRANSLATION, 0, 0);
	if (l->variant <= BASE_GONE)
		last_probe(l)->now = 0;
	l->position = 0;
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0); /* the next case's tables are others */
}

/* XN[1:0]: 0 nobody is kept from it, 1 EL1 is, 2 both are, 3 EL0 is (R_STCTY, Table D8-78). */
static bool may_execute(unsigned xn, bool el0)
{
	return !xn || xn == (el0 ? 1 : 3);
}

static void execute(struct litmus *l, uint64_t at, bool el0, bool may, enum role role)
{
	struct probe *p;

	add_access(l, 0, ACCESS_EXECUTE, at, el0, may ? role : ROLE_GONE, CODE_RESULT,
		   may && role == ROLE_AFTER ? CODE_RESULT : 0);
	p = last_probe(l);
	if (may)
		return;
	p->fault = FAULT_PERMISSION;
	p->esr_mask = ESR_EC | ESR_S1PTW | ESR_FSC;
	p->esr = PLACE(ESR_EC, ESR_EC_IABT_LOW) | PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | 3;
}

/* l->el0 loses the page, and the other EL has what the new descriptor says, which is as before or not. */
static void build_xnx(struct litmus *l)
{
	unsigned from = (unsigned)l->variant >> 2, to = (unsigned)l->variant & 3;
	uint64_t at = fresh_ipa(l->shift, 3, 1), all = PTE_S2_R | PTE_S2_W;
	uint64_t before = leaf_s2(DATA_PA, 3, all) | PLACE(PTE_S2_XN_BOTH, from);
	uint64_t after = leaf_s2(DATA_PA, 3, all) | PLACE(PTE_S2_XN_BOTH, to);

	add_context(l, 0, VMID, 0, true, true);
	add_code(l, DATA_PA, CODE);
	/* Nobody may write it, or EL1 could not execute what EL0 may write. */
	add_write(l, STEP_S1, 0, at, leaf_s1(at, 3, PTE_S1_EL0 | PTE_S1_RO | PTE_S1_NG), 3);
	add_write(l, STEP_S2, 0, at, before, 3);
	execute(l, at, !l->el0, may_execute(from, !l->el0), ROLE_AFTER);
	execute(l, at, l->el0, true, ROLE_BEFORE);
	add_write(l, STEP_S2, 0, at, after, 3);
	execute(l, at, l->el0, true, ROLE_STALE);
	add_tlbi(l, 0, l->op, operand_whole(l, at, 0, 0), STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	execute(l, at, l->el0, false, ROLE_GONE);
	execute(l, at, !l->el0, may_execute(to, !l->el0), ROLE_AFTER);
	execute(l, at, l->el0, false, ROLE_GONE);
	add_cleanup(l, 0, at, 3, 1);
}

static bool has_level(const struct litmus *l)
{
	switch (l->variant) {
	case LEAF_SIZE:
	case FORBIDDEN:
	case NO_FLAG:
	case SIZE_NO_FLAG:
	case SIZE_FORBIDDEN:
	case FLAG_FORBIDDEN:
		return l->level >= first_block(l->shift);
	case INVALID:
		return true;
	case TABLE_SIZE:
	case TABLE_GONE:
		return l->level < 3;
	case RESERVED:
		return l->level == 3;
	case BLOCK_HIGH:
		return l->level < first_block(l->shift);
	default:
		return false;
	}
}

static void add_descriptors(struct list *list)
{
	struct litmus l = { .op = op_named("ipas2e1is"),
			    .config = { .cpus = 1, .spare = 2, .pa_bits = 48 },
			    .own = true,
			    .build = build_descriptor,
			    .regime = "el1&0-stage2" };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = 0; l.variant < DESCRIPTORS; l.variant++)
			for (l.level = first_level(l.shift); l.level <= 3; l.level++)
				for (l.position = 0; has_level(&l) && l.position < 3; l.position++)
					list_add(list, &l, "s2-fault/%s/%s/level%u-%s", descriptor_words[l.variant],
						 granule_word(l.shift), l.level, access_words[l.position]);
	/* Each size and granule is a context of L0's: a VM that has enough of them (docs/litmus.md). */
	l.config.spare = 3;
	for (l.shift = 12; l.shift <= 14; l.shift += 2)
		for (l.variant = LEAF_SIZE; l.variant <= TABLE_SIZE; l.variant++)
			for (l.level = first_level(l.shift); l.level <= 3; l.level++)
				for (l.scale = PS_LEAST; has_level(&l) && l.scale <= PS_MOST; l.scale++) {
					l.position = (int)((l.scale + l.level) % 3);
					if (l.scale != PS_40_BITS)
						list_add(list, &l, "s2-fault/%s/%s/level%u-ps%u",
							 descriptor_words[l.variant], granule_word(l.shift), l.level,
							 pa_sizes[l.scale]);
				}
	l.scale = 0;
	l.position = 0;
	l.build = build_base;
	l.level = 3;
	l.slow = l.direct = true;
	l.config.spare = 0;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.position = 0, l.variant = 0; l.variant < BASES; l.variant++)
			list_add(list, &l, "s2-fault-%s/%s/%s", l.variant < INPUT_LARGE ? "base" : "input",
				 base_words[l.variant], granule_word(l.shift));
}

void cases_fault(struct list *list)
{
	struct litmus l = { .op = op_named("ipas2e1is"),
			    .config = { .cpus = 1, .spare = 2 },
			    .own = true,
			    .build = build_xnx,
			    .regime = "el1&0-stage2",
			    .level = 3,
			    .needs_xnx = true };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (unsigned el0 = 0; el0 < 2; el0++)
			for (l.variant = 0; l.variant < 16; l.variant++) {
				l.el0 = el0;
				if (may_execute((unsigned)l.variant >> 2, el0) &&
				    !may_execute((unsigned)l.variant & 3, el0))
					list_add(list, &l, "s2-xnx/ipas2e1is/%s/el%u/%d-%d", granule_word(l.shift),
						 !el0, l.variant >> 2, l.variant & 3);
			}
	add_descriptors(list);
	l = (struct litmus){ .op = NO_OPERATION,
			     .config = { .cpus = 1 },
			     .own = true,
			     .build = build_flag,
			     .regime = "el1&0-stage2",
			     .level = 3,
			     .slow = true };
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		list_add(list, &l, "s2-fault-flag/%s", granule_word(l.shift));
	l.build = build_flag_logged;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		list_add(list, &l, "flags-logged/%s", granule_word(l.shift));
}

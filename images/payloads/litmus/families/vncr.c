// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1 runs an L2 that is a hypervisor itself: HCR_EL2.{NV,NV2} = {1,1}, and L2's TPIDR_EL2 is a word of the page
 * that VNCR_EL2 names in vEL2's own regime, EL2&0 (Arm ARM D8.14). L0 cannot use L1's mapping: KVM keeps a software
 * TLB of one entry for each vCPU, which TLBIs of that regime and L0's MMU notifiers have to empty.
 *
 * vncr-*: {E2H,TGE} = {1,0} when the operation executes, vncr-tge-*: {1,1}. -own: the executing PE's L2 uses the
 * page, -remote: another one's, -two: both at once. -high: by TTBR1_EL2, where Linux at L1 has it; -last: the last page.
 * -granule: vEL2's own tables have 16K or 64K pages, and the page of VNCR_EL2 is the last of a leaf. vncr-remote-4: three victims.
 * vncr-va-bits: each bit of the page's address from 39 to 47.
 */
#include "families/families.h"
#include "families/vncr.h"

#define ASID_OTHER 0x16
#define PAGE 4096u
#define REGIONS 48 /* of 1 GiB each in vEL2's address space, used in turns */
#define REGIONS_16K 15 /* the same below its input size */

/* What the operation is given, against the entry of the page. */
enum { MATCHING, PART, OTHER_ASID, OTHER_ASID_GLOBAL, OTHER_VA, MATCHES, PAST = MATCHES };
static const char *const match_words[] = { "matching", "part", "other-asid", "other-asid-global", "other-va" };

uint64_t vncr_fresh_va(void)
{
	static unsigned next;

	return E2_TEST_VA + ((uint64_t)(1 + next++ % REGIONS) << 30);
}

uint64_t vncr_va(const struct litmus *l)
{
	uint64_t low = l->shift == 12 ? vncr_fresh_va() : E2_TEST_VA + ((uint64_t)(1 + l->number % REGIONS_16K) << 30);

	return place_va(l, low, input_bits(vel2_shift(l)));
}

uint64_t vncr_descriptor(uint64_t pa, unsigned level, bool global)
{
	return leaf_s1(pa, level, PTE_S1_PXN | PTE_S1_UXN | (global ? 0 : PTE_S1_NG));
}

/* An operation of vEL2 does not look at what L2's context is, but CTX_TLBI is the one with TGE. */
void vncr_contexts(struct litmus *l, uint64_t vncr)
{
	struct context *c = l->vm->shared->context;

	for (unsigned ctx = CTX_L2; ctx <= CTX_CLEANUP; ctx++)
		add_context(l, ctx, VMID, 0, false, true);
	c[CTX_L2].hcr |= HCR_NV | HCR_NV2;
	c[CTX_L2].vncr = vncr;
	c[CTX_TLBI].hcr |= l->tge ? HCR_TGE : 0;
	c[CTX_CLEANUP].hcr |= HCR_TGE;
}

void vncr_cleanup(struct litmus *l, uint64_t at)
{
	add_write(l, STEP_E2, 0, at, 0, start_level(vel2_shift(l)));
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
}

struct litmus vncr_used(void (*build)(struct litmus *l))
{
	return (struct litmus){ .op = NO_OPERATION,
				.config = { .cpus = 1, .spare = 2 },
				.build = build,
				.regime = "el2&0",
				.shift = 12,
				.any_stage2 = true,
				.own = true,
				.tge = true,
				.nv = true,
				.direct = true };
}

void vncr_write(struct litmus *l, uint64_t at, enum role role, uint64_t value)
{
	add_access(l, CTX_L2, ACCESS_VNCR_WRITE, at, false, role, 0, 0);
	last_step(l)->b = value;
}

static uint64_t operand_for(const struct litmus *l, uint64_t at)
{
	const struct operation *op = &operations[l->op];
	bool other = l->variant == OTHER_ASID || l->variant == OTHER_ASID_GLOBAL;
	bool asid = op->operand == VA || op->operand == VA_RANGE || op->operand == ASID;
	unsigned use = !asid ? 0 : other ? ASID_OTHER : E2_ASID;

	/* The block's last page and the one that follows the block. */
	if (l->variant == PART)
		return operand_range(at + leaf_size(l) - (1ull << l->shift), l->shift, 0, 0, 0, use);
	/* It begins with the page, and would go on after the end of the address space: it does not (R_QNPXY). */
	if (l->variant == PAST)
		return operand_range(at, l->shift, l->scale, l->num, 0, use);
	if (l->variant == OTHER_VA)
		at += 4 * leaf_size(l); /* -last: wraps to the first ones */
	return operand_whole(l, at, use, l->hint ? l->level : 0);
}

/* Who uses the page: `own` is the PE that executes the operation. */
static bool used_by(const struct litmus *l, bool own)
{
	return l->both || l->own == own;
}

static bool obliged(const struct litmus *l, uint64_t at, uint64_t operand, bool own)
{
	struct translation entry = { .stage = STAGE_1,
			       .regime = EL2,
			       .asid = E2_ASID,
			       .global = l->variant == OTHER_ASID_GLOBAL,
			       .start = at,
			       .size = leaf_size(l),
			       .shift = l->shift,
			       .level = l->level };
	struct state state = {
		.vmid = VMID, .el = 2, .features = HAS_ALL, .hcr = hcr_of(true, l->tge), .ds1 = case_ds(l), .own_pe = own
	};

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

static void look(struct litmus *l, bool own, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	if (own)
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, role, old, now);
	else
		for (unsigned cpu = 1; cpu < l->config.cpus; cpu++)
			add_sample(l, cpu, at, role, old, now);
}

static void look_all(struct litmus *l, uint64_t at, enum role role, uint64_t old)
{
	for (int own = 0; own < 2; own++)
		if (used_by(l, own))
			look(l, own, at, role, old, 0);
}

/* struct litmus.position: a bit above the usual input size, by which the page's address differs from its half's others. */
static uint64_t address_of(struct litmus *l)
{
	l->vm->shared->vel2_wide = l->position != 0;
	return vncr_va(l) ^ (l->position ? 1ull << l->position : 0);
}

static void build_read(struct litmus *l)
{
	uint64_t at = address_of(l), operand = operand_for(l, at), other = DATA_PA + leaf_size(l);
	uint64_t old = value_at(DATA_PA), now = value_at(other);
	bool global = l->variant == OTHER_ASID_GLOBAL;
	/* Not in the granule that PART takes away. */
	uint64_t in = l->shift > 12 && l->variant != PART ? leaf_size(l) - PAGE : 0;

	vncr_contexts(l, at + in);
	add_poke(l, DATA_PA + in + VNCR_TPIDR, old);
	add_poke(l, other + in + VNCR_TPIDR, now);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, global), l->level);
	for (unsigned cpu = 1; used_by(l, false) && cpu < l->config.cpus; cpu++)
		add_spin(l, cpu, CTX_L2, at, SPIN_L2_VNCR);
	look_all(l, at, ROLE_BEFORE, old);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	look_all(l, at, ROLE_STALE, old);
	add_tlbi(l, CTX_TLBI, l->op, operand, STEP_UNDER_TEST);
	for (int own = 0; own < 2; own++)
		if (used_by(l, own))
			look(l, own, at, obliged(l, at, operand, own) ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(other, l->level, global), l->level);
	for (int own = 0; own < 2; own++)
		if (used_by(l, own) && obliged(l, at, operand, own))
			look(l, own, at, ROLE_AFTER, old, now);
	for (unsigned cpu = 1; used_by(l, false) && cpu < l->config.cpus; cpu++)
		add_stop(l, cpu);
	if (!l->position) {
		vncr_cleanup(l, at);
		return;
	}
	add_write(l, STEP_E2, 0, at, 0, 0);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
}

/* Where L2's writes land: in the old page up to the operation, in the new one afterwards. */
static void build_write(struct litmus *l)
{
	uint64_t at = vncr_va(l), other = DATA_PA + leaf_size(l);
	uint64_t was = DATA_PA + VNCR_TPIDR, is = other + VNCR_TPIDR;

	vncr_contexts(l, at);
	add_poke(l, was, 1);
	add_poke(l, is, 1);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, false), l->level);
	vncr_write(l, at, ROLE_DONE, 2);
	add_read(l, was, ROLE_BEFORE, 2, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	vncr_write(l, at, ROLE_FREE, 3);
	add_read(l, was, ROLE_STALE, 3, 2);
	add_tlbi(l, CTX_TLBI, l->op, operand_for(l, at), STEP_UNDER_TEST);
	vncr_write(l, at, ROLE_GONE, 4);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(other, l->level, false), l->level);
	vncr_write(l, at, ROLE_DONE, 5);
	add_read(l, is, ROLE_AFTER, 1, 5);
	add_read(l, was, ROLE_AFTER, 5, 3);
	vncr_cleanup(l, at);
}

static bool has_variant(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];

	switch (l->variant) {
	case PART:
		return op->operand == VA_RANGE && l->level != 3;
	case OTHER_ASID:
		return op->family == vae1 || op->family == vae2 || op->family == aside1;
	case OTHER_ASID_GLOBAL:
		return op->family == vae1 || op->family == vae2;
	case OTHER_VA:
		return op->operand == VA || op->operand == VA_RANGE;
	default:
		return true;
	}
}

static void add_family(struct list *list, struct litmus l, const char *family)
{
	const struct operation *op = &operations[l.op];
	bool plain = op->operand == NONE || op->operand == ASID;

	for (l.level = l.both ? 3 : 1; l.level <= 3; l.level++)
		for (l.variant = MATCHING; l.variant < MATCHES; l.variant++) {
			if (!has_variant(&l) || (l.variant > PART && l.level != 3))
				continue;
			if ((l.ds || l.place == PLACE_LAST) && l.variant != MATCHING && l.variant != OTHER_ASID)
				continue;
			for (l.hint = 0; l.hint < (plain || l.variant || l.both ? 1 : 2); l.hint++)
				list_add(list, &l, "%svncr%s%s-%s/%s/%s/%s%s/%s", l.ds ? "ds-" : "",
					 l.ds && op_is_range(op) ? "-range" : "", l.tge ? "-tge" : "", family, op->name,
					 size_word(leaf_size(&l)), match_words[l.variant], place_words[l.place],
					 l.hint ? "ttl" : "no-ttl");
		}
}

/* The page is the last one of a range. */
static void add_ranges(struct list *list, struct litmus l)
{
	l.build = build_read;
	l.own = true;
	l.config.cpus = 1;
	l.level = 3;
	l.num = 1;
	for (l.scale = 0; l.scale < 4; l.scale++)
		list_add(list, &l, "vncr-tge-range/%s/%sscale%u%s", operations[l.op].name,
			 l.variant == PAST ? "past-" : "", l.scale, place_words[l.place]);
}

#define WIDE_BITS 48

static void add_bits(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];

	if (!l.tge || l.ds || op->nxs || op->scope != IS || (op->operand != VA && op->operand != VA_RANGE))
		return;
	l.own = true;
	l.config.cpus = 1;
	l.level = 3;
	for (l.position = (int)input_bits(l.shift); l.position < WIDE_BITS; l.position++)
		list_add(list, &l, "vncr-va-bits/%s/bit%d%s", op->name, l.position, place_words[l.place]);
}

/* Other PEs' translations are what a broadcast takes. */
static void add_four(struct list *list, struct litmus l)
{
	if (!l.tge || l.ds || operations[l.op].scope == LOCAL)
		return;
	l.config = (struct config){ .cpus = 4 };
	l.level = 3;
	list_add(list, &l, "vncr-remote-4/%s%s", operations[l.op].name, place_words[l.place]);
}

static void add_operation(struct list *list, struct litmus l)
{
	/* Without TGE the low half is red as it is. */
	for (l.place = PLACE_LOW; l.place < (l.ds ? PLACE_LAST : l.tge ? PLACES : PLACE_HIGH); l.place++) {
		struct litmus m = l;

		m.build = build_read;
		if (m.tge && !m.ds && operations[m.op].operand == VA_RANGE) {
			m.variant = m.place == PLACE_LAST ? PAST : MATCHING;
			add_ranges(list, m);
			m.variant = MATCHING;
		}
		add_family(list, m, "remote");
		add_four(list, m);
		if (m.place != PLACE_LAST)
			add_bits(list, m);
		m.both = true;
		if (!m.ds)
			add_family(list, m, "two");
		m.both = false;
		m.own = true;
		m.config.cpus = 1;
		add_family(list, m, "own");
		m.build = build_write;
		m.level = 3;
		if (!m.ds)
			list_add(list, &m, "vncr%s-write/%s%s", m.tge ? "-tge" : "", operations[m.op].name,
				 place_words[m.place]);
	}
}

static void add_granules(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];

	l.build = build_read;
	l.tge = l.vel2 = l.own = true;
	l.config.cpus = 1;
	for (l.shift = 14; l.shift <= 16; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.level = 2; l.level <= 3; l.level++)
				for (l.variant = MATCHING; l.variant <= PART; l.variant++)
					for (l.hint = 0;
					     has_variant(&l) && l.hint < (op->has_operand && !l.variant ? 2 : 1);
					     l.hint++)
						list_add(list, &l, "vncr-tge-granule/%s/%s/%s/%s%s/%s", op->name,
							 granule_word(l.shift), size_word(leaf_size(&l)),
							 match_words[l.variant], place_words[l.place],
							 l.hint ? "ttl" : "no-ttl");
}

void cases_vncr(struct list *list)
{
	struct litmus l = { .config = { .cpus = 2, .spare = 2 }, .regime = "el2&0", .shift = 12,
			    .nv = true, .any_stage2 = true };

	for (l.op = 0; l.op < operation_count; l.op++) {
		enum family family = operations[l.op].family;

		if (family == ipas2e1 || family == vmalls12e1 || family == alle1)
			continue;
		for (unsigned tge = operations[l.op].regime == EL2 ? 0 : 1; tge < 2; tge++) {
			l.tge = tge;
			add_operation(list, l);
			if (tge)
				add_granules(list, l);
			l.ds = DS_VEL2; /* TCR_EL2.DS: descriptors of 52 bits, and the unit of a range's base */
			if (tge)
				add_operation(list, l);
			l.ds = 0;
		}
	}
}

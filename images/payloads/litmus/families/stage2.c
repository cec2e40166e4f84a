// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 2: a leaf is unmapped, with break-before-make (Arm ARM D8.17.1): valid, invalid, operation, valid.
 * L2 runs with its stage 1 off. The neighbours below and above the leaf are unmapped with it, so that they
 * show how much more than it had to the operation took.
 */
#include "families/families.h"
#include "host/program.h"

enum { FIRST, MIDDLE, LAST, POSITIONS };
static const char *const position_words[] = { "first", "middle", "last" };

static uint64_t offset_of(const struct litmus *l, int position)
{
	uint64_t page = 1ull << l->shift;

	return position == FIRST ? 0 : position == MIDDLE ? (leaf_size(l) / 2) & ~(page - 1) : leaf_size(l) - page;
}

static unsigned positions(const struct litmus *l)
{
	return l->level == 3 ? 1 : POSITIONS;
}

/* Three leaves in a row: -1 below, 0 the target, 1 above. The target's new output comes after theirs. */
static uint64_t pa_of(const struct litmus *l, int leaf)
{
	return DATA_PA + (uint64_t)(leaf + 1) * leaf_size(l);
}

static uint64_t new_pa(const struct litmus *l)
{
	return DATA_PA + 3 * leaf_size(l);
}

static void read_all(struct litmus *l, uint64_t target, const enum role roles[3], bool now)
{
	for (int leaf = -1; leaf <= 1; leaf++) {
		uint64_t ipa = target + (uint64_t)leaf * leaf_size(l);

		for (unsigned p = 0; p < (leaf ? 1 : positions(l)); p++) {
			uint64_t at = offset_of(l, leaf ? MIDDLE : (int)p);

			add_access(l, 0, ACCESS_READ, ipa + at, false, roles[leaf + 1], value_at(pa_of(l, leaf) + at),
				   now ? value_at(new_pa(l) + at) : 0);
		}
	}
	/* Where nothing is expected to fault. */
	if (roles[1] == ROLE_BEFORE || roles[1] == ROLE_STALE)
		add_together(l, positions(l) + 2);
}

#define GIB (1ull << 30)

/* Where the range forms start, relative to the target leaf. */
enum { FROM_START, TO_START, FROM_LAST_PAGE, VARIANTS, BESIDE };
static const char *const variant_words[] = { "from-start", "to-start", "from-last-page" };

static uint64_t range_base(const struct litmus *l, uint64_t target)
{
	uint64_t page = 1ull << l->shift, bytes = range_bytes(l->shift, l->scale, l->num);

	switch (l->variant) {
	case TO_START: /* its last page is the leaf's first */
		return bytes > target + page ? 0 : target + page - bytes;
	case FROM_LAST_PAGE:
		return target + leaf_size(l) - page;
	default:
		return target;
	}
}

static uint64_t operand_for(const struct litmus *l, uint64_t target)
{
	const struct operation *op = &operations[l->op];
	unsigned ttl = l->hint ? l->level : 0;

	switch (op->operand) {
	case IPA:
		return operand_address(false, target + offset_of(l, l->position), 0,
				       ttl_for(l->shift, l->hint ? l->level : 0));
	case IPA_RANGE:
		return operand_range(range_base(l, target), l->shift, l->scale, l->num, ttl, 0);
	default:
		return 0;
	}
}

static void unmap_at(struct litmus *l, uint64_t target)
{
	static const enum role before[] = { ROLE_BEFORE, ROLE_BEFORE, ROLE_BEFORE };
	static const enum role stale[] = { ROLE_STALE, ROLE_STALE, ROLE_STALE };
	uint64_t operand = operand_for(l, target);
	enum role after[3];

	add_context(l, 0, VMID, 0, false, true);
	for (int leaf = -1; leaf <= 1; leaf++) {
		uint64_t ipa = target + (uint64_t)leaf * leaf_size(l);

		add_write(l, STEP_S2, 0, ipa, leaf_s2(pa_of(l, leaf), l->level, PTE_S2_R | PTE_S2_W), l->level);
		for (unsigned p = 0; p < (leaf ? 1 : positions(l)); p++) {
			uint64_t at = offset_of(l, leaf ? MIDDLE : (int)p);

			add_poke(l, pa_of(l, leaf) + at, value_at(pa_of(l, leaf) + at));
			if (!leaf)
				add_poke(l, new_pa(l) + at, value_at(new_pa(l) + at));
		}
		after[leaf + 1] = stage2_obliged(l, operand, ipa, l->level) ? ROLE_GONE : ROLE_FREE;
	}
	read_all(l, target, before, false);
	for (int leaf = -1; leaf <= 1; leaf++)
		add_write(l, STEP_S2, 0, target + (uint64_t)leaf * leaf_size(l), 0, l->level);
	read_all(l, target, stale, false);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	/* Combined entries are VMALLE1's business (R_TVTYQ). */
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	read_all(l, target, after, false);
	add_write(l, STEP_S2, 0, target, leaf_s2(new_pa(l), l->level, PTE_S2_R | PTE_S2_W), l->level);
	for (unsigned p = 0; p < positions(l); p++)
		if (after[1] == ROLE_GONE)
			add_access(l, 0, ACCESS_READ, target + offset_of(l, (int)p), false, ROLE_AFTER,
				   value_at(pa_of(l, 0) + offset_of(l, (int)p)), value_at(new_pa(l) + offset_of(l, (int)p)));
	if (after[1] == ROLE_GONE)
		add_together(l, positions(l));
	add_cleanup(l, 0, target - leaf_size(l), l->level, 3);
}

static void build_unmap(struct litmus *l)
{
	unmap_at(l, fresh_ipa(l->shift, l->level, 4) + leaf_size(l));
}

/* The last leaves of the input size: the largest ranges pass its end. */
static void build_unmap_top(struct litmus *l)
{
	unmap_at(l, (1ull << input_bits(l->shift)) - 2 * leaf_size(l));
}

/*
 * Of a block one page at the other end of it than the operand's is in use: L0's shadow has no leaf at the operand's
 * IPA, nor at the start of the block where the operand is, that could tell its size. BESIDE: at the start of the GiB it has one, of
 * a page.
 */
static void build_sparse(struct litmus *l)
{
	bool beside = l->variant == BESIDE;
	uint64_t fresh = fresh_ipa(l->shift, l->level, 2), first = fresh & ~(GIB - 1);
	uint64_t target = fresh + (beside && fresh == first ? leaf_size(l) : 0), operand = operand_for(l, target);
	uint64_t at = offset_of(l, l->position == LAST ? FIRST : LAST);
	uint64_t old = value_at(DATA_PA + at), now = value_at(DATA_PA + leaf_size(l) + at);
	bool must = stage2_obliged(l, operand, target, l->level);

	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, DATA_PA + at, old);
	add_poke(l, DATA_PA + leaf_size(l) + at, now);
	if (beside) {
		add_write(l, STEP_S2, 0, first, leaf_s2(DATA_PA + at, 3, PTE_S2_R | PTE_S2_W), 3);
		add_access(l, 0, ACCESS_READ, first, false, ROLE_AFTER, 0, old);
	}
	add_write(l, STEP_S2, 0, target, leaf_s2(DATA_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	add_access(l, 0, ACCESS_READ, target + at, false, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, target, 0, l->level);
	add_access(l, 0, ACCESS_READ, target + at, false, ROLE_STALE, old, 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, ACCESS_READ, target + at, false, must ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_S2, 0, target, leaf_s2(DATA_PA + leaf_size(l), l->level, PTE_S2_R | PTE_S2_W), l->level);
	if (must)
		add_access(l, 0, ACCESS_READ, target + at, false, ROLE_AFTER, old, now);
	add_cleanup(l, 0, target, l->level, 1);
	if (beside)
		add_cleanup(l, 0, first, l->level, 1);
}

static void add_singles(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];

	for (l.hint = 0; l.hint < 2; l.hint++)
		for (l.position = FIRST; l.position < (int)positions(&l); l.position++)
			list_add(list, &l, "s2-unmap/%s/%s/%s-%s/%s", op->name, granule_word(l.shift), size_word(leaf_size(&l)),
				 position_words[l.position], l.hint ? "ttl" : "no-ttl");
	if (l.level == 3)
		return;
	l.build = build_sparse;
	for (l.hint = 0; l.hint < 2; l.hint++)
		for (l.position = FIRST; l.position < POSITIONS; l.position++)
			list_add(list, &l, "s2-sparse/%s/%s/%s-%s/%s", op->name, granule_word(l.shift), size_word(leaf_size(&l)),
				 position_words[l.position], l.hint ? "ttl" : "no-ttl");
	/* The search for a hint goes on at the start of the GiB with 4K pages alone, and unless the start of the block is in use. */
	if (l.shift != 12 || leaf_size(&l) >= GIB)
		return;
	l.variant = BESIDE;
	for (l.hint = 0; l.hint < 2; l.hint++)
		for (l.position = FIRST; l.position < LAST; l.position++)
			list_add(list, &l, "s2-sparse/%s/%s/%s-%s-beside/%s", op->name, granule_word(l.shift),
				 size_word(leaf_size(&l)), position_words[l.position], l.hint ? "ttl" : "no-ttl");
}

/*
 * A block that the range covers in part only is as much obliged as any: the operation is for each entry that
 * "would be used to translate any of the IPAs" of the range. KVM 7.3 does not see it so: a family of their own.
 */
static const char *range_family(const struct litmus *l)
{
	uint64_t target = 1ull << 47, base = range_base(l, target); /* above the largest range: base is not 0 */
	uint64_t end = base + range_bytes(l->shift, l->scale, l->num);

	for (int leaf = -1; leaf <= 1; leaf++) {
		uint64_t from = target + (uint64_t)leaf * leaf_size(l), to = from + leaf_size(l);

		if (base < to && end > from && (base > from || end < to))
			return "s2-unmap-part";
	}
	return "s2-unmap";
}

static void add_ranges(struct list *list, struct litmus l)
{
	static const struct {
		unsigned scale, num;
	} forms[] = { { 0, 0 }, { 0, 31 }, { 1, 0 }, { 1, 31 }, { 2, 0 }, { 2, 31 }, { 3, 0 }, { 3, 31 } };
	const struct operation *op = &operations[l.op];

	for (unsigned f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		l.scale = forms[f].scale;
		l.num = forms[f].num;
		for (l.variant = FROM_START; l.variant < VARIANTS; l.variant++)
			for (l.hint = 0; l.hint < (l.variant == FROM_START ? 2 : 1); l.hint++)
				list_add(list, &l, "%s/%s/%s/%s-%s/scale%u-num%u/%s", range_family(&l), op->name, granule_word(l.shift),
					 size_word(leaf_size(&l)), variant_words[l.variant], l.scale, l.num,
					 l.hint ? "ttl" : "no-ttl");
	}
	l.build = build_unmap_top;
	l.variant = FROM_START;
	l.hint = 0;
	list_add(list, &l, "s2-unmap-top/%s/%s/%s", op->name, granule_word(l.shift), size_word(leaf_size(&l)));
}

/* Each shadow context in use costs time (docs/litmus.md): a VM per granule, so that there is one. */
static void add_all(struct list *list, struct litmus l)
{
	l.config = (struct config){ .cpus = 1, .vel2_shift = l.shift };
	list_add(list, &l, "s2-all/%s/%s/%s", operations[l.op].name, granule_word(l.shift), size_word(leaf_size(&l)));
}

void cases_stage2(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		bool all = o->operand == NONE;

		if (o->family != ipas2e1 && o->family != vmalls12e1 && o->family != alle1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2)
			for (unsigned level = start_level(shift); level <= 3; level++) {
				struct litmus l = { .op = op,
						    .config = { .cpus = 1, .spare = 2 },
						    .build = build_unmap,
						    .regime = "el1&0-stage2",
						    .shift = shift,
						    .level = level,
						    .slow = all };

				if (o->operand == IPA)
					add_singles(list, l);
				else if (o->operand == IPA_RANGE)
					add_ranges(list, l);
				else if (level == 2)
					add_all(list, l);
			}
	}
}

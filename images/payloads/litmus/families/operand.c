// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands of IPAS2 and RIPAS2 that name something else than the leaf, or name it oddly: hints that are not the
 * entry's, addresses outside L1's IPA size, ranges that pass it or the end of the operand (Arm ARM C5.5, D8.17.5).
 * What they oblige is the oracle's to say, mostly nothing; the right operand must still do afterwards.
 */
#include "families/families.h"
#include "host/program.h"

enum odd {
	WRONG_LEVEL, /* TTL of another level */
	WRONG_GRANULE, /* TTL or TG of another granule */
	NO_GRANULE, /* TG 0 is reserved */
	UNALIGNED_TTL, /* the base is no multiple of the leaf that TTL names */
	LOW_BITS, /* address bits below the granule: RES0, and ignored */
	BEYOND_IPA, /* the first address after L1's IPA size */
	END_OF_OPERAND, /* the highest address that the operand can name: the largest range wraps */
	PASS_PA, /* the largest range, from the last page of the PA size on */
	PASS_IPA, /* the largest range, from the leaf at the end of the IPA space on */
	TO_END,	 /* the largest range that ends where the IPA space does */
	SMALL_GRANULE, /* the least range, of a smaller granule */
	ODDS,
};
static const char *const odd_words[ODDS] = { "wrong-level", "wrong-granule", "no-granule",     "unaligned-ttl",
					     "low-bits",    "beyond-ipa",    "end-of-operand", "pass-pa",
					     "pass-ipa",    "to-end",	     "small-granule" };

#define SCALE_MAX 3
#define NUM_MAX 31

static unsigned other_level(const struct litmus *l)
{
	return l->level == 3 ? 2 : 3;
}

static unsigned other_shift(const struct litmus *l)
{
	return l->shift == 12 ? 16 : 12;
}

static uint64_t ipa_end(const struct litmus *l)
{
	return 1ull << input_bits(l->shift);
}

/* In the operand's own words, so that nothing is lost on the way. */
static uint64_t odd_address(const struct litmus *l, uint64_t at)
{
	unsigned right = ttl_for(l->shift, other_level(l));

	switch (l->variant) {
	case WRONG_LEVEL:
		return operand_address(false, at, 0, right);
	case WRONG_GRANULE:
		return operand_address(false, at, 0, ttl_for(other_shift(l), l->level));
	case LOW_BITS:
		return operand_address(false, at + (1ull << l->shift) - 0x1000, 0, 0);
	case BEYOND_IPA:
		return operand_address(false, ipa_end(l), 0, 0);
	default:
		return operand_address(false, UINT64_MAX, 0, 0);
	}
}

static uint64_t odd_range(const struct litmus *l, uint64_t at)
{
	uint64_t page = 1ull << l->shift, pa_end = 1ull << (l->shift == 16 ? 52 : 48);
	uint64_t largest = range_bytes(l->shift, SCALE_MAX, NUM_MAX);

	switch (l->variant) {
	case WRONG_LEVEL:
		return operand_whole(l, at, 0, other_level(l));
	case WRONG_GRANULE:
		return operand_range(at, other_shift(l), SCALE_MAX, 0, 0, 0);
	case SMALL_GRANULE:
		return operand_range(at, 12, 0, 0, 0, 0);
	case NO_GRANULE:
		return operand_whole(l, at, 0, 0) & ~XT_TG;
	case UNALIGNED_TTL:
		return operand_range(at + page, l->shift, SCALE_MAX, 0, l->level, 0);
	case BEYOND_IPA:
		return operand_range(ipa_end(l), l->shift, SCALE_MAX, NUM_MAX, 0, 0);
	case PASS_PA:
		return operand_range(pa_end - page, l->shift, SCALE_MAX, NUM_MAX, 0, 0);
	case PASS_IPA:
		return operand_range(at, l->shift, SCALE_MAX, NUM_MAX, 0, 0);
	case TO_END:
		return operand_range(ipa_end(l) - largest, l->shift, SCALE_MAX, NUM_MAX, 0, 0);
	default:
		return operand_range(UINT64_MAX, l->shift, SCALE_MAX, NUM_MAX, 0, 0);
	}
}

static void build_odd(struct litmus *l)
{
	bool range = operations[l->op].operand == IPA_RANGE, top = l->variant == PASS_IPA || l->variant == TO_END;
	uint64_t at = top ? ipa_end(l) - leaf_size(l) : fresh_ipa(l->shift, l->level, 1);
	uint64_t odd = range ? odd_range(l, at) : odd_address(l, at), right = operand_whole(l, at, 0, l->level);
	uint64_t pa = DATA_PA, next = DATA_PA + leaf_size(l), all = PTE_S2_R | PTE_S2_W;

	add_context(l, 0, VMID, 0, false, true);
	add_poke(l, pa, value_at(pa));
	add_poke(l, next, value_at(next));
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, l->level, all), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, value_at(pa), 0);
	add_write(l, STEP_S2, 0, at, 0, l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_STALE, value_at(pa), 0);
	add_tlbi(l, 0, l->op, odd, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, ACCESS_READ, at, false, stage2_obliged(l, odd, at, l->level) ? ROLE_GONE : ROLE_FREE,
		   value_at(pa), 0);
	add_tlbi(l, 0, l->op, right, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_GONE, value_at(pa), 0);
	add_write(l, STEP_S2, 0, at, leaf_s2(next, l->level, all), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa), value_at(next));
	add_cleanup(l, 0, at, l->level, 1);
}

static bool has_odd(const struct litmus *l)
{
	bool range = operations[l->op].operand == IPA_RANGE;

	switch (l->variant) {
	case LOW_BITS:
		return !range && l->shift > 12;
	case NO_GRANULE:
	case PASS_PA:
	case PASS_IPA:
	case TO_END:
		return range;
	case SMALL_GRANULE:
		return range && l->shift > 12;
	case UNALIGNED_TTL:
		return range && l->level < 3;
	default:
		return true;
	}
}

void cases_operand(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		if (operations[op].family != ipas2e1)
			continue;
		for (unsigned shift = 12; shift <= 16; shift += 2)
			for (unsigned level = 2; level <= 3; level++) {
				struct litmus l = { .op = op,
						    .config = { .cpus = 1, .spare = 2 },
						    .build = build_odd,
						    .regime = "el1&0-stage2",
						    .shift = shift,
						    .level = level };

				for (l.variant = 0; l.variant < ODDS; l.variant++)
					if (has_odd(&l))
						list_add(list, &l, "s2-operand/%s/%s/%s/%s", operations[op].name,
							 granule_word(shift), size_word(leaf_size(&l)), odd_words[l.variant]);
			}
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT for L2's regime and what L1's registers say of a walk. at-l2-controls: TCR_EL1.{TBI,HPD,E0PD,HA,TG} and SCTLR_EL1.EE, for
 * either half. at-l2-small: TTBR1_EL1. at-l2-stage2: the level of a stage-2 fault, and Device memory there (Arm ARM DDI 0487 M.a.a,
 * C5.4, D24.2 PAR_EL1, D8.3.2, D8.5.1, R_BNDVG; D8.6: Device at either stage is Device). One answer alone is allowed in each.
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

enum {
	TAGGED,
	NO_HIERARCHY,
	KEPT_FROM_EL0,
	HARDWARE_FLAG,
	FLAG_READ_ONLY,
	OTHER_GRANULE,
	BIG_ENDIAN,
	BIG_ENDIAN_FLAG,
	CONTROLS
};
static const char *const control_words[CONTROLS] = {
	"tagged", "hpd", "e0pd", "hardware-af", "hardware-af-read-only", "other-granule", "big-endian", "big-endian-af"
};
enum { NO_TRANSLATION, READ_ONLY, DEVICE, STAGES2 };
static const char *const stage2_words[STAGES2] = { "invalid", "read-only", "device" };

#define BLOCK_PA 0x80000000 /* an address, whatever is there */

static uint64_t stage1_bits(void)
{
	return PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
}

/* TCR_EL1.TG0, or TG1, names a granule that L2's tables have not. */
static void other_granule(struct context *c, bool low)
{
	bool small = c->s1_shape.shift == 12;

	if (low)
		c->tcr = (c->tcr & ~TCR_TG0) | PLACE(TCR_TG0, small ? TCR_TG0_64K : TCR_TG0_4K);
	else
		c->tcr = (c->tcr & ~TCR_TG1) | PLACE(TCR_TG1, small ? TCR_TG1_64K : TCR_TG1_4K);
}

/* --self-test: the same page and question without the control; of the granule, for the other half. */
static void build_control(struct litmus *l)
{
	bool high = l->place != PLACE_LOW;
	uint64_t bits = stage1_bits(), va;
	struct known k = known_page(l, bits, l->variant == NO_HIERARCHY ? PTE_TABLE_RO | PTE_TABLE_NO_EL0 : 0);
	struct context *c = &l->vm->shared->context[0];
	static const uint64_t controls[CONTROLS][2] = { [TAGGED] = { TCR_TBI0, TCR_TBI1 },
							[NO_HIERARCHY] = { TCR_HPD0, TCR_HPD1 },
							[KEPT_FROM_EL0] = { TCR_E0PD0, TCR_E0PD1 },
							[HARDWARE_FLAG] = { TCR_HA, TCR_HA },
							[FLAG_READ_ONLY] = { TCR_HA, TCR_HA } };
	uint64_t descriptor;

	if (!l->vm->shared->skip)
		c->tcr |= controls[l->variant][high];
	if (l->variant == OTHER_GRANULE) /* of the half that the page is not in */
		other_granule(c, high != l->vm->shared->skip);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	va = k.va;
	descriptor = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits) & ~PTE_AF;
	if (l->variant == HARDWARE_FLAG || l->variant == FLAG_READ_ONLY) {
		add_poke(l, TABLE_PA, descriptor);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	}
	/* Each bit of a tag, of which bit 63 is one. */
	for (unsigned bit = 56; l->variant == TAGGED && bit < 63; bit++)
		at_ask(l, va ^ 1ull << bit, k.ipa, PAGE_PA);
	if (l->variant == TAGGED)
		va ^= 1ull << 63;
	/* What AT says is another matter: nothing may write where stage 2 lets nobody write (R_XQSMX, D8.5.2). */
	if (l->variant == FLAG_READ_ONLY) {
		known_stage2(l, k.table, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), k.table, 0);
		known_stage2(l, k.table, TABLE_PA, l->vm->shared->skip ? PTE_S2_R | PTE_S2_W : PTE_S2_R, 0);
		for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++) {
			add_at(l, 0, op, va, 0);
			last_probe(l)->old = 0;
		}
		add_read(l, TABLE_PA, ROLE_AFTER, 0, descriptor);
		known_end(l, &k);
		return;
	}
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++) {
		bool kept = l->variant == KEPT_FROM_EL0 && at_is_el0(op);

		add_at(l, 0, op, va, kept ? AT_FAILED(AT_TRANSLATION, 0) : at_is_both(op) ? PAGE_PA : k.ipa);
		/* Its level is at-l2-outside's. */
		last_probe(l)->old &= kept ? ~PLACE(PAR_FST, 3) : ~0ull;
	}
	known_end(l, &k);
}

/*
 * TTBR1_EL1 is `at`, a table of level 2 whose first descriptor is the first of 2^`bits`; returns the VA of that one's block. The
 * guest adds a root to TTBR0_EL1.
 */
static uint64_t high_blocks(struct litmus *l, uint64_t at, unsigned bits)
{
	struct context *c = &l->vm->shared->context[0];
	unsigned input = 2 * l->shift - 3 + bits;

	context_high(l, 0);
	c->high = false;
	c->ttbr1 = at;
	c->tcr = (c->tcr & ~TCR_T1SZ) | PLACE(TCR_T1SZ, 64 - input);
	return ~0ull << input;
}

static uint64_t block_offset(const struct litmus *l, uint64_t ipa)
{
	return ipa & ((1ull << (2 * l->shift - 3)) - 1);
}

/*
 * TTBR1_EL1 has a big-endian table of level 2, of an input size that begins there: its first descriptor is a block, of which
 * stage 2 has the last 4K of a page. With TCR_EL1.HA its access flag is 0 before. --self-test: little-endian, or without HA.
 */
static void build_big_endian(struct litmus *l)
{
	struct known k = known_page(l, stage1_bits(), 0);
	struct context *c = &l->vm->shared->context[0];
	uint64_t offset = block_offset(l, k.ipa), va = high_blocks(l, k.table, l->shift - 3) | offset;
	uint64_t descriptor = leaf_s1(k.ipa - offset, 2, stage1_bits());
	bool flag = l->variant == BIG_ENDIAN_FLAG, skip = l->vm->shared->skip;

	if (flag || !skip)
		c->sctlr |= SCTLR_EE;
	if (flag && !skip)
		c->tcr |= TCR_HA;
	add_poke(l, TABLE_PA, __builtin_bswap64(descriptor & ~(flag ? PTE_AF : 0)));
	at_ask(l, va, k.ipa, PAGE_PA);
	if (flag)
		add_read(l, TABLE_PA, ROLE_AFTER, 0, __builtin_bswap64(descriptor));
	known_end(l, &k);
}

/*
 * at-l2-small: tables of so few entries that they begin in the middle of a page: two in one page, whose addresses differ in bit
 * l->position of TTBR1_EL1 (D24.2 TTBR1_EL1, D8.2.3), and TTBR1_EL1 has the second. --self-test: the first.
 */
static unsigned small_bits(const struct litmus *l)
{
	unsigned block = 2 * l->shift - 3, least = 25; /* bits of input without FEAT_TTST */

	return block + 3 > least ? 3 : least - block;
}

static void build_small(struct litmus *l)
{
	struct known k = known_page(l, stage1_bits(), 0);
	uint64_t apart = 1ull << l->position, offset = block_offset(l, k.ipa), bits = stage1_bits();
	uint64_t va = high_blocks(l, k.table + (l->vm->shared->skip ? 0 : apart), small_bits(l)) | offset;

	/* In stage 2 there is a page at the last 4K of the first block alone. */
	add_poke(l, TABLE_PA, leaf_s1(k.ipa - offset, 2, bits) ^ 1ull << (2 * l->shift - 3));
	add_poke(l, TABLE_PA + apart, leaf_s1(k.ipa - offset, 2, bits));
	at_ask(l, va, k.ipa, PAGE_PA);
	known_end(l, &k);
}

/* L2's page is where stage 2 has something else, at l->level. --self-test: what the other case has. */
static void build_stage2(struct litmus *l)
{
	struct known k = known_page(l, stage1_bits(), 0);
	uint64_t ipa = fresh_ipa(12, l->level, 1), offset = k.ipa & ((1ull << l->shift) - 1);
	bool invalid = (l->variant == NO_TRANSLATION) != l->vm->shared->skip;

	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	add_poke(l, TABLE_PA, leaf_s1(ipa, 3, stage1_bits()));
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_S2, 0, ipa, invalid ? 0 : leaf_s2(BLOCK_PA, l->level, PTE_S2_R), l->level);
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++) {
		uint64_t failed =
			AT_FAILED(l->variant == NO_TRANSLATION ? AT_TRANSLATION : AT_PERMISSION, l->level) | PAR_S;
		bool passes = l->variant == READ_ONLY && !at_is_write(op);

		add_at(l, 0, op, k.va, !at_is_both(op) ? ipa + offset : passes ? BLOCK_PA + offset : failed);
	}
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	known_forget(l, op_named("ipas2e1is"), ipa, 0);
	known_end(l, &k);
}

/* Device at stage 2: PAR_EL1.ATTR says so and SH is Outer Shareable, where stage 1 has Normal memory. */
static void build_device(struct litmus *l)
{
	struct known k = known_page(l, stage1_bits(), 0);

	if (l->hint) {
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
		known_stage2(l, k.ipa, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), k.ipa, 0);
	}
	known_stage2(l, k.ipa, PAGE_PA, PTE_S2_R | PTE_S2_W, l->vm->shared->skip ? 0 : PTE_S2_NORMAL);
	for (enum at_operation op = AT_S12E1R; op < AT_TEXT; op++) {
		const struct at_memory device = { PAGE_PA, PAR_ATTR_DEVICE_NGNRNE, PAR_SH_OUTER };

		at_finds(l, 0, op, k.va, device);
	}
	known_end(l, &k);
}

void cases_at_controls(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .config = { .cpus = 1, .spare = 2 }, .regime = "el1&0", .any_stage2 = true, .own = true
	};

	for (l.shift = 12; l.shift <= 16; l.shift += 2) {
		l.level = 3;
		for (l.variant = 0; l.variant < CONTROLS; l.variant++) {
			l.build = l.variant >= BIG_ENDIAN ? build_big_endian : build_control;
			l.needs_e0pd = l.variant == KEPT_FROM_EL0;
			for (l.place = PLACE_LOW; l.place < (l.variant >= BIG_ENDIAN ? PLACE_HIGH : PLACE_LAST); l.place++)
				for (l.hint = 0; l.hint < (l.variant >= OTHER_GRANULE ? 1 : 2); l.hint++)
					list_add(list, &l, "at-l2-controls/%s/%s%s/%s", granule_word(l.shift),
						 control_words[l.variant], place_words[l.place],
						 l.hint ? "used" : "fresh");
		}
		l.needs_e0pd = false;
		l.variant = 0;
		l.hint = 0;
		l.build = build_small;
		l.place = PLACE_LOW;
		for (l.position = (int)small_bits(&l) + 3; l.position < 12; l.position++)
			list_add(list, &l, "at-l2-small/%s/bit%d", granule_word(l.shift), l.position);
		l.position = 0;
		for (l.variant = 0; l.variant < STAGES2; l.variant++) {
			l.build = l.variant == DEVICE ? build_device : build_stage2;
			for (l.level = l.variant == DEVICE ? 3 : 1; l.level <= (l.variant == DEVICE ? 3u : 2u); l.level++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					list_add(list, &l, "at-l2-stage2/%s/%s-level%u/%s", granule_word(l.shift),
						 stage2_words[l.variant], l.level, l.hint ? "used" : "fresh");
		}
	}
}

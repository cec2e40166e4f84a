// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT for L2's regime where it ends before a last-level descriptor, or at a block, or one of a contiguous group: stage 1 off, a VA
 * that no table is for, an address above TCR_EL1.IPS, and with PSTATE.PAN (Arm ARM DDI 0487 M.a.a, C5.4, D24.2 PAR_EL1, D8.15). One answer alone is
 * allowed in each.
 * With stage 1 off the memory is Device-nGnRnE, or with HCR_EL2.DC Write-Back and Non-shareable (D8.2.12), in a context, too, that L2
 * has never been in (-unseen), and an address above the PA size is an Address size fault.
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

enum {
	MMU_OFF,
	DEFAULT_CACHEABLE,
	NO_WALKS,
	NO_WALKS_HIGH,
	HOLE,
	HOLE_HIGH,
	NOT_CANONICAL,
	BASE_SIZE,
	TABLE_SIZE,
	LEAF_SIZE,
	LEAF_SIZE_NO_FLAG,
	NO_FLAG_READ_ONLY,
	BLOCK,
	BLOCK_READ_ONLY,
	GROUP,
	CNP,
	PAN_OFF_KERNEL,
	PAN_ON_KERNEL,
	PAN_OFF_USER,
	PAN_ON_USER,
	NVHE_TGE,
	VARIANTS
};
static const char *const variant_words[VARIANTS] = {
	"mmu-off",
	"dc",
	"epd0",
	"epd1",
	"hole",
	"hole-high",
	"not-canonical",
	"base-size",
	"table-size",
	"leaf-size",
	"leaf-size-and-access-flag",
	"access-flag-and-read-only",
	"block",
	"block-read-only",
	"contiguous",
	"cnp",
	"pan-off-kernel",
	"pan-on-kernel",
	"pan-off-user",
	"pan-on-user",
	"tge",
};

#define TOO_FAR (1ull << 40) /* above TCR_EL1.IPS */
#define HOLE_BIT 0x200000000000 /* above the input size */
#define NO_PA_BIT 0x0010000000000000 /* the first that no PA has (D8.1.8) */
#define SIGN_BIT 0x0080000000000000 /* bit 55 */
#define VMID_UNSEEN 0x5c /* of no L2 */

/* struct litmus.position: what fails, whatever the kind of fault and its level, which at-l2-outside is about. */
static void fails(struct litmus *l, uint64_t va, unsigned kind, unsigned level)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++) {
		add_at(l, 0, op, va, AT_FAILED(kind, level));
		if (l->position) {
			last_probe(l)->old &= ~PAR_FST;
			last_probe(l)->now &= ~PAR_FST;
		}
	}
}

/* Stage 2 is Write-Back and Inner Shareable. */
static void ask_flat(struct litmus *l, uint64_t ipa)
{
	bool device = l->variant == MMU_OFF;
	unsigned attr = device ? PAR_ATTR_DEVICE_NGNRNE : 0xff, one = device ? PAR_SH_OUTER : 0;

	at_ask_memory(l, 0, ipa, (struct at_memory){ ipa, attr, one },
		      (struct at_memory){ PAGE_PA, attr, device ? PAR_SH_OUTER : PAR_SH_INNER });
}

/* The last descriptor is wrong; in two things, of which the first is told (D8.15.5). */
static bool is_leaf(const struct litmus *l)
{
	return l->variant == LEAF_SIZE || l->variant == LEAF_SIZE_NO_FLAG || l->variant == NO_FLAG_READ_ONLY;
}

/* What differs from a page that everybody may use: before L2 has used it, and after. */
static void build_state(struct litmus *l)
{
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0, va;
	struct known k = known_page(l, bits, 0);
	struct context *c = &l->vm->shared->context[0];
	uint64_t descriptor = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits);
	bool skip = l->vm->shared->skip;

	if (l->scale)
		c->vttbr = PLACE(VTTBR_VMID, VMID_UNSEEN);
	/* A context's registers are those of the whole program: L2 uses the page where it still can. */
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	va = k.va;
	switch (skip ? VARIANTS : l->variant) {
	case MMU_OFF:
		c->sctlr &= ~(SCTLR_M | SCTLR_C | SCTLR_I);
		break;
	case DEFAULT_CACHEABLE:
		c->hcr |= HCR_DC;
		break;
	case NVHE_TGE:
		c->hcr |= HCR_TGE;
		break;
	case NO_WALKS:
		c->tcr |= TCR_EPD0;
		break;
	case NO_WALKS_HIGH:
		c->tcr |= TCR_EPD1;
		break;
	case BASE_SIZE:
		c->ttbr0 |= TOO_FAR;
		c->ttbr1 |= TOO_FAR;
		break;
	case CNP:
		c->ttbr0 |= TTBR_CNP;
		c->ttbr1 |= TTBR_CNP;
		break;
	case LEAF_SIZE:
		add_poke(l, TABLE_PA, descriptor | TOO_FAR);
		break;
	case LEAF_SIZE_NO_FLAG:
		add_poke(l, TABLE_PA, (descriptor & ~PTE_AF) | TOO_FAR);
		break;
	case NO_FLAG_READ_ONLY:
		add_poke(l, TABLE_PA, (descriptor & ~PTE_AF) | PTE_S1_RO);
		break;
	case TABLE_SIZE:
		add_write(l, STEP_S1, 0, k.va, table_descriptor(k.table | TOO_FAR), 2);
		break;
	}
	if (is_leaf(l) || l->variant == TABLE_SIZE)
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	switch (l->variant) {
	case MMU_OFF: /* the VA is the IPA, whatever the tables say */
	case DEFAULT_CACHEABLE:
		ask_flat(l, k.ipa);
		for (enum at_operation op = AT_S1E1R; op < AT_S12E1R; op++)
			add_at(l, 0, op, va, va);
		for (uint64_t bit = NO_PA_BIT; bit < SIGN_BIT; bit *= 2)
			fails(l, skip ? va : va | bit, AT_ADDRESS_SIZE, 0);
		break;
	case NVHE_TGE: /* without E2H stage 1 of EL1&0 is off then (D24.2.62) */
		for (enum at_operation op = AT_S1E1R; op < AT_S12E1R; op++)
			add_at(l, 0, op, va, va);
		break;
	case HOLE:
		fails(l, skip ? va : va | HOLE_BIT, AT_TRANSLATION, 0);
		break;
	case HOLE_HIGH:
		fails(l, skip ? va : va & ~HOLE_BIT, AT_TRANSLATION, 0);
		break;
	case NOT_CANONICAL: /* bits [63:56] are no copies of bit 55, and there is no TBI */
		fails(l, skip ? va : va ^ 1ull << 56, AT_TRANSLATION, 0);
		break;
	case NO_WALKS:
	case NO_WALKS_HIGH:
		fails(l, va, AT_TRANSLATION, 0);
		break;
	case CNP: /* no part of the address */
		at_ask(l, va, skip ? 0 : k.ipa, PAGE_PA);
		break;
	case BASE_SIZE:
		fails(l, va, AT_ADDRESS_SIZE, 0);
		break;
	case TABLE_SIZE:
		fails(l, va, AT_ADDRESS_SIZE, 2);
		break;
	case LEAF_SIZE:
	case LEAF_SIZE_NO_FLAG:
		fails(l, va, AT_ADDRESS_SIZE, 3);
		break;
	case NO_FLAG_READ_ONLY:
		fails(l, va, AT_ACCESS_FLAG, 3);
		break;
	}
	if (l->variant == TABLE_SIZE) {
		add_write(l, STEP_S1, 0, k.va, 0, 2);
		add_write(l, STEP_S1, 0, k.va, k.table | PTE_VALID | PTE_TABLE, 2);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		at_ask(l, va, k.ipa, PAGE_PA);
	}
	if (is_leaf(l)) {
		add_poke(l, TABLE_PA, descriptor);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
		at_ask(l, va, k.ipa, PAGE_PA);
	}
	known_end(l, &k);
}

/*
 * What EL0 may use EL1 may not with PSTATE.PAN (R_XTSQH), and the forms with a P look at it; those for a write look at AP[2], too. --self-test: PAN is 0 where it
 * should forbid, and forbids where it should not; a page that L2 has used is gone, for there L0 may ask its own MMU (at-l2-pan).
 */
static void build_pan(struct litmus *l)
{
	bool forbidden = l->variant == PAN_ON_USER, skip = l->vm->shared->skip;
	bool user = skip || l->variant >= PAN_OFF_USER,
	     pan = skip ? !forbidden : l->variant == PAN_ON_KERNEL || forbidden;
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | (user ? PTE_S1_EL0 : 0);
	struct known k = known_page(l, bits, 0);

	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	if (skip && l->hint) {
		add_poke(l, TABLE_PA, 0);
		add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	}
	for (enum at_operation op = AT_S1E1RP; op <= AT_S1E1WP; op++) {
		add_at(l, 0, op, k.va, forbidden ? AT_FAILED(AT_PERMISSION, 3) : k.ipa);
		last_step(l)->c = pan;
	}
	for (enum at_operation op = AT_S1E1R; op <= AT_S1E1W; op++)
		add_at(l, 0, op, k.va, k.ipa); /* which do not look at it */
	bits |= skip ? 0 : PTE_S1_RO;
	add_poke(l, TABLE_PA, leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits));
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	for (enum at_operation op = AT_S1E1RP; op <= AT_S1E1WP; op++) {
		bool write = op == AT_S1E1WP;

		if (l->hint && forbidden)
			continue;
		add_at(l, 0, op, k.va, forbidden || write ? AT_FAILED(AT_PERMISSION, 3) : k.ipa);
		last_step(l)->c = pan;
	}
	known_end(l, &k);
}

/* A write by a block that is read-only is a Permission fault of the block's level. */
static void ask_block(struct litmus *l, uint64_t va, uint64_t stage1, uint64_t both, bool read_only)
{
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, va,
		       read_only && at_is_write(op) ? AT_FAILED(AT_PERMISSION, l->level)
		       : at_is_both(op)		    ? both
						    : stage1);
}

/* The last 4K of a block of L2's stage 1, of which stage 2 has no more than that. */
static void build_block(struct litmus *l)
{
	uint64_t size = leaf_size(l),
		 va = place_va(l, fresh_ipa(l->shift, l->level, 1), input_bits(l->shift)) + size - 0x1000;
	uint64_t block = fresh_ipa(l->shift, l->level, 1), ipa = block + size - 0x1000;
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
	bool read_only = l->variant == BLOCK_READ_ONLY;

	if (read_only && !l->vm->shared->skip)
		bits |= PTE_S1_RO;
	add_context(l, 0, VMID, ASID_KNOWN, true, true);
	if (l->place != PLACE_LOW)
		context_high(l, 0);
	add_poke(l, PAGE_PA, value_at(PAGE_PA));
	add_write(l, STEP_S1, 0, va, leaf_s1(block, l->level, bits), l->level);
	known_stage2(l, ipa, PAGE_PA, PTE_S2_R | PTE_S2_W, 0);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	else
		at_forget_tables(l);
	ask_block(l, va, l->vm->shared->skip && !read_only ? ipa + 0x1000 : ipa, PAGE_PA, read_only);
	known_stage2(l, ipa, 0, 0, 0);
	known_forget(l, op_named("ipas2e1is"), ipa, 0);
	ask_block(l, va, ipa, AT_FAILED(AT_TRANSLATION, 3) | PAR_S, read_only);
	add_write(l, STEP_S1, 0, va, 0, l->level);
	add_tlbi(l, 0, op_named("vaae1is"), operand_address(true, va, 0, 0), 0);
}

/*
 * The last 4K of a member in the middle of a contiguous group (D8.7.1). The two bits of the VA above those of the group are 0, and
 * those of the IPA are 1. --self-test: the next member's.
 */
static void build_group(struct litmus *l)
{
	unsigned n = contiguous(l->shift, l->level);
	uint64_t size = leaf_size(l), group = n * size, in = n / 2 * size + size - 0x1000;
	uint64_t base = place_va(l, fresh_ipa(l->shift, l->level, 4 * n), input_bits(l->shift)), va = base + in;
	uint64_t out = fresh_ipa(l->shift, l->level, 4 * n) + 3 * group, ipa = out + in;
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0 | PTE_CONTIGUOUS;

	add_context(l, 0, VMID, ASID_KNOWN, true, true);
	if (l->place != PLACE_LOW)
		context_high(l, 0);
	add_poke(l, PAGE_PA, value_at(PAGE_PA));
	add_write(l, STEP_S1, 0, base, leaf_s1(out, l->level, bits), l->level);
	last_step(l)->d = n;
	known_stage2(l, ipa, PAGE_PA, PTE_S2_R | PTE_S2_W, 0);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	else
		at_forget_tables(l);
	at_ask(l, va, l->vm->shared->skip ? ipa + size : ipa, PAGE_PA);
	known_stage2(l, ipa, 0, 0, 0);
	known_forget(l, op_named("ipas2e1is"), ipa, 0);
	at_ask(l, va, ipa, AT_FAILED(AT_TRANSLATION, 3) | PAR_S);
	add_write(l, STEP_S1, 0, base, 0, l->level);
	last_step(l)->d = n;
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

static bool is_block(const struct litmus *l)
{
	return l->variant == BLOCK || l->variant == BLOCK_READ_ONLY;
}

/* A group of 64K blocks is larger than what L2 has for it. */
static bool has_level(const struct litmus *l)
{
	if (l->variant == GROUP)
		return l->level >= (l->shift == 16 ? 3u : 2u);
	return is_block(l) ? l->level < 3 : l->level == 3;
}

/* Which half it is about; l->hint where L2 can use the page under the same registers. */
static bool has_variant(const struct litmus *l)
{
	switch (l->variant) {
	case MMU_OFF:
	case DEFAULT_CACHEABLE:
	case NO_WALKS:
	case NVHE_TGE:
		return l->place == PLACE_LOW && !l->hint;
	case NO_WALKS_HIGH:
		return l->place == PLACE_HIGH && !l->hint;
	case BASE_SIZE:
		return !l->hint;
	case HOLE:
		return l->place == PLACE_LOW;
	case HOLE_HIGH:
		return l->place == PLACE_HIGH;
	default:
		return true;
	}
}

/*
 * at-l2-outside: no table is for the VA, and the fault is one of level 0, wherever the tables begin. at-l2-closed: the same, and all
 * that counts is that AT fails. at-l2-pan: PAN forbids,
 * and L0 may ask its own MMU.
 */
static const char *family_of(const struct litmus *l)
{
	if (l->variant >= NO_WALKS && l->variant <= NOT_CANONICAL)
		return l->position ? "closed" : "outside";
	return l->variant == PAN_ON_USER && l->hint ? "pan" : "more";
}

static void add_case(struct list *list, struct litmus *l)
{
	bool outside = l->variant >= NO_WALKS && l->variant <= NOT_CANONICAL;

	for (l->position = 0; l->position <= outside; l->position++)
		list_add(list, l, "%sat-l2-%s/%s/%s%s%s%s/%s", l->config.e2h0 ? "nvhe-" : "", family_of(l),
			 granule_word(l->shift), variant_words[l->variant], l->scale ? "-unseen" : "",
			 l->level == 1				? "-1g"
			 : l->variant == GROUP && l->level == 2 ? "-blocks"
								: "",
			 place_words[l->place], l->hint ? "used" : "fresh");
	l->position = 0;
}

void cases_at_more(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .config = { .cpus = 1, .spare = 2 }, .regime = "el1&0", .any_stage2 = true, .own = true
	};

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.variant = 0; l.variant < VARIANTS; l.variant++)
				for (l.hint = 0; l.hint < 2; l.hint++) {
					if (!has_variant(&l))
						continue;
					l.needs_pan2 = l.variant >= PAN_OFF_KERNEL && l.variant <= PAN_ON_USER;
					l.config.e2h0 = l.variant == NVHE_TGE;
					l.build = l.variant == GROUP ? build_group
						  : is_block(&l)     ? build_block
						  : l.needs_pan2     ? build_pan
								     : build_state;
					for (l.level = start_level(l.shift); l.level <= 3; l.level++)
						for (l.scale = 0;
						     has_level(&l) && l.scale <= (l.variant <= DEFAULT_CACHEABLE);
						     l.scale++)
							add_case(list, &l);
				}
}

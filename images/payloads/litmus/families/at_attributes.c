// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT for L2's regime and the memory type of a leaf: PAR_EL1.ATTR is the field of MAIR_EL1 that AttrIndx names, and SH that of the
 * leaf, or Outer Shareable for Device and Non-cacheable memory (Arm ARM DDI 0487 M.a.a, D24.2 PAR_EL1 and MAIR_EL1, D8.6). Stage 2
 * has Normal Write-Back memory, Inner Shareable, so that both stages together differ in SH alone. --self-test: another type.
 * -uncached: SCTLR_EL1.C is 0, and Normal memory is Non-cacheable. ds-at-share: TCR_EL1.DS is 1 and SH that of TCR_EL1, since the descriptor
 * has address bits in its place (D8.3.1).
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

static const struct {
	const char *word;
	unsigned attr;
	bool outer; /* always Outer Shareable */
} types[] = {
	{ "write-back", 0xff, false }, { "non-cacheable", 0x44, true }, { "ngnrne", 0x00, true }, { "ngnre", 0x04, true }
};
#define TYPES 4u
static const unsigned shares[] = { 0, PAR_SH_OUTER, PAR_SH_INNER };
static const char *const share_words[] = { "non-shareable", "outer", "inner" };
#define SHARES 3u
#define ATTR_NON_CACHEABLE 0x44u

static void build_attributes(struct litmus *l)
{
	unsigned type = (unsigned)l->variant % TYPES, share = (unsigned)l->variant / TYPES;
	unsigned asked = l->vm->shared->skip ? (type + (l->position ? 2 : 1)) % TYPES : type,
		 index = 1 + (unsigned)l->variant % 7;
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
	struct known k = known_page(l, bits, 0);
	uint64_t leaf = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits);
	bool uncached = l->position && types[type].attr >> 4;
	unsigned attr = uncached ? ATTR_NON_CACHEABLE : types[type].attr;
	unsigned sh = types[type].outer || uncached ? PAR_SH_OUTER : shares[share];

	if (l->position)
		l->vm->shared->context[0].sctlr &= ~SCTLR_C;
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	l->vm->shared->context[0].mair = 0xff | (uint64_t)types[asked].attr << (8 * index);
	/* Another memory type: break before make (D8.17.1). */
	add_poke(l, TABLE_PA, 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_poke(l, TABLE_PA, (leaf & ~PTE_SH) | PLACE(PTE_SH, shares[share]) | PLACE(PTE_S1_ATTR, index));
	at_ask_memory(l, 0, k.va, (struct at_memory){ k.ipa, attr, sh },
		      (struct at_memory){ PAGE_PA, attr, sh == PAR_SH_OUTER ? sh : PAR_SH_INNER });
	known_end(l, &k);
}

/* --self-test: the shareability of the other half. */
static void build_ds(struct litmus *l)
{
	unsigned share = shares[l->variant], other = shares[(l->variant + 1) % (int)SHARES];
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
	struct known k = known_page(l, bits, 0);
	struct context *c = &l->vm->shared->context[0];
	bool low = (l->place == PLACE_LOW) != l->vm->shared->skip;

	c->tcr = (c->tcr & ~(TCR_SH0 | TCR_SH1)) | PLACE(TCR_SH0, low ? share : other) |
		 PLACE(TCR_SH1, low ? other : share);
	add_poke(l, TABLE_PA, leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits) & ~PTE_SH);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	at_ask_memory(l, 0, k.va, (struct at_memory){ k.ipa, types[0].attr, share },
		      (struct at_memory){ PAGE_PA, types[0].attr, share == PAR_SH_OUTER ? share : PAR_SH_INNER });
	known_end(l, &k);
}

void cases_at_attributes(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_attributes,
			    .regime = "el1&0",
			    .any_stage2 = true,
			    .own = true,
			    .level = 3 };

	for (l.variant = 0; l.variant < (int)(TYPES * SHARES); l.variant++) {
		l.shift = 12 + 2 * ((unsigned)l.variant % 3);
		l.place = l.variant % 2 ? PLACE_HIGH : PLACE_LOW;
		for (l.hint = 0; l.hint < 2; l.hint++)
			list_add(list, &l, "at-l2-attributes/%s/%s-%s%s/%s", granule_word(l.shift),
				 types[(unsigned)l.variant % TYPES].word, share_words[(unsigned)l.variant / TYPES],
				 place_words[l.place], l.hint ? "used" : "fresh");
		l.hint = 0; /* QEMU's own AT does not look at it */
		l.position = 1;
		list_add(list, &l, "at-l2-attributes/%s/%s-%s-uncached%s/fresh", granule_word(l.shift),
			 types[(unsigned)l.variant % TYPES].word, share_words[(unsigned)l.variant / TYPES],
			 place_words[l.place]);
		l.position = 0;
	}
	l.build = build_ds;
	l.ds = DS_L2;
	for (l.shift = 12; l.shift <= 14; l.shift += 2)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
			for (l.variant = 0; l.variant < (int)SHARES; l.variant++)
				for (l.hint = 0; l.hint < 2; l.hint++)
					list_add(list, &l, "ds-at-share/%s/%s%s/%s", granule_word(l.shift),
						 share_words[l.variant], place_words[l.place], l.hint ? "used" : "fresh");
}

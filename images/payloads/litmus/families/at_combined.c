// SPDX-License-Identifier: GPL-2.0-only
/*
 * AT of both stages, and what they combine to. at-combined: memory types and shareability of each stage, with HCR_EL2.FWB and
 * without: Device wins, then Non-cacheable, then Write-Through, for the inner and the outer attribute each; the hints, Transient
 * among them, are stage 1's (R_THYXB); Device and Non-cacheable memory is Outer Shareable, else the larger domain counts (Arm ARM DDI 0487 M.a.a, D8.6.5,
 * R_HMNDG, R_TNHFM, R_GQFSF, R_VRJSW, R_RHWZM). HCR_EL2.CD makes what is Normal memory at stage 2 Non-cacheable (D24.2.62).
 * at-far: each bit of an IPA above those that other families of AT have.
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"

/* By MAIR_EL1's encoding, which is PAR_EL1's; these with hints to allocate. */
#define WRITE_BACK 0xff
#define WRITE_THROUGH 0xbb
#define NON_CACHEABLE 0x44
#define GRE 0x0c
static const struct {
	const char *word;
	unsigned attr;
} stage1[] = { { "wb", WRITE_BACK }, { "wt", WRITE_THROUGH },  { "nc", NON_CACHEABLE }, { "ngnrne", 0x00 },
	       { "ngnre", 0x04 },    { "ngre", 0x08 },	       { "gre", GRE },		{ "wb-none", 0xcc },
	       { "wb-read", 0xee },  { "wt-write", 0x99 },     { "outer-nc", 0x4f },	{ "inner-nc", 0xb4 },
	       { "inner-wt", 0xfb }, { "wt-transient", 0x33 }, { "wb-transient", 0x76 } };
#define STAGE1S 15u

/* Of stage 2, by MemAttr without FWB (D8.6.5). */
static const struct {
	const char *word;
	unsigned memattr, attr;
} stage2[] = { { "wb", 0xf, WRITE_BACK }, { "wt", 0xa, WRITE_THROUGH }, { "nc", 5, NON_CACHEABLE },
	       { "nc-wt", 6, 0x4b },	  { "nc-wb", 7, 0x4f },		{ "wt-nc", 9, 0xb4 },
	       { "wt-wb", 11, 0xbf },	  { "wb-nc", 13, 0xf4 },	{ "wb-wt", 14, 0xfb },
	       { "ngnrne", 0, 0x00 },	  { "ngnre", 1, 0x04 },		{ "ngre", 2, 0x08 },
	       { "gre", 3, GRE } };
#define STAGE2S 13u

/* With FWB: Device, which combines as without; Non-cacheable; Write-Back whatever stage 1 says; stage 1's own (D8.6.6). */
enum { FWB_DEVICE = 1, FWB_NON_CACHEABLE = 5, FWB_WRITE_BACK = 6, FWB_STAGE1 = 7 };
static const unsigned fwb[] = { FWB_DEVICE, FWB_NON_CACHEABLE, FWB_WRITE_BACK, FWB_STAGE1, 0, 2, 3 };
static const char *const fwb_words[] = { "ngnre", "nc", "force-wb", "stage1", "ngnrne", "ngre", "gre" };
#define FWBS 7u

/* The last is reserved, and Non-shareable; a PE that answers for stage 1 may tell it as it is. */
static const unsigned shares[] = { 0, PAR_SH_OUTER, PAR_SH_INNER, 1 };
static const char *const share_words[] = { "n", "o", "i", "r" };
#define SHARES 4u
#define SHARES1 3u
#define CACHE_OFF (int)(2 * SHARES)

static bool is_device(unsigned attr)
{
	return !(attr & 0xf0);
}

/* Of the inner or the outer attribute. 4: Non-cacheable; else in bits [3:2] Write-Through 2, Write-Back 3, which Transient takes 2 from. */
static bool is_transient(unsigned half)
{
	return half < 8 && half != 4;
}

static unsigned kind_of(unsigned half)
{
	return (half >> 2) + (is_transient(half) ? 2 : 0);
}

static unsigned weaker(unsigned one, unsigned two)
{
	unsigned kind = kind_of(one) < kind_of(two) ? kind_of(one) : kind_of(two);

	return kind == 1 ? 4 : (kind - (is_transient(one) ? 2 : 0)) << 2 | (one & 3);
}

static unsigned combine(unsigned one, unsigned two)
{
	if (is_device(one) || is_device(two))
		return one < two ? one : two;
	return weaker(one >> 4, two >> 4) << 4 | weaker(one & 15, two & 15);
}

static unsigned forced(unsigned half)
{
	return kind_of(half) == 1 ? 15 : (is_transient(half) ? 1 : 3) << 2 | (half & 3);
}

static unsigned combine_fwb(unsigned one, unsigned memattr)
{
	switch (memattr) {
	case FWB_NON_CACHEABLE:
		return is_device(one) ? one : NON_CACHEABLE;
	case FWB_WRITE_BACK:
		return is_device(one) ? WRITE_BACK : forced(one >> 4) << 4 | forced(one & 15);
	case FWB_STAGE1:
		return one;
	default:
		return combine(one, memattr << 2);
	}
}

static unsigned effective(unsigned attr, unsigned sh)
{
	return is_device(attr) || attr == NON_CACHEABLE ? PAR_SH_OUTER : sh == 1 ? 0 : sh;
}

static unsigned larger(unsigned one, unsigned two)
{
	return one == PAR_SH_OUTER || two == PAR_SH_OUTER   ? PAR_SH_OUTER
	       : one == PAR_SH_INNER || two == PAR_SH_INNER ? PAR_SH_INNER
							    : 0;
}

/*
 * struct litmus.scale and num: the two types; position and variant >> 1: the two shareabilities; variant & 1: FWB; from CACHE_OFF on:
 * HCR_EL2.CD. --self-test: another type.
 */
static void build_combined(struct litmus *l)
{
	unsigned one = stage1[l->scale].attr, index = 1 + (l->scale + l->num) % 7;
	bool fwb_on = l->variant & 1;
	unsigned memattr = fwb_on ? fwb[l->num] : stage2[l->num].memattr;
	unsigned cached = fwb_on ? combine_fwb(one, memattr) : combine(one, stage2[l->num].attr);
	unsigned both = l->variant >= CACHE_OFF && !is_device(cached) ? NON_CACHEABLE : cached;
	unsigned share2 = ((unsigned)l->variant >> 1) % SHARES;
	unsigned sh1 = effective(one, shares[l->position]), sh2 = effective(both, shares[share2]);
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0;
	struct known k = known_page(l, bits, 0);
	uint64_t leaf = leaf_s1(k.ipa & ~((1ull << l->shift) - 1), 3, bits);

	l->vm->shared->context[0].hcr |= fwb_on ? HCR_FWB : 0;
	l->vm->shared->context[0].hcr |= l->variant >= CACHE_OFF ? HCR_CD : 0;
	l->vm->shared->context[0].mair = 0xff | (uint64_t)(l->vm->shared->skip ? one ^ 0xff : one) << (8 * index);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, k.va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	/* Other memory types: break before make (D8.17.1). */
	add_poke(l, TABLE_PA, 0);
	known_stage2(l, k.ipa, 0, 0, 0);
	known_forget(l, op_named("ipas2e1is"), k.ipa, 0);
	add_poke(l, TABLE_PA, (leaf & ~PTE_SH) | PLACE(PTE_SH, shares[l->position]) | PLACE(PTE_S1_ATTR, index));
	add_write(l, STEP_S2, 0, k.ipa,
		  (leaf_s2(PAGE_PA, 3, PTE_S2_R | PTE_S2_W) & ~(PTE_SH | PTE_S2_MEMATTR)) |
			  PLACE(PTE_S2_MEMATTR, memattr) | PLACE(PTE_SH, shares[share2]),
		  3);
	at_ask_memory(l, 0, k.va, (struct at_memory){ k.ipa, one, sh1 },
		      (struct at_memory){ PAGE_PA, both, larger(sh1, sh2) });
	known_end(l, &k);
}

/* struct litmus.position: the bit of the IPA. --self-test: the page is where the bit is 0. */
static void build_far(struct litmus *l)
{
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0, all = PTE_S2_R | PTE_S2_W;
	uint64_t va = fresh_ipa(l->shift, 2, 1), low = fresh_ipa(12, 3, 1), ipa = low | 1ull << l->position;
	struct context *c = &l->vm->shared->context[0];

	add_context(l, 0, VMID, ASID_KNOWN, true, true);
	context_wide(l, 0, l->config.pa_bits);
	c->tcr = (c->tcr & ~TCR_IPS) | PLACE(TCR_IPS, 5);
	add_poke(l, PAGE_PA, value_at(PAGE_PA));
	add_write(l, STEP_S1, 0, va, leaf_s1(l->vm->shared->skip ? low : ipa, 3, bits), 3);
	known_stage2(l, ipa, PAGE_PA, all, 0);
	known_stage2(l, low, PAGE_NEXT_PA, all, 0);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	for (unsigned gone = 0; gone < 2; gone++) {
		at_ask(l, va, ipa, gone ? AT_FAILED(AT_TRANSLATION, 3) | PAR_S : PAGE_PA);
		known_stage2(l, gone ? low : ipa, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), gone ? low : ipa, 0);
	}
	add_write(l, STEP_S1, 0, va, 0, 3);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

/*
 * at-hints: Write-Back Transient that stage 2 makes Write-Through, and hints of stage 1 where stage 2 forces Write-Back, of which Linux 7.3 tells
 * what stage 1 or nobody says (defect-at-hints).
 */
static bool is_weakened(unsigned one, unsigned two)
{
	return is_transient(one) && kind_of(one) == 3 && kind_of(two) == 2;
}

static const char *family_of(const struct litmus *l)
{
	unsigned one = stage1[l->scale].attr, two = stage2[l->num % STAGE2S].attr;
	bool lost = l->variant & 1 ? fwb[l->num] == FWB_WRITE_BACK && combine_fwb(one, FWB_WRITE_BACK) != WRITE_BACK
				   : !is_device(one) && !is_device(two) &&
					     (is_weakened(one & 15, two & 15) || is_weakened(one >> 4, two >> 4));

	return lost ? "at-hints" : "at-combined";
}

static void add_combined(struct list *list, struct litmus l)
{
	for (l.variant = 0; l.variant < CACHE_OFF; l.variant++) {
		unsigned share2 = (unsigned)l.variant >> 1;
		bool fwb_on = l.variant & 1;

		l.needs_fwb = fwb_on;
		for (l.scale = 0; l.scale < STAGE1S; l.scale++)
			for (l.num = 0; l.num < (fwb_on ? FWBS : STAGE2S); l.num++) {
				/* Of the shareabilities each pair for the first types, else one for each pair of types. */
				bool one = share2 == (l.scale + l.num) % SHARES;

				if (!one && (l.scale > 2 || l.num > 2))
					continue;
				l.position = (int)((l.scale + l.num + share2) % SHARES1);
				l.shift = 12 + 2 * ((l.scale + l.num) % 3);
				l.hint = (l.scale + share2) % 2;
				list_add(list, &l, "%s/%s/%s-%s%s/%s%s/%s", family_of(&l), granule_word(l.shift),
					 stage1[l.scale].word, fwb_on ? "fwb-" : "",
					 fwb_on ? fwb_words[l.num] : stage2[l.num].word, share_words[l.position],
					 share_words[share2], l.hint ? "used" : "fresh");
				if (fwb_on || !one || l.scale > 6)
					continue;
				l.variant += CACHE_OFF;
				list_add(list, &l, "at-combined/%s/%s-%s-cd/%s%s/%s", granule_word(l.shift),
					 stage1[l.scale].word, stage2[l.num].word, share_words[l.position],
					 share_words[share2], l.hint ? "used" : "fresh");
				l.variant -= CACHE_OFF;
			}
	}
}

void cases_at_combined(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_combined,
			    .regime = "el1&0",
			    .any_stage2 = true,
			    .own = true,
			    .level = 3 };

	add_combined(list, l);
	l.build = build_far;
	/* A context of L0 for each granule, and none of another family's in this VM: four, of which three are taken. */
	l.config = (struct config){ .cpus = 1, .spare = 1, .pa_bits = 48 };
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.position = 36; l.position < l.config.pa_bits; l.position++)
			for (l.hint = 0; l.hint < 2; l.hint++)
				list_add(list, &l, "at-far/%s/bit%d/%s", granule_word(l.shift), l.position,
					 l.hint ? "used" : "fresh");
}

// SPDX-License-Identifier: GPL-2.0-only
/* Arm ARM DDI 0487 issue M.a.a, D8.2 to D8.4: VMSAv8-64 with 4, 16 and 64 KB granules, FEAT_LPA, FEAT_LPA2, FEAT_S1PIE. */
#include "walk.h"

#include <string.h>

#define BIT(value, bit) ((value) >> (bit) & 1)

/* How one stage is walked. ``wide``: 52 bits of output address, which each granule encodes in its own way. */
struct format {
	unsigned shift, bits;
	int start;
	bool wide, ds;
	uint64_t base;
};

static uint64_t low(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : value & ((1ull << bits) - 1);
}

uint64_t canonical(const struct context *context, uint64_t va)
{
	bool top = BIT(va, 55);
	bool tbi = context->regime == EL2 && !context->e2h ? context->tcr & TCR_E2H0_TBI : context->tcr & (top ? TCR_TBI1 : TCR_TBI0);

	/* D8.2 address tagging: with TBI the top byte is not part of the address. */
	return tbi ? (top ? va | 0xffull << 56 : va & ~(0xffull << 56)) : va;
}

static uint64_t table_base(uint64_t ttbr, const struct format *format, unsigned index_bits)
{
	uint64_t base = ttbr & TTBR_BADDR, bytes = 8ull << index_bits;

	if (format->wide) {
		base &= ~0x3full;
		base |= FIELD(ttbr, TTBR_BADDR_HIGH) << 48;
		if (bytes < 64)
			bytes = 64;
	}
	return base & ~(bytes - 1);
}

static uint64_t output(uint64_t descriptor, const struct format *format, unsigned size_shift)
{
	uint64_t address = descriptor & 0x0000fffffffff000ull;

	if (format->ds) /* FEAT_LPA2: OA[51:50] in bits 9:8 */
		address = (descriptor & 0x0003fffffffff000ull) | (descriptor >> 8 & 3) << 50;
	else if (format->wide && format->shift == 16)
		address |= (descriptor >> 12 & 0xf) << 48;
	return address & ~((1ull << size_shift) - 1);
}

/* A block exists at level 2, at level 1 but for 16 KB (with DS there, too), and at level 0 for 4 KB with DS. */
static bool may_be_block(int level, const struct format *format)
{
	if (level == 2)
		return true;
	if (level == 1)
		return format->shift != 14 || format->ds;
	return level == 0 && format->shift == 12 && format->ds;
}

static unsigned level_shift(const struct format *format, int level)
{
	return format->shift + (unsigned)(3 - level) * (format->shift - 3);
}

/* Where the walk is at ``level``; returns the offset of the descriptor in its table. */
static uint64_t descend(const struct format *format, int level, uint64_t address, struct leaf *leaf)
{
	unsigned shift = level_shift(format, level);

	leaf->shift = format->shift;
	leaf->level = level;
	leaf->size = 1ull << shift;
	leaf->start = address & ~(leaf->size - 1);
	return 8 * (level == format->start ? low(address, format->bits) >> shift : low(address >> shift, format->shift - 3));
}

enum kind_of_descriptor { INVALID, POINTER, LEAF };

static enum kind_of_descriptor kind_of(uint64_t descriptor, int level, const struct format *format)
{
	if (!(descriptor & 1) || (level == 3 && !(descriptor & 2)))
		return INVALID;
	if (level < 3 && (descriptor & 2))
		return POINTER;
	return level == 3 || may_be_block(level, format) ? LEAF : INVALID;
}

/* ---- stage 2 ---- */

static bool stage2_format(const struct context *context, struct format *format)
{
	static const int start4[] = { 2, 1, 0, 3 }, start16[] = { 3, 2, 1, 0 }, start64[] = { 3, 2, 1, 1 };
	static const unsigned shifts[] = { 12, 16, 14, 12 };
	uint64_t vtcr = context->vtcr;
	unsigned sl0 = (unsigned)FIELD(vtcr, VTCR_SL0), least;

	format->shift = shifts[FIELD(vtcr, VTCR_TG0)];
	format->bits = 64 - (unsigned)FIELD(vtcr, VTCR_T0SZ);
	format->ds = vtcr & VTCR_DS && format->shift != 16;
	format->wide = format->ds || (format->shift == 16 && FIELD(vtcr, VTCR_PS) == 6);
	format->start = format->shift == 12 ? start4[sl0] : format->shift == 14 ? start16[sl0] : start64[sl0];
	if (format->shift == 12 && format->ds && vtcr & VTCR_SL2 && !sl0)
		format->start = -1;
	least = level_shift(format, format->start) + 1; /* S2InconsistentSL(): up to 16 tables side by side */
	if (format->bits > 52 || format->bits < least || format->bits > least + format->shift)
		return false;
	format->base = table_base(context->vttbr, format, format->bits - level_shift(format, format->start));
	return true;
}

static unsigned stage2_perms(const struct context *context, uint64_t descriptor)
{
	static const unsigned execute[] = { P_X | P_UX, P_UX, 0, P_X };
	bool dirty = context->vtcr & VTCR_HA && context->vtcr & VTCR_HD && BIT(descriptor, 51);
	unsigned perms = 0;

	if (context->vtcr & VTCR_S2PIE) /* S2PIE: the address is checked, the permissions are not */
		return P_ALL;
	if (BIT(descriptor, 6))
		perms |= P_R | P_UR;
	if (BIT(descriptor, 7) || dirty)
		perms |= P_W | P_UW;
	return perms | execute[descriptor >> 53 & 3];
}

static enum outcome stage2_leaf(const struct context *context, read_physical read, uint64_t ipa, struct leaf *leaf)
{
	struct format format;
	uint64_t table, descriptor;

	memset(leaf, 0, sizeof(*leaf));
	if (!stage2_format(context, &format))
		return BAD_SIZE;
	if (low(ipa, format.bits) != ipa)
		return NO_TRANSLATION;
	table = format.base;
	for (int level = format.start; level <= 3; level++) {
		leaf->where = table + descend(&format, level, ipa, leaf);
		if (!read_descriptor(read, leaf->where, context->ee2, &descriptor))
			return NO_MEMORY;
		leaf->value = descriptor;
		switch (kind_of(descriptor, level, &format)) {
		case INVALID:
			return NO_TRANSLATION;
		case LEAF:
			leaf->perms = stage2_perms(context, descriptor);
			leaf->out = output(descriptor, &format, level_shift(&format, level));
			return BIT(descriptor, 10) || context->vtcr & VTCR_HA ? MAPPED : NO_ACCESS_FLAG;
		case POINTER:
			break;
		}
		table = output(descriptor, &format, format.shift);
	}
	return NO_TRANSLATION;
}

/* The PA of ``ipa``, with the step kept for the stage-2 TLB. */
static enum outcome stage2(const struct context *context, read_physical read, uint64_t ipa, struct walk *result,
			   uint64_t *pa, unsigned *perms)
{
	struct step *step = &result->step[result->steps];

	*pa = ipa;
	*perms = P_ALL;
	if (!context->s2)
		return MAPPED;
	if (result->steps == STEPS)
		return BAD_SIZE;
	result->steps++;
	step->ipa = ipa & PAGE_MASK;
	step->outcome = stage2_leaf(context, read, ipa, &step->leaf);
	*pa = step->leaf.out | (ipa & (step->leaf.size - 1));
	*perms = step->leaf.perms;
	result->highest |= step->leaf.out | (context->vttbr & VTTBR_BADDR);
	return step->outcome;
}

/* ---- stage 1 ---- */

static bool stage1_format(const struct context *context, uint64_t va, struct format *format)
{
	static const unsigned tg0[] = { 12, 16, 14, 12 }, tg1[] = { 12, 14, 12, 16 };
	bool two = context->regime == EL10 || context->e2h, upper = two && BIT(va, 55);
	uint64_t tcr = context->tcr, ps;
	unsigned levels, bits;
	uint64_t extended;

	format->shift = upper ? tg1[FIELD(tcr, TCR_TG1)] : tg0[FIELD(tcr, TCR_TG0)];
	bits = format->bits = 64 - (unsigned)(upper ? FIELD(tcr, TCR_T1SZ) : FIELD(tcr, TCR_T0SZ));
	ps = two ? FIELD(tcr, TCR_IPS) : FIELD(tcr, TCR_E2H0_PS);
	format->ds = tcr & (two ? TCR_DS : TCR_E2H0_DS) && format->shift != 16;
	format->wide = format->ds || (format->shift == 16 && ps == 6);
	/* Beyond the bounds of TnSZ a translation faults with level 0: S1MinTxSZ(), S1MaxTxSZ(). */
	if (bits > (format->ds || format->shift == 16 ? 52 : 48) || bits < (format->shift == 16 ? 17 : 16))
		return false;
	if (two && tcr & (upper ? TCR_EPD1 : TCR_EPD0))
		return false;
	extended = upper ? ~0ull << bits : 0;
	if ((va & (~0ull << bits)) != extended)
		return false;
	levels = (bits - format->shift + format->shift - 4) / (format->shift - 3);
	format->start = 4 - (int)levels;
	format->base = table_base(context->ttbr[upper] & ~1ull, format, bits - level_shift(format, format->start));
	return format->start >= -1;
}

uint64_t canonical_pc(const struct context *context, uint64_t pc)
{
	bool tbid = context->regime == EL2 && !context->e2h ? context->tcr & TCR_E2H0_TBID :
							       context->tcr & (BIT(pc, 55) ? TCR_TBID1 : TCR_TBID0);

	return tbid ? pc : canonical(context, pc); /* D8.8: with TBID the top byte counts for instructions */
}

/* Without WXN and PAN, which expect.c is about. */
static unsigned stage1_perms(const struct context *context, uint64_t descriptor, uint64_t tables)
{
	bool two = context->regime == EL10 || context->e2h;
	uint64_t hd = two ? TCR_HA | TCR_HD : TCR_E2H0_HA | TCR_E2H0_HD; /* HD counts where HA is 1 */
	struct permission_controls controls = {
		.pir = context->pir,
		.pire0 = context->pire0,
		.two = two,
		.nv1 = context->regime == EL10 && (context->hcr & (HCR_NV | HCR_NV1)) == (HCR_NV | HCR_NV1),
		.hd = (context->tcr & hd) == hd,
		.pie = (context->tcr2 & TCR2_PIE) != 0,
	};
	struct permissions p = stage1_permissions(&controls, descriptor, tables);

	return p.privileged | (unsigned)p.unprivileged << 3;
}

/* Looks the leaf of stage 1 up; ``result->leaf.out`` is an IPA. */
static enum outcome stage1_leaf(const struct context *context, read_physical read, uint64_t va, struct walk *result)
{
	bool two = context->regime == EL10 || context->e2h;
	struct leaf *leaf = &result->leaf;
	uint64_t table, descriptor, tables = 0;
	bool flat; /* the tables' own attributes are off */
	struct format format;
	unsigned perms;

	if (!stage1_format(context, va, &format))
		return NO_TRANSLATION;
	flat = context->tcr & (!two ? TCR_E2H0_HPD : BIT(va, 55) ? TCR_HPD1 : TCR_HPD0) || context->tcr2 & TCR2_AIE;
	table = result->root = format.base;
	result->highest |= format.base;
	for (int level = format.start; level <= 3; level++) {
		uint64_t at = table + descend(&format, level, va, leaf);
		enum outcome outcome = stage2(context, read, at, result, &leaf->where, &perms);

		if (context->s2)
			result->step[result->steps - 1].table = true;
		if (outcome != MAPPED) {
			result->stage = 2;
			return outcome;
		}
		if (!read_descriptor(read, leaf->where, context->sctlr & SCTLR_EE, &descriptor))
			return NO_MEMORY;
		leaf->value = descriptor;
		switch (kind_of(descriptor, level, &format)) {
		case INVALID:
			return NO_TRANSLATION;
		case LEAF:
			leaf->perms = stage1_perms(context, descriptor, tables);
			leaf->out = output(descriptor, &format, level_shift(&format, level));
			result->highest |= leaf->out;
			result->global = !two || !(BIT(descriptor, 11) || context->tcr2 & (BIT(va, 55) ? TCR2_FNG1 : TCR2_FNG0));
			return BIT(descriptor, 10) || context->tcr & (two ? TCR_HA : TCR_E2H0_HA) ? MAPPED : NO_ACCESS_FLAG;
		case POINTER:
			break;
		}
		tables |= flat ? 0 : descriptor;
		table = output(descriptor, &format, format.shift);
		result->highest |= table;
	}
	return NO_TRANSLATION;
}

/* ---- XS ---- */

static bool is_write_back(unsigned half)
{
	return (half & 4) && (half & 3 || half >= 12);
}

/* R_TDMCS: which memory types of MAIR_ELx have XS = 0. */
static bool stage1_xs(const struct context *context, uint64_t descriptor)
{
	unsigned attr = context->mair >> (8 * (descriptor >> 2 & 7)) & 0xff;

	if (!context->s1)
		return !(context->hcr & HCR_DC); /* R_WFZPW */
	if (attr == 0x40 || attr == 0xa0 || attr == 0xf0 || (attr & 0xf3) == 1)
		return false;
	return !(is_write_back(attr >> 4) && is_write_back(attr & 15));
}

/* R_FQWJG: FnXS of the leaf, or memory that HCR_EL2.FWB makes Write-Back, sets XS to 0. */
static bool stage2_clears_xs(const struct context *context, uint64_t descriptor)
{
	return BIT(descriptor, 11) || (context->hcr & HCR_FWB && (descriptor >> 2 & 7) == 6);
}

void walk(const struct context *context, read_physical read, uint64_t va, struct walk *result)
{
	unsigned perms;

	memset(result, 0, sizeof(*result));
	result->stage = 1;
	if (context->s1) {
		result->outcome = stage1_leaf(context, read, va, result);
		if (result->outcome != MAPPED)
			return;
		result->ipa = (result->leaf.out | (va & (result->leaf.size - 1))) & PAGE_MASK;
	} else {
		result->ipa = result->highest = va & PAGE_MASK;
		result->global = true;
		result->leaf = (struct leaf){ .start = result->ipa, .size = 4096, .out = result->ipa, .shift = 12,
					      .level = 3, .perms = P_ALL };
	}
	result->stage = 2;
	result->outcome = stage2(context, read, result->ipa, result, &result->pa, &perms);
	result->perms = result->leaf.perms & perms;
	result->xs = stage1_xs(context, result->leaf.value);
	if (result->xs && context->s2 && result->outcome == MAPPED)
		result->xs = !stage2_clears_xs(context, result->step[result->steps - 1].leaf.value);
}

const char *outcome_text(enum outcome outcome)
{
	static const char *const text[] = { "mapped", "no translation", "no access flag", "no memory there",
					    "bad size" };

	return text[outcome];
}

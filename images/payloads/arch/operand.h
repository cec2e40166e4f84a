/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Xt operand: bits to fields and back. Plain freestanding C, header only. Formats: Arm ARM DDI 0487 issue M.a.a,
 * D8.17.5.1 to D8.17.5.3 (I_CPNYZ, I_QPHNP, I_TYBWT, Tables D8-122 to D8-124).
 */
#ifndef NVH_ARCH_OPERAND_H
#define NVH_ARCH_OPERAND_H

#include "arch_data.h"
#include "operation.h"

#define NO_LEVEL (-1)

/* Rows of images/tlbi-ttl.csv. `shift` 0: no hint. */
struct ttl {
	uint8_t shift;
	int8_t level;
	uint8_t needs; /* HAS_LPA2, or 0; without it the value is as if there were no hint */
};
static const struct ttl ttl_of_address[16] = { TLBI_TTL_ADDRESS };
static const struct ttl ttl_of_range[4][4] = { TLBI_TTL_RANGE };

/* An operand's fields; those that its form has not are 0. */
struct fields {
	uint64_t address;     /* VA, sign-extended, or IPA; of a range its base */
	uint64_t first, last; /* of a range, whose end is that of the address space at most; else both `address` */
	uint16_t asid;
	uint8_t ns, ttl, tg, scale, num;
	uint8_t shift; /* log2 of the granule that TG or TTL names; 0: none, or of a range the reserved one */
	int8_t level;  /* that TTL names, or NO_LEVEL */
};

/* TG, and the granule part of TTL: 1 is 4K, 2 is 16K, 3 is 64K (Table D8-122). */
static inline unsigned granule_code(unsigned shift)
{
	return (shift - 10) / 2;
}

static inline unsigned granule_shift(unsigned code)
{
	return code ? 10 + 2 * code : 0;
}

/* log2 of what a descriptor at `level` covers: each level resolves granule / 8 entries (D8.2). */
static inline unsigned leaf_shift(unsigned shift, int level)
{
	return shift + (unsigned)(3 - level) * (shift - 3);
}

static inline uint64_t sign_extend(uint64_t value, unsigned top)
{
	return (uint64_t)((int64_t)(value << (63 - top)) >> (63 - top));
}

/* (NUM + 1) * 2^(5 * SCALE + 1) granules, in bytes (R_QKRKL). */
static inline uint64_t range_bytes(unsigned shift, unsigned scale, unsigned num)
{
	return (uint64_t)(num + 1) << (5 * scale + 1 + shift);
}

/* I_TYBWT: log2 of the unit of BaseADDR. */
static inline unsigned base_shift(unsigned shift, bool ds)
{
	return ds ? 16 : shift;
}

static inline void operand_decode_range(const struct operation *op, uint64_t xt, const struct state *state, struct fields *f)
{
	const struct ttl *ttl;
	unsigned unit;

	f->tg = (uint8_t)FIELD(xt, XT_TG);
	f->scale = (uint8_t)FIELD(xt, XT_SCALE);
	f->num = (uint8_t)FIELD(xt, XT_NUM);
	f->ttl = (uint8_t)FIELD(xt, XT_RTTL);
	f->shift = (uint8_t)granule_shift(f->tg);
	if (!f->shift)
		return;
	ttl = &ttl_of_range[f->tg][f->ttl];
	if (ttl->shift && (ttl->needs & ~state->features) == 0)
		f->level = ttl->level;
	unit = base_shift(f->shift, op->operand == VA_RANGE ? state->ds1 : state->ds2);
	f->address = FIELD(xt, XT_BASE) << unit;
	if (op->operand == VA_RANGE)
		f->address = sign_extend(f->address, unit + 36);
	f->first = f->address;
	f->last = f->address + (range_bytes(f->shift, f->scale, f->num) - 1);
	if (f->last < f->first) /* R_QNPXY: it does not wrap */
		f->last = ~0ull;
}

static inline struct fields operand_decode(const struct operation *op, uint64_t xt, const struct state *state)
{
	struct fields f = { .level = NO_LEVEL };
	const struct ttl *ttl;

	if (matches_asid(op))
		f.asid = (uint16_t)FIELD(xt, XT_ASID);
	if (op_is_ipa(op))
		f.ns = (uint8_t)FIELD(xt, XT_NS);
	if (op_is_range(op)) {
		operand_decode_range(op, xt, state, &f);
	} else if (op_is_va(op) || op_is_ipa(op)) {
		f.address = op_is_va(op) ? sign_extend(FIELD(xt, XT_VA) << 12, 55) : FIELD(xt, XT_IPA) << 12;
		f.first = f.last = f.address;
		f.ttl = (uint8_t)FIELD(xt, XT_TTL);
		ttl = &ttl_of_address[f.ttl];
		if (ttl->shift && (ttl->needs & ~state->features) == 0) {
			f.shift = ttl->shift;
			f.level = ttl->level;
		}
	}
	return f;
}

static inline uint64_t operand_asid(unsigned asid)
{
	return PLACE(XT_ASID, asid);
}

/* TTL of a leaf at `level`; level 0 is "no hint" here, as it is for everybody who has no LPA2. */
static inline unsigned ttl_for(unsigned shift, unsigned level)
{
	return level ? granule_code(shift) << 2 | level : 0;
}

static inline uint64_t operand_address(bool va, uint64_t address, unsigned asid, unsigned ttl)
{
	return PLACE(XT_ASID, asid) | PLACE(XT_TTL, ttl) |
	       (va ? PLACE(XT_VA, address >> 12) : PLACE(XT_IPA, address >> 12));
}

/* BaseADDR alone: in granules, or with DS in units of 64 KB. */
static inline uint64_t operand_base(uint64_t base, bool ds, unsigned shift)
{
	return PLACE(XT_BASE, base >> base_shift(shift, ds));
}

/* Units of BaseADDR are granules: without DS. */
static inline uint64_t operand_range(uint64_t base, unsigned shift, unsigned scale, unsigned num, unsigned ttl,
				     unsigned asid)
{
	return PLACE(XT_ASID, asid) | PLACE(XT_TG, granule_code(shift)) | PLACE(XT_SCALE, scale) | PLACE(XT_NUM, num) |
	       PLACE(XT_RTTL, ttl) | operand_base(base, false, shift);
}

#endif

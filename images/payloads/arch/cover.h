/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a TLBI operation obliges. Plain freestanding C, header only, so that callers on hot paths inline it. Arm ARM DDI
 * 0487 issue M.a.a: D8.17.5.4 (scope by <type>), D8.17.6, C5.5, and TLBIMatch() of J1.1.3. There is no rule for what may
 * go besides: a TLB may drop any entry at any time (I_YGYRY, R_MMZTY).
 */
#ifndef NVH_ARCH_COVER_H
#define NVH_ARCH_COVER_H

#include "operand.h"

/* Which stages' information an entry holds. With the EL2 regime it is stage 1's. */
enum stage { COMBINED, STAGE_2, STAGE_1 };

/* One translation that a PE may hold. */
struct translation {
	uint64_t start, size; /* VA or IPA, bytes */
	enum stage stage;
	enum regime regime;
	uint32_t shift; /* log2 of the granule */
	int32_t level;	/* of the descriptor */
	uint16_t vmid, asid;
	uint8_t global;
	uint8_t table; /* the descriptor points to a table: an intermediate walk, not a leaf */
	uint8_t xs;    /* the XS attribute of both stages together (I_SFCHD) */
	uint8_t flat;  /* stage 1 was off: there is no ASID, and no granule or level of stage 1 */
};

/* Why an operation does not oblige an entry to go. */
enum miss {
	COVERS,
	MISS_OTHER_PE,
	MISS_OTHER_REGIME,
	MISS_OTHER_STAGE,
	MISS_OTHER_VMID,
	MISS_OTHER_ASID,
	MISS_ONLY_NON_GLOBAL,
	MISS_OTHER_ADDRESS,
	MISS_OTHER_LEVEL,
	MISS_OTHER_GRANULE,
	MISS_NO_GRANULE_THERE,
	MISS_MISALIGNED,
	MISS_LEAF_ONLY,
	MISS_XS_STAYS,
	MISSES
};

enum answer { MAY, MUST, UNPREDICTABLE };

static inline enum answer answer_of(enum miss miss)
{
	return miss == COVERS ? MUST : miss == MISS_MISALIGNED ? UNPREDICTABLE : MAY;
}

/* An operation with all that does not depend on an entry, for those who ask about many. */
struct aim {
	const struct operation *op;
	struct fields fields;
	enum regime regime;
	uint16_t vmid;
	uint8_t by_asid; /* entries match by ASID */
	uint8_t nxs, local;
};

static inline struct aim aim_of(const struct operation *op, uint64_t xt, const struct state *state)
{
	return (struct aim){
		.op = op,
		.fields = operand_decode(op, xt, state),
		.regime = regime_of(op, state),
		.vmid = state->vmid,
		/* EL2 without E2H has no ASID (R_VMSWQ: "in which an ASID is valid"). */
		.by_asid = matches_asid(op) && !(op->family == vae2 && !(state->hcr & HCR_E2H)),
		.nxs = is_nxs(op, state),
		.local = scope_of(op, state) == LOCAL,
	};
}

/* Non-global entries match by ASID; ASIDE1 leaves global ones. Table entries are never global (R_CHVGJ). */
static inline enum miss asid_covers(const struct aim *aim, const struct translation *entry)
{
	bool global = (entry->global || entry->flat) && !entry->table;

	if (!aim->by_asid)
		return COVERS;
	if (aim->op->family == aside1 && global)
		return MISS_ONLY_NON_GLOBAL;
	return global || entry->asid == aim->fields.asid ? COVERS : MISS_OTHER_ASID;
}

/*
 * R_SQXYZ: a TTL that is not the leaf's obliges nothing. Of a range the hint obliges table entries up to the level, not
 * including it (TTL of C5.5.35). Of a single address the text and TLBIMatch() differ for table entries: neither is asked.
 */
static inline bool level_fits(const struct aim *aim, const struct translation *entry)
{
	int level = aim->fields.level;

	if (level == NO_LEVEL)
		return true;
	return entry->table ? op_is_range(aim->op) && entry->level < level : entry->level == level;
}

static inline enum miss range_covers(const struct aim *aim, const struct translation *entry)
{
	const struct fields *f = &aim->fields;

	if (f->shift != entry->shift) /* R_XKMMX, and TG 0 is reserved */
		return MISS_OTHER_GRANULE;
	if (!level_fits(aim, entry))
		return MISS_OTHER_LEVEL;
	/* I_HKYNQ: the range is UNPREDICTABLE when the base is no multiple of the leaf that TTL names. */
	if (f->level != NO_LEVEL && f->address & ((1ull << leaf_shift(f->shift, f->level)) - 1))
		return MISS_MISALIGNED;
	return f->first <= entry->start + (entry->size - 1) && entry->start <= f->last ? COVERS : MISS_OTHER_ADDRESS;
}

static inline enum miss address_covers(const struct aim *aim, const struct translation *entry)
{
	const struct fields *f = &aim->fields;

	if (aim->op->operand == NONE || aim->op->operand == ASID)
		return COVERS;
	/* R_XQBCL: they apply with stage 1 off, too, but such an entry has no granule that a hint could be right about. */
	if (entry->flat && (op_is_range(aim->op) || f->shift))
		return MISS_NO_GRANULE_THERE;
	if (op_is_range(aim->op))
		return range_covers(aim, entry);
	/* I_HQTLK: address bits below the granule are ignored. */
	if ((f->address & ~((1ull << entry->shift) - 1)) - entry->start >= entry->size)
		return MISS_OTHER_ADDRESS;
	if (f->shift && f->shift != entry->shift)
		return MISS_OTHER_GRANULE;
	return level_fits(aim, entry) ? COVERS : MISS_OTHER_LEVEL;
}

/* R_LGSCG, R_TVTYQ, R_GNJPZ: by stage. IPAS2 leaves combined entries, VMALLE1 those of stage 2 alone. */
static inline enum miss target_covers(const struct aim *aim, const struct translation *entry)
{
	enum family family = aim->op->family;
	enum miss miss;

	if (family == alle1 || family == vmalls12e1 || family == alle2)
		return COVERS;
	if ((family == ipas2e1) != (entry->stage == STAGE_2))
		return MISS_OTHER_STAGE;
	miss = asid_covers(aim, entry);
	return miss == COVERS ? address_covers(aim, entry) : miss;
}

/* COVERS: the entry, which is held by the PE that executes if `own_pe`, must be gone once it is complete. */
static inline enum miss aim_covers(const struct aim *aim, const struct translation *entry, bool own_pe)
{
	enum miss miss;

	if (aim->regime != entry->regime)
		return MISS_OTHER_REGIME;
	if (entry->regime == EL10 && aim->op->family != alle1 && aim->vmid != entry->vmid)
		return MISS_OTHER_VMID;
	miss = target_covers(aim, entry);
	if (miss != COVERS && miss != MISS_MISALIGNED)
		return miss;
	if (aim->op->last_level && entry->table)
		return MISS_LEAF_ONLY;
	if (entry->xs && aim->nxs) /* R_KBSSD: IMPLEMENTATION SPECIFIC */
		return MISS_XS_STAYS;
	/* R_QRNJC: plain forms are for the PE that executes them; there is one Outer Shareable domain. */
	return aim->local && !own_pe ? MISS_OTHER_PE : miss;
}

static inline enum miss tlbi_cover(const struct operation *op, uint64_t xt, const struct state *state,
				   const struct translation *entry)
{
	struct aim aim = aim_of(op, xt, state);

	return aim_covers(&aim, entry, state->own_pe);
}

static inline bool tlbi_must(const struct operation *op, uint64_t xt, const struct state *state,
			   const struct translation *entry)
{
	return tlbi_cover(op, xt, state, entry) == COVERS;
}

#endif

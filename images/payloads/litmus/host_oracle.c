// SPDX-License-Identifier: GPL-2.0
#include "oracle.h"

#include <stddef.h>

#include "tlbi_ops.h"

#define X(name, family, regime, operand, scope, last, nxs, os, range)                                        \
	{ #name, family, regime, operand, scope, last, nxs, os, range },
const struct operation operations[] = { TLBI_FACTS(X) };
#undef X
const unsigned operation_count = sizeof(operations) / sizeof(*operations);

uint64_t range_bytes(unsigned shift, unsigned scale, unsigned num)
{
	return (uint64_t)(num + 1) << (5 * scale + 1 + shift);
}

unsigned granule_code(unsigned shift)
{
	return (shift - 10) / 2;
}

/* C5.5, e.g. TLBI VAE1: ASID[63:48], TTL[47:44], VA[55:12] in [43:0]; TLBI IPAS2E1: IPA[51:12] in [39:0]. */
uint64_t operand_address(bool va, uint64_t address, unsigned asid, unsigned ttl)
{
	uint64_t field = va ? address >> 12 & 0xfffffffffff : address >> 12 & 0xffffffffff;

	return (uint64_t)asid << 48 | (uint64_t)ttl << 44 | field;
}

/* C5.5, e.g. TLBI RVAE1: ASID[63:48], TG[47:46], SCALE[45:44], NUM[43:39], TTL[38:37], BaseADDR[36:0]. */
uint64_t operand_range(uint64_t base, unsigned shift, unsigned scale, unsigned num, unsigned ttl, unsigned asid)
{
	return (uint64_t)asid << 48 | (uint64_t)granule_code(shift) << 46 | (uint64_t)scale << 44 |
	       (uint64_t)num << 39 | (uint64_t)ttl << 37 | (base >> shift & 0x1fffffffff);
}

static uint64_t sign_extend(uint64_t value, unsigned top)
{
	return (uint64_t)((int64_t)(value << (63 - top)) >> (63 - top));
}

/*
 * D8.17.5: TTL[3:2] names the granule and TTL[1:0] the level of the leaf. No entry is obliged by a hint
 * that is not its own. TTL[3:2] = 0 is no hint.
 */
static bool hint_fits(unsigned ttl, const struct entry *entry)
{
	if (!(ttl >> 2))
		return true;
	return ttl >> 2 == granule_code(entry->shift) && (ttl & 3) == entry->level;
}

static bool address_matches(const struct operation *op, uint64_t x, const struct entry *entry)
{
	uint64_t at = op->operand == VA ? sign_extend((x & 0xfffffffffff) << 12, 55) : (x & 0xffffffffff) << 12;

	/* Bits below the granule are RES0 in the operand (C5.5). */
	at &= ~((1ull << entry->shift) - 1);
	return hint_fits(x >> 44 & 0xf, entry) && at - entry->start < entry->size;
}

/*
 * The range is [BaseADDR, BaseADDR + (NUM + 1) * 2^(5 * SCALE + 1) * granule). A TG that is not the granule in
 * use obliges nothing, nor does a TTL that is not the entry's, nor one whose level does not fit the base.
 */
static bool range_matches(const struct operation *op, uint64_t x, const struct entry *entry)
{
	unsigned tg = x >> 46 & 3, scale = x >> 44 & 3, num = x >> 39 & 31, ttl = x >> 37 & 3;
	uint64_t base, last;

	if (tg != granule_code(entry->shift))
		return false;
	base = (x & 0x1fffffffff) << entry->shift;
	if (op->operand == VA_RANGE)
		base = sign_extend(base, entry->shift + 36);
	if (ttl && (ttl != entry->level || base & (entry->size - 1)))
		return false;
	last = base + (range_bytes(entry->shift, scale, num) - 1);
	if (last < base)
		last = UINT64_MAX;
	return base <= entry->start + (entry->size - 1) && entry->start <= last;
}

static bool operand_matches(const struct operation *op, uint64_t x, const struct entry *entry)
{
	switch (op->operand) {
	case VA:
	case IPA:
		return address_matches(op, x, entry);
	case VA_RANGE:
	case IPA_RANGE:
		return range_matches(op, x, entry);
	default:
		return true;
	}
}

bool oracle_obliges(unsigned index, uint64_t x, const struct state *state, const struct entry *entry)
{
	const struct operation *op = &operations[index];
	uint32_t asid = x >> 48;
	/* D8.17.6: EL1 operations at EL2 with {E2H, TGE} = {1, 1} are for the EL2&0 regime. */
	bool redirected = op->regime == EL10 && state->e2h && state->tge;
	int regime = op->regime == EL2 || redirected ? EL2 : EL10;
	bool vmid = entry->regime == EL2 || entry->vmid == state->vmid;

	/* The plain forms are for the PE that executes them (D8.17.1); there is one Outer Shareable domain. */
	if (op->scope == LOCAL && !state->own_pe)
		return false;
	if (op->last_level && entry->table)
		return false;

	switch (op->family) {
	case alle1:
		return entry->regime == EL10;
	case vmalls12e1:
		return entry->regime == EL10 && vmid;
	case ipas2e1:
		return entry->regime == EL10 && entry->stage == STAGE_2 && vmid && operand_matches(op, x, entry);
	case alle2:
		return entry->regime == EL2;
	default:
		break;
	}
	if (entry->regime != regime || entry->stage != STAGE_1 || !vmid)
		return false;
	switch (op->family) {
	case vmalle1:
		return true;
	case aside1:
		return !entry->global && entry->asid == asid;
	case vaae1:
		return operand_matches(op, x, entry);
	case vae1:
		return (entry->global || entry->asid == asid) && operand_matches(op, x, entry);
	case vae2:
		/* Without E2H the EL2 regime has no ASID (D8.17.3). */
		return (!state->e2h || entry->global || entry->asid == asid) && operand_matches(op, x, entry);
	default:
		return false;
	}
}

// SPDX-License-Identifier: GPL-2.0
/* Arm ARM DDI 0487: D8.17 "TLB maintenance", C5.5 for the operands. */
#include "tlbi.h"

#include <stddef.h>

#include "tlbi_ops.h"

struct encoding {
	unsigned sys;
};

#define ENCODING(name, op1, crn, crm, op2, operand) { op1 << 16 | crn << 12 | crm << 8 | op2 << 5 },
static const struct encoding encodings[] = { TLBI_OPERATIONS(ENCODING) };

/* The header has both lists in the same order; the encoding of each row is filled in at first use. */
#define FACTS(name, family, regime, operand, scope, last, nxs, os, range)                                    \
	{ #name, 0, F_##family, regime, operand, scope, last, nxs },
static struct operation operations[] = { TLBI_FACTS(FACTS) };

#define COUNT (sizeof(operations) / sizeof(*operations))
_Static_assert(sizeof(encodings) / sizeof(*encodings) == COUNT, "one encoding for each operation");

const char *const miss_text[MISSES] = {
	[COVERS] = "covers it",
	[OTHER_PE] = "it is for the executing PE alone",
	[OTHER_REGIME] = "it is for the other translation regime",
	[OTHER_STAGE] = "it is for the other stage",
	[OTHER_VMID] = "another VMID was loaded",
	[OTHER_ASID] = "its ASID is another one",
	[ONLY_NON_GLOBAL] = "it is for non-global entries alone",
	[OTHER_ADDRESS] = "its address or range is another one",
	[OTHER_LEVEL] = "its TTL names another level",
	[OTHER_GRANULE] = "its TG or TTL names another granule",
	[LEAF_ONLY] = "it is for the last level alone",
	[NOT_COMPLETE] = "it covers it, but no DSB of that PE has completed it",
};

const struct operation *tlbi_operation(unsigned sys)
{
	for (size_t i = 0; i < COUNT; i++)
		if (encodings[i].sys == sys) {
			operations[i].sys = sys;
			return &operations[i];
		}
	return NULL;
}

/* C5.5: the E1 forms at EL2 with HCR_EL2.{E2H,TGE} = {1,1} are for EL2&0. */
enum regime tlbi_regime(const struct tlbi *tlbi)
{
	if (tlbi->op->operand == IPA || tlbi->op->operand == IPA_RANGE || tlbi->op->family == F_alle1 ||
	    tlbi->op->family == F_vmalls12e1)
		return EL10;
	return tlbi->el == 2 && tlbi->e2h && tlbi->tge ? EL2 : tlbi->op->regime;
}

static uint64_t sign_extend(uint64_t value, unsigned top)
{
	return (uint64_t)((int64_t)(value << (63 - top)) >> (63 - top));
}

static unsigned granule_code(unsigned shift)
{
	return (shift - 10) / 2;
}

static bool is_range(const struct tlbi *tlbi)
{
	return tlbi->op->operand == VA_RANGE || tlbi->op->operand == IPA_RANGE;
}

/* (NUM + 1) * 2^(5 * SCALE + 1) granules from BaseADDR; a range ends with the address space. */
static bool range_addresses(const struct tlbi *tlbi, uint64_t *first, uint64_t *last)
{
	uint64_t xt = tlbi->xt, base = xt & 0x1fffffffff;
	unsigned tg = xt >> 46 & 3, scale = xt >> 44 & 3, num = xt >> 39 & 31, unit;

	if (!tg)
		return false;
	unit = tlbi->ds ? 16 : 10 + 2 * tg;
	base <<= unit;
	if (tlbi->op->operand == VA_RANGE)
		base = sign_extend(base, unit + 36);
	*first = base;
	*last = base + (((uint64_t)(num + 1) << (5 * scale + 1 + 10 + 2 * tg)) - 1);
	if (*last < base)
		*last = ~0ull;
	return true;
}

bool tlbi_addresses(const struct tlbi *tlbi, unsigned shift, uint64_t *first, uint64_t *last)
{
	uint64_t address;

	if (is_range(tlbi))
		return range_addresses(tlbi, first, last);
	if (tlbi->op->operand == VA)
		address = sign_extend((tlbi->xt & 0xfffffffffff) << 12, 55);
	else if (tlbi->op->operand == IPA)
		address = (tlbi->xt & 0xffffffffff) << 12;
	else
		return false;
	/* C5.5: the bits below the granule are RES0 and ignored. */
	*first = address & ~((1ull << shift) - 1);
	*last = *first;
	return true;
}

/* D8.17.5: a hint that is not the entry's own obliges nothing. A TTL whose granule is 0 is no hint. */
static enum miss address_covers(const struct tlbi *tlbi, const struct extent *entry)
{
	unsigned code = granule_code(entry->shift), ttl;
	uint64_t first, last;

	if (tlbi->op->operand == NONE || tlbi->op->operand == ASID)
		return COVERS;
	if (is_range(tlbi)) {
		if ((tlbi->xt >> 46 & 3) != code)
			return OTHER_GRANULE;
		ttl = tlbi->xt >> 37 & 3;
		range_addresses(tlbi, &first, &last);
		/* A base that is no multiple of the named leaf makes the range UNPREDICTABLE. */
		if (ttl && ((int)ttl != entry->level || first & (entry->size - 1)))
			return OTHER_LEVEL;
		return first <= entry->start + (entry->size - 1) && entry->start <= last ? COVERS : OTHER_ADDRESS;
	}
	tlbi_addresses(tlbi, entry->shift, &first, &last);
	if (first - entry->start >= entry->size)
		return OTHER_ADDRESS;
	ttl = tlbi->xt >> 44 & 15;
	if (ttl >> 2 && ttl >> 2 != code)
		return OTHER_GRANULE;
	if (ttl >> 2 && (int)(ttl & 3) != entry->level)
		return OTHER_LEVEL;
	return COVERS;
}

/* Non-global entries match by ASID; ASIDE1 leaves global ones. EL2 has ASIDs only with E2H. */
static enum miss asid_covers(const struct tlbi *tlbi, const struct extent *entry)
{
	enum family family = tlbi->op->family;

	if (family != F_vae1 && family != F_aside1 && !(family == F_vae2 && tlbi->e2h))
		return COVERS;
	if (family == F_aside1 && entry->global)
		return ONLY_NON_GLOBAL;
	return entry->global || entry->asid == (uint16_t)(tlbi->xt >> 48) ? COVERS : OTHER_ASID;
}

static enum miss stage_covers(const struct tlbi *tlbi, const struct extent *entry)
{
	enum family family = tlbi->op->family;
	enum miss miss;

	if (family == F_alle1 || family == F_vmalls12e1 || family == F_alle2)
		return COVERS;
	if ((family == F_ipas2e1) != (entry->kind == STAGE2))
		return OTHER_STAGE;
	miss = asid_covers(tlbi, entry);
	return miss == COVERS ? address_covers(tlbi, entry) : miss;
}

enum miss tlbi_covers(const struct tlbi *tlbi, const struct extent *entry, bool own_pe)
{
	enum miss miss;

	if (tlbi_regime(tlbi) != entry->regime)
		return OTHER_REGIME;
	if (entry->regime == EL10 && tlbi->op->family != F_alle1 && tlbi->vmid != entry->vmid)
		return OTHER_VMID;
	miss = stage_covers(tlbi, entry);
	if (miss != COVERS)
		return miss;
	if (tlbi->op->last_level && entry->table)
		return LEAF_ONLY;
	return tlbi->scope == LOCAL && !own_pe ? OTHER_PE : COVERS;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which operations came close to taking an entry, for a report: those that one thing keeps from it, and where there is
 * none the operation that lacks least. Plain C, runs in the plugin inside QEMU and in its test driver.
 */
#include "judge.h"

#define FAR 4 /* rank: not close */
#define NEIGHBOURS 0x20000 /* bytes around an entry in which an address counts as close */
#define OTHER_KIND 4 /* what no operand and no register could mend weighs as much as so many things that they could */

static unsigned rank_of(const struct tlbi *tlbi, const struct translation *extent, enum miss miss)
{
	struct tlbi changed = *tlbi;
	struct translation other = *extent;
	uint64_t first, last;

	switch (miss) {
	case MISS_OTHER_VMID:
		changed.aim.vmid = extent->vmid;
		return tlbi_covers(&changed, extent, true) == COVERS ? 1 : FAR;
	case MISS_OTHER_REGIME:
		other.regime = tlbi_regime(tlbi);
		other.vmid = tlbi->state.vmid;
		return tlbi_covers(&changed, &other, true) == COVERS ? 1 : FAR;
	case MISS_OTHER_STAGE:
		return 2;
	case MISS_OTHER_ADDRESS:
		if (!tlbi_addresses(tlbi, extent->shift, &first, &last))
			return FAR;
		return first < extent->start + extent->size + NEIGHBOURS && last + NEIGHBOURS > extent->start ? 1 : FAR;
	default:
		return 0;
	}
}

/* Changes operation and entry so that they agree in what `miss` says; false where another operation would be needed. */
static bool mend(struct aim *aim, struct translation *entry, bool *own_pe, enum miss miss)
{
	switch (miss) {
	case MISS_OTHER_PE:
		*own_pe = true;
		return true;
	case MISS_OTHER_VMID:
		aim->vmid = entry->vmid;
		return true;
	case MISS_OTHER_ASID:
		aim->fields.asid = entry->asid;
		return true;
	case MISS_OTHER_ADDRESS:
		aim->fields.address = aim->fields.first = entry->start;
		aim->fields.last = entry->start + (entry->size - 1);
		return true;
	case MISS_OTHER_LEVEL:
	case MISS_MISALIGNED:
		aim->fields.level = NO_LEVEL;
		return true;
	case MISS_OTHER_GRANULE:
		aim->fields.shift = (uint8_t)entry->shift;
		return true;
	case MISS_NO_GRANULE_THERE:
		entry->flat = 0;
		return true;
	case MISS_LEAF_ONLY:
		entry->table = 0;
		return true;
	case MISS_XS_STAYS:
		aim->nxs = 0;
		return true;
	case MISS_ONLY_NON_GLOBAL:
		entry->global = entry->flat = 0;
		return false;
	case MISS_OTHER_REGIME:
		entry->regime = aim->regime;
		return false;
	default: /* MISS_OTHER_STAGE: an operation of the other stage has no field that could be right */
		entry->stage = entry->stage == STAGE_2 ? COMBINED : STAGE_2;
		return false;
	}
}

/* The things that keep an operation from an entry, as bits of enum miss; `weight` says how much they are. */
static uint32_t lacks(const struct tlbi *tlbi, const struct translation *extent, bool own_pe, unsigned *weight)
{
	struct translation entry = *extent;
	struct aim aim = tlbi->aim;
	uint32_t found = 0;

	*weight = 0;
	for (unsigned n = 0; n < MISSES; n++) {
		enum miss miss = aim_covers(&aim, &entry, own_pe);

		if (miss == COVERS || found & 1u << miss)
			break;
		found |= 1u << miss;
		*weight += mend(&aim, &entry, &own_pe, miss) ? 1 : OTHER_KIND;
	}
	return found;
}

static void nearest(const struct judge *judge, unsigned pe, const struct entry *entry, struct report *report)
{
	uint64_t count = judge->counters.tlbis, oldest = count > HISTORY ? count - HISTORY : 0;
	unsigned least = ~0u;

	for (uint64_t i = count; i-- > oldest;) {
		const struct tlbi *tlbi = &judge->history[i % HISTORY];
		unsigned weight;
		uint32_t all;

		if (tlbi->seq < entry->filled.seq)
			break;
		all = lacks(tlbi, &entry->extent, pe == tlbi->pe, &weight);
		if (weight < least) {
			least = weight;
			report->near[0] = (struct near){ tlbi, all };
			report->near_count = 1;
			report->far = true;
		}
	}
}

void judge_near(const struct judge *judge, unsigned pe, const struct entry *entry, struct report *report)
{
	uint64_t count = judge->counters.tlbis, oldest = count > HISTORY ? count - HISTORY : 0;

	for (unsigned rank = 0; rank < 3; rank++)
		for (uint64_t i = count; i-- > oldest && report->near_count < CLOSE;) {
			const struct tlbi *tlbi = &judge->history[i % HISTORY];
			enum miss miss = tlbi_covers(tlbi, &entry->extent, pe == tlbi->pe);
			unsigned told = miss == COVERS ? NOT_COMPLETE : (unsigned)miss;

			if (tlbi->seq < entry->filled.seq)
				break;
			if (rank_of(tlbi, &entry->extent, miss) != rank)
				continue;
			report->near[report->near_count++] = (struct near){ tlbi, 1u << told };
		}
	if (!report->near_count)
		nearest(judge, pe, entry, report);
}
